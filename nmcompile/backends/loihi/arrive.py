"""What the spikes of one group do to one tile in one tick, compiled.

Shared arguments: `row0` is the row of line 0 and `acc0` the first accumulator of the axon; `at`
says where the `n` spiking lines stand (slot, first line, first payload or -1) in `line` and
`payload`; `row`, `run`, `weight` are the synapses; `acc`, `touched` are changed in place. All
return the accesses to non-zero weights, and to all stored ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.backends.loihi import columns as c
from nmcompile.backends.loihi.accumulate import (
    add_four,
    add_one,
    add_scaled,
    add_wide,
    compare,
    mark,
)
from nmcompile.backends.loihi.pools import GATE, RUNNING_MAX, count_line
from nmcompile.backends.loihi.tables import I32, I64, U8, U16
from nmcompile.reference.jit import njit

At = tuple[Any, Any, Any]


@njit
def arrive_alike(
    row0: Any,
    step: Any,
    acc0: Any,
    at: At,
    n: Any,
    line: U16,
    payload: I32,
    row: I32,
    run: I32,
    weight: Any,
    acc: I32,
    touched: U8,
) -> Any:
    """Lines that differ in their weights only: `step` weights from one to the next."""
    run0, runs = row[row0, c.ROW_RUN0], row[row0, c.ROW_RUNS]
    nonzero = np.int64(0)
    if runs == 0:
        return nonzero, nonzero
    slot, first, payload0 = at
    base, w = acc0 + row[row0, c.ROW_DST], row[row0, c.ROW_W]
    for k in range(first, first + n):
        nonzero += row[row0 + line[slot, k], c.ROW_NONZERO]
    mark(base, run0, runs, run, touched)
    if payload0 >= 0:
        for k in range(0, n, 3):
            i, p = first + k, payload0 + k
            own = np.int64(line[slot, i])
            second = np.int64(line[slot, i + 1]) if k + 1 < n else own
            third = np.int64(line[slot, i + 2]) if k + 2 < n else own
            f1 = payload[slot, p + 1] if k + 1 < n else np.int32(0)
            f2 = payload[slot, p + 2] if k + 2 < n else np.int32(0)
            rows = (w + step * own, w + step * second, w + step * third)
            factors = (payload[slot, p], f1, f2)
            add_scaled(base, rows, factors, run0, runs, run, weight, acc)
    else:
        whole = n - n % 4
        for i in range(first, first + whole, 4):
            pair = (w + step * np.int64(line[slot, i]), w + step * np.int64(line[slot, i + 1]))
            rest = (w + step * np.int64(line[slot, i + 2]), w + step * np.int64(line[slot, i + 3]))
            add_four(base, (pair[0], pair[1], rest[0], rest[1]), run0, runs, run, weight, acc)
        for i in range(first + whole, first + n):
            add_one(base, w + step * np.int64(line[slot, i]), run0, runs, run, weight, acc)
    return nonzero, n * np.int64(row[row0, c.ROW_TOTAL])


@njit
def arrive_mixed(
    row0: Any,
    acc0: Any,
    at: At,
    n: Any,
    line: U16,
    payload: I32,
    row: I32,
    run: I32,
    weight: Any,
    acc: I32,
    touched: U8,
) -> Any:
    """Lines that reach different neurons."""
    slot, first, payload0 = at
    nonzero = total = np.int64(0)
    for k in range(n):
        r = row0 + line[slot, first + k]
        run0, runs = row[r, c.ROW_RUN0], row[r, c.ROW_RUNS]
        nonzero += row[r, c.ROW_NONZERO]
        total += row[r, c.ROW_TOTAL]
        base, w = acc0 + row[r, c.ROW_DST], row[r, c.ROW_W]
        mark(base, run0, runs, run, touched)
        if payload0 >= 0:
            factors = (payload[slot, payload0 + k], np.int32(0), np.int32(0))
            add_scaled(base, (w, w, w), factors, run0, runs, run, weight, acc)
        else:
            add_one(base, w, run0, runs, run, weight, acc)
    return nonzero, total


@njit
def arrive_wide(
    row0: Any,
    acc0: Any,
    at: At,
    n: Any,
    line: U16,
    payload: I32,
    row: I32,
    run: I32,
    weight: Any,
    acc: I64,
    touched: U8,
) -> Any:
    """Any lines, into sums of 64 bits."""
    slot, first, payload0 = at
    nonzero = total = np.int64(0)
    for k in range(n):
        r = row0 + line[slot, first + k]
        run0, runs = row[r, c.ROW_RUN0], row[r, c.ROW_RUNS]
        nonzero += row[r, c.ROW_NONZERO]
        total += row[r, c.ROW_TOTAL]
        base, w = acc0 + row[r, c.ROW_DST], row[r, c.ROW_W]
        mark(base, run0, runs, run, touched)
        factor = payload[slot, payload0 + k] if payload0 >= 0 else np.int32(1)
        add_wide(base, w, factor, run0, runs, run, weight, acc)
    return nonzero, total


@njit
def arrive_pooled(
    row0: Any,
    acc0: Any,
    kind: Any,
    counter: Any,
    at: At,
    n: Any,
    line: U16,
    payload: I32,
    row: I32,
    run: I32,
    weight: Any,
    acc: I32,
    touched: U8,
    counters: I32,
) -> Any:
    """Any lines, compared with what else arrives at pooling neurons of this kind."""
    slot, first, payload0 = at
    nonzero = total = np.int64(0)
    for k in range(n):
        own = np.int64(line[slot, first + k])
        r = row0 + own
        run0, runs = row[r, c.ROW_RUN0], row[r, c.ROW_RUNS]
        if runs == 0:
            continue
        nonzero += row[r, c.ROW_NONZERO]
        total += row[r, c.ROW_TOTAL]
        sent = payload[slot, payload0 + k] if payload0 >= 0 else np.int32(1)
        so_far = np.int32(0)
        if kind in (RUNNING_MAX, GATE):
            so_far = count_line(counter + own, sent, counters)
        base, w = acc0 + row[r, c.ROW_DST], row[r, c.ROW_W]
        compare(base, w, run0, runs, kind, so_far, sent, run, weight, acc, touched)
    return nonzero, total
