"""numba's compiler behind a typed door: exact integers, cached, no fast-math."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

prange = numba.prange


def njit(function: F) -> F:
    """Compile for one thread; the machine code is cached beside the source."""
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast(F, compiled)


def njit_parallel(function: F) -> F:
    """Compile with `prange` on all threads; loop bodies must write disjoint memory."""
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function)
    return cast(F, compiled)
