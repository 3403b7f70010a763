"""Axon types that an encoding leaves free: inputs that need one axon of such a type, not several.

Of an encoding with several axons per input every neuron uses the same types in the same way. A
free type has a value of its own at every neuron. An input may enter on one axon of that type where
no other input of the type reaches one of its neurons with another weight: windows that do not
overlap, or weights that happen to agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit

Bits = npt.NDArray[np.bool_]
I8 = npt.NDArray[np.int8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
Integers = npt.NDArray[np.integer[Any]]
NO_TYPE = -1


def value_codes(weights: Sequence[Integers]) -> tuple[list[I16], I32]:
    """Weights as numbers of the values that their output channel has, 0 for none.

    Args:
        weights: of all projections of a population, `(C_out, ...)` each.

    Returns:
        The codes in the same shapes, and `(C_out, codes)` what they stand for.
    """
    flat = [w.reshape(len(w), -1).astype(np.int32) for w in weights]
    rows = [np.unique(np.concatenate([[0], *(w[o] for w in flat)])) for o in range(len(flat[0]))]
    rows = [np.concatenate([[0], row[row != 0]]) for row in rows]
    values = np.zeros((len(rows), max(len(row) for row in rows)), np.int32)
    codes = [np.zeros(w.shape, np.int16) for w in flat]
    for output, row in enumerate(rows):
        values[output, : len(row)] = row
        order = np.argsort(row)
        for weight, code in zip(flat, codes, strict=True):
            code[output] = order[np.searchsorted(row[order], weight[output])]
    return [c.reshape(w.shape) for c, w in zip(codes, weights, strict=True)], values


def single_types(codes: I16, several: Bits, free: Sequence[int]) -> I8:
    """A free type for as many inputs as the greedy search finds, `NO_TYPE` for the others.

    Args:
        codes: `(inputs, neurons)` of `value_codes`, 0 where a neuron does not read an input.
        several: `(inputs,)` inputs that take several axons without.
        free: types.
    """
    found = np.full(len(codes), NO_TYPE, np.int8)
    if not several.any() or not free:
        return found
    differ = _differ(codes[several])
    chosen = np.full(len(differ), NO_TYPE, np.int8)
    for kind in free:
        _independent(differ, chosen, kind)
    found[several] = chosen
    return found


def _differ(codes: I16) -> Bits:
    """Pairs of inputs that some neuron reads with different weights."""
    both = np.zeros((len(codes), len(codes)), np.float32)
    before = (codes == 1).astype(np.float32)
    for code in range(2, int(codes.max()) + 1):
        # what reads an input with this value and another with one of those before
        one = (codes == code).astype(np.float32)
        both += one @ before.T
        before += one
    found: Bits = both + both.T > 0.5
    return found


@njit
def _independent(differ: Bits, chosen: I8, kind: int) -> None:
    """Give `kind` to inputs without a type of which no two differ; few conflicts come first."""
    count = len(differ)
    free = chosen < 0
    degree = np.zeros(count, np.int64)
    for i in range(count):
        if free[i]:
            for j in range(count):
                degree[i] += free[j] and differ[i, j]
    while True:
        best = -1
        for i in range(count):
            if free[i] and (best < 0 or degree[i] < degree[best]):
                best = i
        if best < 0:
            return
        chosen[best] = kind
        free[best] = False
        for i in range(count):
            if free[i] and differ[best, i]:
                free[i] = False
                for j in range(count):
                    degree[j] -= differ[i, j]
