"""Smallest and largest weight of sets of rows of a core graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.columns import distinct
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.expand import expanded
from nmcompile.mapping.lists import written_range

I64 = npt.NDArray[np.int64]


def row_ranges(graph: CoreGraph, weight_bits: int, first: I64, count: I64) -> I64:
    """`(2, sets)` smallest and largest weight of rows first[i] .. first[i] + count[i] - 1.

    Zero is always among them. Weights that the host writes may be all that fit into
    `weight_bits`.
    """
    rows = expanded(first, count)
    owner = np.repeat(np.arange(len(first)), count)
    low, high = _spans(graph, rows)
    used = high > low
    spans, span = distinct(np.stack([low[used], high[used]]))
    extremes = _extremes(graph, weight_bits, spans)
    found = np.zeros((2, len(first)), np.int64)
    np.minimum.at(found[0], owner[used], extremes[0][span])
    np.maximum.at(found[1], owner[used], extremes[1][span])
    return found


def _spans(graph: CoreGraph, rows: I64) -> tuple[I64, I64]:
    """First weight of every row, and the one after its last."""
    run0, runs = graph["row.run0"].astype(np.int64), graph["row.runs"].astype(np.int64)
    kinds, kind = distinct(np.stack([run0[rows], runs[rows]]))
    run = expanded(kinds[0], kinds[1])
    owner = np.repeat(np.arange(kinds.shape[1]), kinds[1])
    low = np.full(kinds.shape[1], np.iinfo(np.int32).max, np.int64)
    high = np.zeros(kinds.shape[1], np.int64)
    np.minimum.at(low, owner, graph["run.w_off"][run])
    np.maximum.at(high, owner, graph["run.w_off"][run] + graph["run.length"][run])
    base = graph["row.w_base"][rows].astype(np.int64)
    low = np.where(high > 0, low, 0)
    return base + low[kind], base + high[kind]


def _extremes(graph: CoreGraph, weight_bits: int, spans: I64) -> I64:
    """Smallest and largest weight of every span."""
    # One more value than weights, so that a span may end with the last of them.
    values = np.append(graph["weight.value"], np.int16(0)).astype(np.int64)
    written = np.zeros(len(values) + 1, np.int64)
    written[graph["slot.weight"] + 1] = 1
    before = np.cumsum(written)
    limit = written_range(weight_bits)
    by_host = before[spans[1]] > before[spans[0]]
    ends = spans.T.reshape(-1)
    if not len(ends):
        return np.zeros((2, 0), np.int64)
    smallest = np.minimum.reduceat(values, ends)[::2]
    largest = np.maximum.reduceat(values, ends)[::2]
    return np.stack([np.where(by_host, limit[0], smallest), np.where(by_host, limit[1], largest)])
