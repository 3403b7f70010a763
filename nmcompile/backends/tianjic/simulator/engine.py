"""The compiled simulator of functional cores; equal to `ReferenceFCores`, value for value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numba
import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.simulator.frame import FrameSimulator
from nmcompile.backends.tianjic.simulator.kernel import SHARE, compute_together, run_phases
from nmcompile.backends.tianjic.simulator.memory import Counts, Scratch, State
from nmcompile.backends.tianjic.simulator.tables import rows_of, tables_of
from nmcompile.backends.tianjic.simulator.trace import Trace
from nmcompile.mapping.fcore_graph import FCoreGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
WEIGHTS_PER_THREAD = 100 * 256 * 256
"""Fewer are not worth a thread: all of them wait for each other in every phase."""
SENDERS = 1 << 20
"""Senders that are listed before they are handed over."""


class FCoreEngine(FrameSimulator):
    """Simulates one mapped network.

    Args:
        graph: the network.
        threads: at most this many; default: as many as are worth it, up to what numba is set to.
            The result is the same.

    Raises:
        NmError: NM0309 when the tables of the graph are inconsistent.
    """

    def __init__(self, graph: FCoreGraph, *, threads: int | None = None) -> None:
        super().__init__(graph)
        worth = int((graph["core.axons"].astype(np.int64) * graph["core.neurons"]).sum())
        usual = min(numba.get_num_threads(), max(1, worth // WEIGHTS_PER_THREAD))
        self._threads = min(threads or usual, numba.get_num_threads())
        self._rows = rows_of(graph, self.weights.value)
        self._tables = tables_of(graph, self.first, self._rows)
        most_axons = int(graph["core.axons"].max(initial=1))
        widest = int(graph["core.neurons"].max(initial=1))
        self._scratch = Scratch(
            step=np.zeros((graph.cores, 3), np.int64),
            out=np.zeros((graph.cores, widest), np.int32),
            fired=np.zeros((graph.cores, widest), np.int32),
            many=np.zeros(graph.cores, np.int64),
            which=np.zeros((-(-graph.cores // SHARE), most_axons + 1), np.int32),
            what=np.zeros((-(-graph.cores // SHARE), most_axons + 1), np.int32),
        )
        self.reset()

    def reset(self) -> None:
        """See `FrameSimulator.reset`."""
        elements = int(self.first[-1])
        self._state = State(
            value=np.zeros(elements + self.graph.neurons, np.int32), v=np.zeros(elements, np.int32)
        )

    def advance(self, train: I32, phases: int, first: int) -> Trace:
        """See `FrameSimulator.advance`."""
        graph = self.graph
        if graph.slot:
            self._rows = rows_of(graph, self.weights.value)
        room = graph.neurons + int(self.first[1])
        counts = Counts(
            operations=np.zeros((phases, graph.cores), np.int64),
            active=np.zeros((phases, graph.cores), np.int64),
            macs=np.zeros(graph.cores, np.int64),
            zeros=np.zeros(graph.cores, np.int64),
            sent0=np.zeros(phases + 1, np.int64),
            sent=np.empty(room + max(room, SENDERS), np.int64),
        )
        values = np.zeros((len(train), int(self.first[-1]) - first), np.uint8)
        sent: list[I64] = []
        phase, listed = -1, 0
        network = (self._tables, self._rows, self.weights.value)
        timesteps, alone = len(train), self._threads == 1
        with _threads(self._threads):
            while phase < phases:
                if not alone:
                    times = (phase, graph.interval, timesteps, graph.timesteps)
                    compute_together(times, *network, self._state, self._scratch, counts)
                phase, filled = run_phases(
                    *(phase, phases if alone else phase + 1, room, listed, alone),
                    *(graph.interval, graph.timesteps, train),
                    *network,
                    self._state,
                    self._scratch,
                    counts,
                    values,
                    first,
                )
                listed += filled
                sent.append(counts.sent[:filled].copy())
        return Trace(
            first=first,
            values=values,
            v=self._state.v.copy(),
            operations=counts.operations,
            macs=counts.macs,
            zero_accesses=int(counts.zeros.sum()),
            active=counts.active,
            sent0=counts.sent0,
            sent=np.concatenate(sent),
        )


@contextmanager
def _threads(most: int) -> Iterator[None]:
    """Let numba use at most this many threads for a while."""
    before = numba.get_num_threads()
    numba.set_num_threads(min(before, most))
    try:
        yield
    finally:
        numba.set_num_threads(before)
