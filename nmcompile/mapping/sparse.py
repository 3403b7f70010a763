"""Rows of a sparse linear layer: runs of the weights that are not zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]

RUN_BYTES = 4
"""What a new run is taken to cost, in weights: it decides which zeros are stored."""


@dataclass(frozen=True)
class SparseRows:
    """The stored part of a matrix, row by row.

    Attributes:
        row: `(runs,)` row of every run, ascending. column: first column. length: columns.
        weights: values of all runs, one after the other; few of them are zero.
    """

    row: I64
    column: I64
    length: I64
    weights: npt.NDArray[Any]

    @property
    def size_bytes(self) -> int:
        """Weights of one byte, and an index for every run."""
        return len(self.weights) + RUN_BYTES * len(self.row)


def sparse_rows(matrix: npt.NDArray[Any]) -> SparseRows:
    """The runs of `(rows, columns)` weights; zeros that cost less than a new run are stored."""
    row, column = np.nonzero(matrix)
    follows = (np.diff(row) == 0) & (np.diff(column) - 1 <= RUN_BYTES)
    if not len(row):
        nothing = np.zeros(0, np.int64)
        return SparseRows(nothing, nothing, nothing, matrix.reshape(-1)[:0])
    first = np.flatnonzero(np.concatenate([[True], ~follows]))
    last = np.concatenate([first[1:], [len(row)]]) - 1
    length = column[last] - column[first] + 1
    start = np.cumsum(length) - length
    at = np.arange(int(length.sum())) + np.repeat(column[first] - start, length)
    weights = matrix[np.repeat(row[first], length), at]
    return SparseRows(row[first], column[first], length, weights)
