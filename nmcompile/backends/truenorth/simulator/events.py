"""What the host sends to crossbar cores, and what the cores then did, tick by tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.crossbar_graph import CrossbarGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Events:
    """Host packets by the tick in which they arrive; row 0 is the first tick.

    Attributes:
        start: `(ticks + 1,)` events of row r are start[r] ... start[r + 1] - 1.
        line: `(events,)` row of `host`, or number of those + row of `bias`.
        core: `(events,)`. axon: `(events,)` where they go; numbered within the core.
    """

    start: I64
    line: I64
    core: I32
    axon: I32

    def part(self, first: int, last: int) -> Events:
        """Rows first ... last - 1."""
        low, high = self.start[first], self.start[last]
        own = slice(int(low), int(high))
        start = self.start[first : last + 1] - low
        return Events(start, self.line[own], self.core[own], self.axon[own])

    def at(self, row: int) -> set[tuple[int, int]]:
        """(core, axon) of one tick."""
        own = self.part(row, row + 1)
        return set(zip(own.core.tolist(), own.axon.tolist(), strict=True))


@dataclass(frozen=True)
class Trace:
    """What happened in some ticks.

    Attributes:
        spikes: `(ticks, neurons)`. arrived: `(ticks, axons)` axons with an event.
    """

    spikes: Bits
    arrived: Bits

    @staticmethod
    def joined(parts: Sequence[Trace]) -> Trace:
        """One after the other."""
        return Trace(
            np.concatenate([part.spikes for part in parts]),
            np.concatenate([part.arrived for part in parts]),
        )


def events_of(graph: CrossbarGraph, train: Bits) -> Events:
    """Packets of a frame; what would arrive after its last tick is not sent.

    Args:
        graph: the mapped network. train: `(T, inputs)` spikes of the input.
    """
    timestep, host = np.nonzero(train[:, graph["host.index"]])
    first, last = graph["bias.start"].astype(np.int64), graph["bias.end"].astype(np.int64)
    driven = np.maximum(0, last - first + 1)
    bias = np.repeat(np.arange(graph.size("bias")), driven)
    within = np.arange(len(bias)) - np.repeat(np.cumsum(driven) - driven, driven)
    row = _joined(timestep + graph["host.delay"][host], first[bias] - 1 + within)
    line = _joined(host, graph.size("host") + bias)
    kept = np.flatnonzero(row < graph.ticks)
    order = kept[np.argsort(row[kept], kind="stable")]
    line = line[order]
    return Events(
        start=np.searchsorted(row[order], np.arange(graph.ticks + 1)),
        line=line,
        core=np.concatenate([graph["host.core"], graph["bias.core"]])[line],
        axon=np.concatenate([graph["host.axon"], graph["bias.axon"]])[line],
    )


def _joined(*parts: npt.NDArray[Any]) -> I64:
    whole: I64 = np.concatenate(parts).astype(np.int64)
    return whole
