"""numba's compiler behind a typed door: exact integers, cached, no fast-math."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numba.extending

F = TypeVar("F", bound=Callable[..., Any])

prange = numba.prange


def njit(function: F) -> F:
    """Compile for one thread; the machine code is cached beside the source."""
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return cast(F, compiled)


def njit_borrowing(function: F) -> F:
    """Compile into the callers, without counting references to the arrays that it is given.

    For inner loops over many arrays, where counting costs more than the work. Such functions
    create no arrays.
    """
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
    untyped: Any = numba.njit
    return cast(F, untyped(_nrt=False, forceinline=True, **options)(function))


def njit_parallel(function: F) -> F:
    """Compile with `prange` on all threads; loop bodies must write disjoint memory."""
    compiled: Any = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)(function)
    return cast(F, compiled)


def instruction(function: Callable[..., Any]) -> Any:
    """What compiled code may call as if it were part of the language: see `numba.extending`."""
    return numba.extending.intrinsic(function)


def _without_owner(_: Any, arrays: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (given,) = arguments
        for index, kind in enumerate(signature.args[0].types):
            struct = context.make_array(kind)(context, builder, builder.extract_value(given, index))
            struct.meminfo = struct.meminfo.type(None)
            given = builder.insert_value(given, struct._getvalue(), index)
        return given

    return arrays(arrays), generate


borrowed: Any = instruction(_without_owner)
"""The arrays of a (named) tuple without their owners, for compiled code that keeps nothing.

Every call that passes an array counts its owner's references, atomically. In a loop of small
functions that costs more than their work; without an owner there is nothing to count. The caller
keeps the arrays alive.
"""
