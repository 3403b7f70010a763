"""The fixed-point core simulator: runs the tables of a core graph, tick by tick.

It reads nothing but the core graph. Neurons follow `IntegerNeuron`; they are updated in the
ticks of their profile's window and reset at its first tick, so that a second frame starts as the
first did. State (membranes, spikes in flight) persists between frames, as on a chip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numba
import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.kernel import Tally, inject, new_state, new_tally, tick_all
from nmcompile.backends.loihi.tables import I32, U8, tables_of
from nmcompile.backends.loihi.tally import Recorder
from nmcompile.backends.loihi.template import Slots, TemplateLoader
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.counters import NetworkCounters
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.route import route
from nmcompile.reference.populations import Encoder


@dataclass(frozen=True)
class EngineResult:
    """One inference on cores.

    Attributes:
        output: what the golden network's output is: spike counts of the output population
            (int32, signed pairs subtracted), its membranes (int32), or its train (uint8) where
            nothing decodes it.
        counts: int32 sums of payloads of the output population, `(C, H, W)` or `(N,)`.
        counters: of layers and cores.
        v_final: per population, membranes after the last tick (of pooling, running maxima).
        u_final: per population, synaptic currents after the last tick.
        spikes: per population `(T, C, H, W)` or `(T, N)` uint8, aligned with the golden
            network (timestep t was tick t + d_p); empty unless recorded.
    """

    output: npt.NDArray[np.generic]
    counts: I32
    counters: NetworkCounters
    v_final: dict[str, I32]
    u_final: dict[str, I32]
    spikes: dict[str, U8] = field(default_factory=dict)


class LoihiEngine:
    """Simulates one mapped network.

    Args:
        graph: placed core graph.
        threads: at most this many; default: what numba is set to.

    Raises:
        NmError: NM0309 when the tables of the graph are inconsistent.
    """

    def __init__(self, graph: CoreGraph, threads: int | None = None) -> None:
        self.graph = graph
        self._tables, self._accumulators, self._counters = tables_of(graph)
        self._threads = min(threads or numba.get_num_threads(), numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
        # Neighbouring cores are alike: deal them out so that every thread's share is alike.
        deal = np.argsort(np.arange(graph.cores) % self._threads, kind="stable")
        self._order = deal.astype(np.int32)
        self._first_host = int(np.count_nonzero(self._tables.group_host == 0))
        self._routing = route(graph)
        self._loader = TemplateLoader(graph, self._tables)
        self.reset()

    def reset(self) -> None:
        """Return the chip to its state before the first frame."""
        self._state = new_state(
            self._tables, self._accumulators, self._counters, self.graph.size("host")
        )
        self._clock = 0

    def run(
        self,
        stimulus: npt.NDArray[np.generic],
        slots: Slots | None = None,
        *,
        record: bool = False,
    ) -> EngineResult:
        """Run one frame of `graph.ticks` ticks.

        Args:
            stimulus: `(C, H, W)` or `(N,)` integers for an encoded input, `(T, ...)` for a
                spike input.
            slots: contents of the program's slots; read where a template is stored as synapses.
            record: keep the spikes of every population.

        Raises:
            NmError: NM0204 when the stimulus has the wrong shape, NM0215 when the template is
                missing, NM0203 when an unbounded membrane left 32 bits.
        """
        graph, state = self.graph, self._state
        self._loader.prepare(slots)
        tally = new_tally(graph.cores, graph.size("tile"))
        recorder = Recorder(graph, self._routing)
        history = np.zeros((graph.ticks if record else 0, graph.neurons), np.uint8)
        read = np.zeros((graph.ticks, int(np.prod(graph.output_shape))), np.uint8)
        previous = numba.get_num_threads()
        numba.set_num_threads(self._threads)
        try:
            for tick, values in enumerate(self._events(stimulus), start=1):
                self._loader.before(tick)
                self._tick(tick, values, tally, recorder)
                read[tick - 1, graph["readout.index"]] = state.spikes[graph["readout.neuron"]]
                if record:
                    history[tick - 1] = state.spikes
        finally:
            numba.set_num_threads(previous)
        self._check_overflow(tally.overflow)
        counts: I32 = read.sum(axis=0, dtype=np.int32).reshape(graph.output_shape)
        v_final = self._by_population(state.v)
        return EngineResult(
            output=self._read_out(read, counts, v_final[graph.output]),
            counts=counts,
            counters=recorder.counters(tally),
            v_final=v_final,
            u_final=self._by_population(state.u),
            spikes=self._aligned(history) if record else {},
        )

    def _coded(self, stimulus: npt.NDArray[np.generic], encode: ops.Encode) -> Iterator[I32]:
        """The image as spikes, coded by the host timestep by timestep."""
        graph = self.graph
        index, encoder = graph["host.index"], Encoder(encode)
        pixels = stimulus.reshape(-1).astype(np.int32)
        for tick in range(graph.ticks):
            sends = tick < graph.timesteps
            yield encoder.step(pixels)[index] if sends else np.zeros(len(index), np.int32)

    def _tick(self, tick: int, values: I32, tally: Tally, recorder: Recorder) -> None:
        self._clock += 1
        state, ring = self._state, len(self._state.sent)
        inject(values, self._first_host, self._clock, self._tables, state)
        tick_all(
            self._order, tick, self._clock, self.graph.input_values, self._tables, state, tally
        )
        sent = state.sent[self._clock % ring].copy()
        sent[self._first_host :] = state.sent[(self._clock - 1) % ring, self._first_host :]
        recorder.add(tick, tally, sent)

    def _events(self, stimulus: npt.NDArray[np.generic]) -> Iterator[I32]:
        """What the host injects before every tick, per host line."""
        graph = self.graph
        train = graph.input_mode == "spikes"
        wanted = (graph.timesteps, *graph.input_shape) if train else graph.input_shape
        if stimulus.shape != wanted:
            raise NmError(
                Diagnostic(
                    code="NM0204",
                    message="the stimulus has the wrong shape",
                    where=f"{graph.network}: input",
                    limit=str(wanted),
                    found=str(stimulus.shape),
                )
            )
        if graph.encode is not None:
            yield from self._coded(stimulus, graph.encode)
            return
        index = graph["host.index"]
        silence = np.zeros(len(index), np.int32)
        frames = stimulus.reshape(graph.timesteps if train else 1, -1).astype(np.int32)
        for tick in range(graph.ticks):
            last = {"spikes": graph.timesteps, "constant": graph.timesteps, "impulse": 1}
            sends = tick < last[graph.input_mode]
            yield frames[tick if train else 0][index] if sends else silence

    def _read_out(self, read: U8, counts: I32, membranes: I32) -> npt.NDArray[np.generic]:
        """The network's output from `(ticks, outputs)` spikes, their counts, or membranes."""
        graph = self.graph
        if graph.readout == "membranes":
            return membranes
        if graph.readout == "train":
            depth = next(p.depth for p in graph.populations if p.name == graph.output)
            return read[depth : depth + graph.timesteps].reshape(-1, *graph.output_shape)
        if not graph.signed_pairs:
            return counts
        return counts[0::2] - counts[1::2]

    def _check_overflow(self, overflow: U8) -> None:
        if not overflow.any():
            return
        bad = sorted(set(self.graph["tile.population"][overflow != 0]))
        raise NmError(
            *(
                Diagnostic(
                    code="NM0203",
                    message="a membrane left 32 bits",
                    where=self.graph.populations[index].layer,
                    help=("use fewer timesteps or fewer weight bits",),
                )
                for index in bad
            )
        )

    def _boxes(self) -> Iterator[tuple[int, slice, tuple[slice, slice, slice]]]:
        """Population, neurons and (C, H, W) box of every tile."""
        graph = self.graph
        names = ("population", "neuron0", "neurons", "c0", "c1", "y0", "y1", "x0", "x1")
        columns = [graph[f"tile.{name}"].tolist() for name in names]
        for population, neuron0, neurons, c0, c1, y0, y1, x0, x1 in zip(*columns, strict=True):
            box = (slice(c0, c1), slice(y0, y1), slice(x0, x1))
            yield population, slice(neuron0, neuron0 + neurons), box

    def _by_population(self, values: I32) -> dict[str, I32]:
        """Per-neuron values as `(C, H, W)` (or `(N,)`) arrays."""
        infos = self.graph.populations
        arrays = [np.zeros(info.shape, np.int32) for info in infos]
        for population, neurons, box in self._boxes():
            part = arrays[population][box]
            part[:] = _channels_first(values[neurons], part.shape)
        return {i.name: a.reshape(i.golden_shape) for i, a in zip(infos, arrays, strict=True)}

    def _aligned(self, history: U8) -> dict[str, U8]:
        """`(ticks, neurons)` spikes as golden arrays: timestep t of p is tick t + d_p."""
        infos, steps = self.graph.populations, self.graph.timesteps
        arrays = [np.zeros((steps, *info.shape), np.uint8) for info in infos]
        for population, neurons, box in self._boxes():
            depth = infos[population].depth
            part = arrays[population][(slice(None), *box)]
            for t in range(steps):
                part[t] = _channels_first(history[t + depth, neurons], part.shape[1:])
        return {
            i.name: a.reshape(steps, *i.golden_shape) for i, a in zip(infos, arrays, strict=True)
        }


def _channels_first(
    values: npt.NDArray[np.generic], shape: tuple[int, ...]
) -> npt.NDArray[np.generic]:
    channels, height, width = shape
    return values.reshape(height, width, channels).transpose(2, 0, 1)
