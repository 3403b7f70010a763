"""The compiled simulator of crossbar cores; equal to `ReferenceCores`, spike for spike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.simulator.events import Events, Trace
from nmcompile.backends.truenorth.simulator.frame import FrameSimulator
from nmcompile.backends.truenorth.simulator.kernel import (
    BATCH,
    Boxes,
    Host,
    Record,
    Scratch,
    State,
    run_share,
)
from nmcompile.backends.truenorth.simulator.tables import (
    DELAY_BITS,
    LANE_BITS,
    SCHEDULER_SLOTS,
    Tables,
    aligned,
    bit_of_axon,
    lane_of,
    tables_of,
)
from nmcompile.backends.truenorth.simulator.vector import LANES
from nmcompile.mapping.crossbar_graph import CrossbarGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
CORES_PER_THREAD = 16
"""Fewer are not worth a thread."""


class TrueNorthEngine(FrameSimulator):
    """Simulates one mapped network.

    Args:
        graph: the network. seed: of its random numbers.
        threads: at most this many; default: what numba is set to.

    Raises:
        NmError: NM0309 when the tables of the graph are inconsistent.
    """

    def __init__(self, graph: CrossbarGraph, *, seed: int = 0, threads: int | None = None) -> None:
        graph.validate()
        super().__init__(graph)
        self._seed = np.uint64(seed)
        self._tables = tables_of(graph)
        self._lane, self._axon_bit = lane_of(graph), bit_of_axon(graph)
        most = max(1, graph.cores // CORES_PER_THREAD)
        self._boxes = _boxes(self._tables, min(threads or numba.get_num_threads(), most))
        self._v_init = np.zeros(len(self._tables.parameter), np.int32)
        self._v_init[self._lane] = graph["neuron.v_init"]
        words = int(self._tables.word0[-1])
        self._state = State(
            v=aligned(self._v_init),
            scheduler=aligned(np.zeros(SCHEDULER_SLOTS * words, np.uint64)),
            resting=np.zeros(graph.cores, np.uint8),
            sops=np.zeros(graph.cores, np.int64),
            fired=np.zeros(graph.cores, np.int64),
        )
        self._tick = 0

    @property
    def threads(self) -> int:
        """Threads that share the cores."""
        return len(self._boxes.core0) - 1

    @property
    def core_sops(self) -> I64:
        """`(cores,)` synaptic events of every core since the last reset."""
        return self._state.sops.copy()

    @property
    def core_spikes(self) -> I64:
        """`(cores,)` spikes of every core since the last reset."""
        return self._state.fired.copy()

    @property
    def resting(self) -> npt.NDArray[np.bool_]:
        """`(cores,)` cores that only an event can change; they cost nothing."""
        return self._state.resting.astype(np.bool_)

    def reset(self) -> None:
        """See `FrameSimulator.reset`."""
        self._tick = 0
        self._state.sops[:] = 0
        self._state.fired[:] = 0
        self.begin_frame()

    def begin_frame(self) -> None:
        """See `FrameSimulator.begin_frame`."""
        self._state.v[:] = self._v_init
        self._state.scheduler[:] = 0
        self._state.resting[:] = 0

    def write_crossbars(self) -> None:
        """See `FrameSimulator.write_crossbars`."""
        self._tables = self._tables._replace(crossbar=aligned(self.graph["crossbar.word"]))

    def membranes(self) -> I32:
        """See `FrameSimulator.membranes`."""
        return self._state.v[self._lane]

    def advance(self, ticks: int, events: Events | None = None) -> Trace:
        """See `FrameSimulator.advance`."""
        groups, words = len(self._tables.profile), int(self._tables.word0[-1])
        record = Record(np.zeros((ticks, groups), np.uint64), np.zeros((ticks, words), np.uint64))
        self._run(ticks, self._host(events), record)
        return Trace(_bits(record.spikes, self._lane), _bits(record.arrived, self._axon_bit))

    def skip(self, ticks: int) -> None:
        """Run some ticks without events of the host and without keeping what happens."""
        nothing = np.zeros((0, 0), np.uint64)
        self._run(ticks, self._host(None), Record(nothing, nothing))

    def _run(self, ticks: int, host: Host, record: Record) -> None:
        shares = self.threads
        self._boxes.counter[:] = 0
        scratch = [_scratch(self._tables, self._boxes, share) for share in range(shares)]
        rest = (self._seed, self._tables, self._state, host, self._boxes, record)
        if shares > 1:
            # Compiled before the threads start: none may wait for one that does not come.
            run_share(0, self._tick + 1, 0, *rest, scratch[0])
        with ThreadPoolExecutor(max(1, shares - 1)) as pool:
            others = [
                pool.submit(run_share, share, self._tick + 1, ticks, *rest, scratch[share])
                for share in range(1, shares)
            ]
            try:
                run_share(0, self._tick + 1, ticks, *rest, scratch[0])
            finally:
                # Whoever still waits, because this thread was stopped, waits no longer.
                self._boxes.counter[:] = np.iinfo(np.int64).max // 2
            for other in others:
                other.result()
        self._tick += ticks

    def _host(self, events: Events | None) -> Host:
        if events is None:
            return Host(np.zeros(0, np.int64), np.zeros(0, np.int64))
        bit = self._tables.word0[events.core] * LANES + events.axon
        return Host(np.ascontiguousarray(events.start), bit)


def _boxes(tables: Tables, shares: int) -> Boxes:
    """Shares of about the same number of neurons, and room for what they send each other."""
    cores, groups = len(tables.neurons), tables.group0
    limits = np.linspace(0, groups[-1], shares + 1)[1:-1]
    inner = np.searchsorted(groups[:-1], limits)
    core0 = np.concatenate([[0], inner, [cores]]).astype(np.int64)
    word0 = tables.word0[core0]
    sends = np.flatnonzero(tables.target >= 0)
    word = tables.target[sends] >> (DELAY_BITS + LANE_BITS)
    source = np.searchsorted(groups[core0[1:]] * LANES, sends, side="right")
    end = np.searchsorted(word0[1:], word, side="right")
    room = np.zeros((shares, shares, 2), np.int64)
    np.add.at(room, (source, end), 1)
    first = np.cumsum(room).reshape(room.shape) - room
    return Boxes(
        core0=core0,
        word0=word0,
        first=first,
        end=first.copy(),
        entry=np.zeros(int(room.sum()), np.int64),
        counter=np.zeros(1, np.int64),
    )


def _scratch(tables: Tables, boxes: Boxes, share: int) -> Scratch:
    low, high = int(boxes.core0[share]), int(boxes.core0[share + 1])
    first = np.arange(low, high, BATCH)
    last = np.minimum(first + BATCH, high)

    def most(starts: I64) -> int:
        return int((starts[last] - starts[first]).max(initial=0)) * LANES

    return Scratch(
        events=np.zeros(most(tables.word0), np.int64),
        start=np.zeros(BATCH + 1, np.int64),
        spikes=np.zeros(most(tables.group0), np.int64),
        end=np.zeros(len(boxes.core0) - 1, np.int64),
    )


def _bits(words: U64, places: I64) -> npt.NDArray[np.bool_]:
    """`(ticks, places)` bits of `(ticks, words)`."""
    flat = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").view(np.bool_)
    if len(places) == flat.shape[1]:
        return flat
    return flat[:, places]
