"""Random numbers that depend on a key alone, never on the order in which they are drawn.

The generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over the fields of the key.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["keyed_normal", "keyed_uniform"]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def keyed_uniform(*fields: int | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """One number in [0, 1) for every key.

    Args:
        fields: integers and integer arrays that broadcast; together they are the key.
    """
    return (_hashed(fields) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def keyed_normal(*fields: int | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """One number of the standard normal distribution for every key (Box and Muller, 1958)."""
    first = 1.0 - keyed_uniform(*fields, 0)  # in (0, 1]: has a logarithm
    second = keyed_uniform(*fields, 1)
    normal: npt.NDArray[np.float64] = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    return normal


def _hashed(fields: tuple[int | npt.NDArray[Any], ...]) -> npt.NDArray[np.uint64]:
    state = np.zeros(1, np.uint64)  # an array: its arithmetic wraps without a warning
    for field in fields:
        state = _mixed(state ^ _mixed(np.atleast_1d(field).astype(np.int64).view(np.uint64)))
    return state


def _mixed(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = z + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
