"""The different columns of a table of integers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]

KEYS: Final = 2**62
"""Numbers that one key may have."""


def distinct(columns: npt.NDArray[np.integer[Any]]) -> tuple[I64, I64]:
    """The different columns in rising order, and the number of each given one's.

    The same as `numpy.unique` along the second axis, which compares whole columns: here a column
    is one number, so that tables of millions are sorted in a second.

    Args:
        columns: `(rows, columns)`; the first row counts most.

    Returns:
        `(rows, different columns)`, and `(columns,)`.
    """
    key = np.zeros(columns.shape[1], np.int64)
    size = 1
    for row in columns:
        rank = row.astype(np.int64) - int(row.min(initial=0))
        width = int(rank.max(initial=0)) + 1
        if size > KEYS // width:
            (size, key), (width, rank) = _ranked(key), _ranked(rank)
        key *= width
        key += rank
        size *= width
    # What `numpy.unique` does, with half of the memory: a network may have millions of axons.
    order = np.argsort(key, kind="stable")
    key = key[order]
    new = np.ones(len(key), np.bool_)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    number = np.empty_like(key)
    number[order] = np.cumsum(new) - 1
    return columns[:, order[new]].astype(np.int64), number


def _ranked(values: I64) -> tuple[int, I64]:
    """How many different values there are, and the rank of each."""
    found, rank = np.unique(values, return_inverse=True)
    return len(found), rank
