"""From the compressed tables of a core graph to one entry per row, run or axon."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.coregraph import CoreGraph

I64 = npt.NDArray[np.int64]
Integers = npt.NDArray[np.integer[Any]]


def expanded(start: Integers, count: Integers) -> I64:
    """start[0], start[0] + 1, ... for count[0] entries, then start[1] ..."""
    total = int(count.sum())
    first = np.cumsum(count) - count
    within = np.arange(total) - np.repeat(first, count)
    found: I64 = (np.repeat(start, count) + within).astype(np.int64)
    return found


def axon_groups(graph: CoreGraph) -> tuple[I64, I64]:
    """Global axon and group of every route."""
    axon0 = np.searchsorted(graph["axon.core"], np.arange(graph.cores))
    axon = axon0[graph["route.core"]] + graph["route.axon"]
    return axon.astype(np.int64), graph["route.group"].astype(np.int64)
