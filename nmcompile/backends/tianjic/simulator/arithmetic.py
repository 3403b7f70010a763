"""The compiled arithmetic of a core: sums of products, maxima, and what neurons make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.simulator.tables import Rows
from nmcompile.ir.neurons import KEEP_ONE, PAYLOAD_MAX
from nmcompile.reference.jit import njit_borrowing

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
(KIND, BIAS, MULTIPLIER, SHIFT, V_KEEP, STATE_BITS, FIRE_ABOVE, RESET, RESET_BY, V_INIT) = range(10)
"""Columns of a neuron's parameters."""


@njit_borrowing
def add_rows(
    arrived: Any, which: I32, what: I32, row0: Any, rows: Rows, weights: I8, out: I32
) -> None:
    """Add up products, four rows at a time; zeros of a block are stored, so that rows may widen."""
    whole = arrived // 4 * 4
    for k in range(0, whole, 4):
        i, j, m, n = (
            row0 + which[k],
            row0 + which[k + 1],
            row0 + which[k + 2],
            row0 + which[k + 3],
        )
        low = min(min(rows.low[i], rows.low[j]), min(rows.low[m], rows.low[n]))
        high = max(max(rows.high[i], rows.high[j]), max(rows.high[m], rows.high[n]))
        sums = out[low:high]
        a = weights[rows.weight0[i] + low : rows.weight0[i] + high]
        b = weights[rows.weight0[j] + low : rows.weight0[j] + high]
        c = weights[rows.weight0[m] + low : rows.weight0[m] + high]
        d = weights[rows.weight0[n] + low : rows.weight0[n] + high]
        x, y, z, w = what[k], what[k + 1], what[k + 2], what[k + 3]
        if x == 1 and y == 1 and z == 1 and w == 1:
            for at in range(sums.shape[0]):
                sums[at] += np.int32(np.int16(a[at]) + np.int16(b[at])) + np.int32(
                    np.int16(c[at]) + np.int16(d[at])
                )
        else:
            for at in range(sums.shape[0]):
                sums[at] += (
                    x * np.int32(a[at])
                    + y * np.int32(b[at])
                    + z * np.int32(c[at])
                    + w * np.int32(d[at])
                )
    for k in range(whole, arrived):
        row = row0 + which[k]
        low, high = rows.low[row], rows.high[row]
        sums, a = out[low:high], weights[rows.weight0[row] + low : rows.weight0[row] + high]
        for at in range(sums.shape[0]):
            sums[at] += what[k] * np.int32(a[at])


@njit_borrowing
def largest(
    arrived: Any, which: I32, what: I32, row0: Any, rows: Rows, weights: I8, out: I32
) -> None:
    """The largest product, by neuron."""
    for k in range(arrived):
        row = row0 + which[k]
        for at in range(rows.low[row], rows.high[row]):
            weight = np.int32(weights[rows.weight0[row] + at])
            if weight != 0:
                out[at] = max(out[at], what[k] * weight)


@njit_borrowing
def activation(total: Any, row: Any, p: I64) -> Any:
    """ReLU8 of a sum; it ends where the level of spiking neurons would be, or at 255."""
    most = p[row, FIRE_ABOVE] if p[row, FIRE_ABOVE] > 0 else np.int64(PAYLOAD_MAX)
    scaled = (total + p[row, BIAS]) * p[row, MULTIPLIER] + (np.int64(1) << (p[row, SHIFT] - 1))
    return min(max(scaled >> p[row, SHIFT], np.int64(0)), most)


@njit_borrowing
def membrane(before: Any, total: Any, row: Any, p: I64) -> Any:
    """v before the reset."""
    after = before
    if p[row, V_KEEP] != KEEP_ONE:
        kept = abs(before) * p[row, V_KEEP] >> 12
        after = kept if before >= 0 else -kept
    after += total + p[row, BIAS]
    if p[row, STATE_BITS] > 0:
        most = (np.int64(1) << (p[row, STATE_BITS] - 1)) - 1
        after = min(max(after, -most), most)
    return after
