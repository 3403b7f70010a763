"""The inner loops: weights of rows into accumulators, compiled.

Rows that share their runs, as the channels of one position do, are added several at a time: an
accumulator is then read and written once for several spikes. Unsigned indices let the compiler use
vector instructions. Arrays come one by one: a tuple of them would be taken apart at every call.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.backends.loihi.columns import RUN_DST, RUN_LENGTH, RUN_W
from nmcompile.backends.loihi.pools import arrival
from nmcompile.backends.loihi.tables import I32, I64, U8
from nmcompile.reference.jit import njit

Three = tuple[Any, Any, Any]
Four = tuple[Any, Any, Any, Any]


@njit
def add_one(base: Any, w: Any, run0: Any, runs: Any, run: I32, weight: Any, acc: I32 | I64) -> None:
    """acc += weights of one row that starts at weight `w`."""
    for r in range(run0, run0 + runs):
        d, a = np.uint64(base + run[r, RUN_DST]), np.uint64(w + run[r, RUN_W])
        for i in range(np.uint64(run[r, RUN_LENGTH])):
            acc[d + i] += weight[a + i]


@njit
def add_four(base: Any, w: Four, run0: Any, runs: Any, run: I32, weight: Any, acc: I32) -> None:
    """acc += weights of four rows."""
    for r in range(run0, run0 + runs):
        d, off = np.uint64(base + run[r, RUN_DST]), run[r, RUN_W]
        a, b = np.uint64(w[0] + off), np.uint64(w[1] + off)
        c, e = np.uint64(w[2] + off), np.uint64(w[3] + off)
        for i in range(np.uint64(run[r, RUN_LENGTH])):
            total = np.int32(weight[a + i]) + np.int32(weight[b + i])
            total += np.int32(weight[c + i]) + np.int32(weight[e + i])
            acc[d + i] += np.int32(total)


@njit
def add_scaled(
    base: Any, w: Three, factor: Three, run0: Any, runs: Any, run: I32, weight: Any, acc: I32
) -> None:
    """acc += factor * weights of three rows, the colours of a pixel; a factor may be zero."""
    f0, f1, f2 = np.int32(factor[0]), np.int32(factor[1]), np.int32(factor[2])
    for r in range(run0, run0 + runs):
        d, off = np.uint64(base + run[r, RUN_DST]), run[r, RUN_W]
        a, b, c = np.uint64(w[0] + off), np.uint64(w[1] + off), np.uint64(w[2] + off)
        for i in range(np.uint64(run[r, RUN_LENGTH])):
            total = f0 * np.int32(weight[a + i]) + f1 * np.int32(weight[b + i])
            acc[d + i] += np.int32(total + f2 * np.int32(weight[c + i]))


@njit
def add_times(
    base: Any, w: Any, factor: Any, run0: Any, runs: Any, run: I32, weight: Any, acc: I32 | I64
) -> None:
    """acc += factor * weights of one row, in the width of `acc`."""
    for r in range(run0, run0 + runs):
        d, a = np.uint64(base + run[r, RUN_DST]), np.uint64(w + run[r, RUN_W])
        for i in range(np.uint64(run[r, RUN_LENGTH])):
            acc[d + i] += np.int64(factor) * np.int64(weight[a + i])


@njit
def mark(base: Any, run0: Any, runs: Any, run: I32, touched: U8) -> None:
    """Note which accumulators received something."""
    for r in range(run0, run0 + runs):
        d = np.uint64(base + run[r, RUN_DST])
        for i in range(np.uint64(run[r, RUN_LENGTH])):
            touched[d + i] = 1


@njit
def compare(
    base: Any,
    w: Any,
    run0: Any,
    runs: Any,
    kind: Any,
    total: Any,
    payload: Any,
    run: I32,
    weight: Any,
    acc: I32,
    touched: U8,
) -> None:
    """Pooling: acc holds the largest of this tick's arrivals at every neuron."""
    for r in range(run0, run0 + runs):
        a0, w0 = base + run[r, RUN_DST], w + run[r, RUN_W]
        for i in range(run[r, RUN_LENGTH]):
            touched[a0 + i] = 1
            acc[a0 + i] = max(acc[a0 + i], arrival(kind, total, weight[w0 + i], payload))
