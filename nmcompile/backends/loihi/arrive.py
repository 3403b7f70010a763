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
    add_times,
    compare,
    mark,
)
from nmcompile.backends.loihi.pools import GATE, RUNNING_MAX, count_line
from nmcompile.backends.loihi.tables import I32, I64, U8, U16, U64
from nmcompile.reference.jit import njit

At = tuple[Any, Any, Any]
LANES, LANE_BITS = 4, 16
LANE_MAX = 2**LANE_BITS - 1
"""Counts of so many parts of a tile stand side by side in one word and are added at once."""
Waiting = tuple[Any, Any, Any, Any, Any, Any, Any]
"""Rows that wait to be added: how many, the weights of the last three, base, run0 and runs."""


@njit
def arrive_alike(
    row0: Any,
    step: Any,
    acc0: Any,
    at: At,
    n: Any,
    waiting: Waiting,
    line: U16,
    row: I32,
    run: I32,
    weight: Any,
    acc: I32,
    touched: U8,
) -> Any:
    """Binary spikes of lines that differ in their weights only, `step` from one to the next.

    Rows wait until there are four with the same targets, of this group or another.

    Returns:
        The rows that still wait, for the next group or `finish`.
    """
    runs, run0 = np.int64(row[row0, c.ROW_RUNS]), np.int64(row[row0, c.ROW_RUN0])
    if runs == 0:
        return waiting
    slot, first, _ = at
    base, w = np.int64(acc0) + row[row0, c.ROW_DST], np.int64(row[row0, c.ROW_W])
    count, w0, w1, w2 = waiting[0], waiting[1], waiting[2], waiting[3]
    if base != waiting[4] or run0 != waiting[5] or runs != waiting[6]:
        finish(waiting, run, weight, acc)
        mark(base, run0, runs, run, touched)
        count = np.int64(0)
    for k in range(first, first + n):
        own = np.int64(line[slot, k])
        if count == 3:
            add_four(base, (w0, w1, w2, w + step * own), run0, runs, run, weight, acc)
            count = np.int64(0)
        else:
            w0, w1, w2 = w1, w2, w + step * own
            count += 1
    return count, w0, w1, w2, base, run0, runs


@njit
def count_rows(row0: Any, at: At, n: Any, line: U16, row: I32) -> Any:
    """Accesses of lines that differ in their weights only."""
    slot, first, _ = at
    nonzero = np.int64(0)
    for k in range(first, first + n):
        nonzero += row[row0 + np.int64(line[slot, k]), c.ROW_NONZERO]
    return nonzero, n * np.int64(row[row0, c.ROW_TOTAL])


@njit
def count_parts(
    row0: Any, at: At, n: Any, line: U16, row: I32, nonzero: U64, neurons: Any, sops: I64
) -> Any:
    """Likewise, in a tile of several parts; what each of them has is added to its `sops`.

    As many rows are added as cannot leave the bits of a lane, each being at most `neurons`.
    """
    slot, first, _ = at
    parts, start = np.int64(sops.shape[0]), np.int64(row[row0, c.ROW_PARTS])
    words, once, total = -(-parts // LANES), np.int64(LANE_MAX // neurons), np.int64(0)
    for word in range(words):
        for begin in range(first, first + n, once):
            lanes = np.uint64(0)
            end: Any = min(begin + once, first + n)
            for k in range(begin, end):
                lanes += nonzero[np.uint64(start + np.int64(line[slot, k]) * words + word)]
            last: Any = min(LANES * (word + 1), parts)
            for part in range(LANES * word, last):
                found = np.int64(lanes & np.uint64(LANE_MAX))
                lanes >>= np.uint64(LANE_BITS)
                sops[part] += found
                total += found
    return total, n * np.int64(row[row0, c.ROW_TOTAL])


@njit
def finish(waiting: Waiting, run: I32, weight: Any, acc: I32) -> None:
    """Add the rows that still wait."""
    count, w0, w1, w2, base, run0, runs = waiting
    if count > 2:
        add_one(base, w0, run0, runs, run, weight, acc)
    if count > 1:
        add_one(base, w1, run0, runs, run, weight, acc)
    if count > 0:
        add_one(base, w2, run0, runs, run, weight, acc)


@njit
def arrive_graded(
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
    """Spikes with payloads of lines that differ in their weights only; see `arrive_alike`."""
    run0, runs = row[row0, c.ROW_RUN0], row[row0, c.ROW_RUNS]
    nonzero = np.int64(0)
    if runs == 0:
        return nonzero, nonzero
    slot, first, payload0 = at
    base, w = acc0 + row[row0, c.ROW_DST], row[row0, c.ROW_W]
    mark(base, run0, runs, run, touched)
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
    for k in range(first, first + n):
        nonzero += row[row0 + line[slot, k], c.ROW_NONZERO]
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
    acc: I32 | I64,
    touched: U8,
) -> Any:
    """Any lines one by one, also into sums of 64 bits."""
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
            add_times(base, w, payload[slot, payload0 + k], run0, runs, run, weight, acc)
        else:
            add_one(base, w, run0, runs, run, weight, acc)
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
