"""The fixed-point core simulator: runs the tables of a core graph.

It reads nothing but the core graph. Neurons follow `IntegerNeuron` and `SigmaDelta`; they are
updated in the ticks of their profile's window and reset at its first tick, so that a second frame
starts as the first did. State (membranes, spikes in flight) persists between frames, as on a chip.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numba
import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.columns import (
    GROUP_HOST,
    GROUP_LINE0,
    GROUP_PAYLOAD0,
    IN_GROUP,
    TILE_IN0,
    TILE_IN1,
)
from nmcompile.backends.loihi.kernel import inject, run_tiles
from nmcompile.backends.loihi.readout import WORD, ReadOut, Trains
from nmcompile.backends.loihi.state import (
    History,
    Tally,
    new_flight,
    new_state,
    new_tally,
    tail_of,
)
from nmcompile.backends.loihi.tables import I32, U8, Tables, tables_of
from nmcompile.backends.loihi.tally import counted, pair_packets, spikes_of_shares
from nmcompile.backends.loihi.template import TemplateLoader
from nmcompile.backends.loihi.update import LEFT_MESSAGE
from nmcompile.backends.loihi.widen import tables_with_parts, widened
from nmcompile.backends.stimulus import check_shape
from nmcompile.backends.stored_template import Slots
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.counters import NetworkCounters
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.route import route
from nmcompile.reference.executor import train_type
from nmcompile.reference.populations import Encoder, membrane_refusal
from nmcompile.reference.sigma_delta import message_refusal

Shares = tuple[I32, ...]
SHARES = 2
"""Shares of a level for each thread, so that one that is late gets less to do."""


@dataclass(frozen=True)
class EngineResult:
    """One inference on cores.

    Attributes:
        output: what the golden network's output is: spike counts of the output population
            (int32, signed pairs subtracted), its membranes (int32), or its train (uint8, int32
            where the edge is wide) where nothing decodes it.
        counts: int32 sums of payloads of the output population, `(C, H, W)` or `(N,)`.
        counters: of layers and cores.
        v_final: per population, membranes after the last tick (of pooling, running maxima; of
            sigma-delta neurons, values); empty unless recorded.
        u_final: per population, synaptic currents after the last tick; likewise.
        spikes: per population `(T, C, H, W)` or `(T, N)`, uint8 or int32 (`EdgeType.wide`),
            aligned with the golden network (timestep t was tick t + d_p); empty unless recorded.
        traffic: `(ticks, pairs)` packets of every pair of cores (`Routing.pair`); None unless
            recorded.
    """

    output: npt.NDArray[np.generic]
    counts: I32
    counters: NetworkCounters
    v_final: dict[str, I32] = field(default_factory=dict)
    u_final: dict[str, I32] = field(default_factory=dict)
    spikes: dict[str, Trains] = field(default_factory=dict)
    traffic: npt.NDArray[np.int64] | None = None


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
        mapped = tables_of(graph)
        self._wide = widened(graph, mapped[0])
        self._graph = self._wide.graph
        laid_out = mapped if self._graph is graph else tables_with_parts(self._wide)
        self._tables, self._accumulators, self._counters = laid_out
        self._threads = min(threads or numba.get_num_threads(), numba.config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]
        self._tail = tail_of(self._tables)
        self._host_group0 = int(np.count_nonzero(self._tables.group[:, GROUP_HOST] == 0))
        self._routing = route(graph)
        self._loader = TemplateLoader(self._graph, self._tables)
        by_tick = self._loader.by_tick
        self._levels = _levels(self._graph, self._tables, self._threads, bank=by_tick)
        self._output = ReadOut(self._graph)
        self._sends_messages = np.array([i.edge.wide for i in graph.populations])
        self.reset()

    def reset(self) -> None:
        """Return the chip to its state before the first frame."""
        graph = self._graph
        self._state = new_state(self._tables, self._accumulators, self._counters)
        lines = graph.neurons + graph.size("host")
        self._flight = new_flight(self._tables, lines, graph.ticks)

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
                missing, NM0203 when a sum or a state left 32 bits, NM0217 when a
                message left its width.
        """
        graph, state = self._graph, self._state
        self._loader.prepare(slots)
        self._inject(stimulus)
        tally = new_tally(graph.ticks, graph.size("tile"), len(self._tables.part))
        history = self._history(record)
        self._run_levels(tally, history)
        self._check(tally.problem)
        read = self._output.spikes(history)
        counts: I32 = read.sum(axis=0, dtype=np.int32).reshape(graph.output_shape)
        sent = self._packets()
        result = EngineResult(
            output=self._read_out(read, counts),
            counts=counts,
            counters=counted(self.graph, self._wide, self._routing, tally, sent),
        )
        if not record:
            return result
        return replace(
            result,
            v_final=self._by_population(state.v),
            u_final=self._by_population(state.u),
            spikes=self._aligned(history),
            traffic=pair_packets(self._routing, graph.ticks, sent),
        )

    def _run_levels(self, tally: Tally, history: History) -> None:
        """All ticks of all tiles."""
        ticks = self._graph.ticks
        repeats = self._graph.timesteps if self._graph.input_mode == "constant" else 0
        tables = (self._tables, self._state, self._flight, tally, history)
        settings = (self._tail, self._graph.input_values, repeats, *tables)
        with ThreadPoolExecutor(self._threads) as pool:

            def run(shares: Shares, first: int, last: int) -> None:
                def share(tiles: I32) -> None:
                    # Compiled code lets go of the interpreter: threads really run side by side.
                    run_tiles(tiles, (first, last), *settings)

                for _ in pool.map(share, shares):
                    pass

            for level in self._levels:
                if not level.by_tick:
                    run(level.shares, 1, ticks)
                    continue
                for tick in range(1, ticks + 1):
                    self._loader.before(tick)
                    run(level.shares, tick, tick)

    def _inject(self, stimulus: npt.NDArray[np.generic]) -> None:
        """What the last frame left under way, then the host's events of this frame."""
        flight, tail = self._flight, self._tail
        for array in flight:
            array[:tail] = array[-tail:].copy()
        first = self._host_group0
        flight.sent[tail - 1 :, first:] = 0
        slot = tail - 1
        last: I32 | None = None
        for values in self._events(stimulus):
            if values is last:
                self._repeat(slot)
            else:
                inject(values, first, slot, self._tables, flight)
            last = values
            slot += len(values)

    def _repeat(self, slot: int) -> None:
        """Send what the host sent in the tick before."""
        flight, first = self._flight, self._host_group0
        payload0 = self._tables.group[first:, GROUP_PAYLOAD0].min(initial=0)
        for array, start in ((flight.sent, first), (flight.line, self._graph.neurons)):
            array[slot, start:] = array[slot - 1, start:]
        if payload0 >= 0:
            flight.payload[slot, payload0:] = flight.payload[slot - 1, payload0:]

    def _packets(self) -> I32:
        """`(ticks, groups)` spikes per mapped group; the host's in the tick when they arrive."""
        wide, first = self._wide, self._host_group0
        sent = self._flight.sent[self._tail :].copy()
        sent[:, first:] = self._flight.sent[self._tail - 1 : -1, first:]
        line, line0 = self._flight.line[self._tail :], self._tables.group[:, GROUP_LINE0]
        shares = np.zeros((len(sent), len(wide.group)), np.int32)
        spikes_of_shares(sent, line, line0, wide.share0, wide.share, shares)
        packets = np.empty_like(shares)
        packets[:, wide.group] = shares
        return packets

    def _history(self, record: bool) -> History:
        """Room for the spikes of every population, or of the one that is read out."""
        graph = self._graph
        population = graph["tile.population"]
        wide = self._sends_messages[population]
        asked = record | (np.array([p.name for p in graph.populations])[population] == graph.output)
        column = np.full(graph.size("tile"), -1, np.int32)
        sizes = []
        for kind in (~wide & asked, wide & asked):
            neurons = np.where(kind, graph["tile.neurons"], 0)
            column[kind] = (np.cumsum(neurons) - neurons)[kind]
            sizes.append((graph.ticks, -(-int(neurons.sum()) // WORD) * WORD))
        return History(column, np.zeros(sizes[0], np.uint8), np.zeros(sizes[1], np.int32))

    def _coded(self, stimulus: npt.NDArray[np.generic], encode: ops.Encode) -> Iterator[I32]:
        """The image as spikes, coded by the host timestep by timestep."""
        index, encoder = self._graph["host.index"], Encoder(encode)
        pixels = stimulus.reshape(-1).astype(np.int32)
        for _ in range(self._graph.timesteps):
            yield encoder.step(pixels)[None, index]

    def _events(self, stimulus: npt.NDArray[np.generic]) -> Iterator[I32]:
        """`(ticks, host lines)` that the host injects, some ticks after the other."""
        graph = self._graph
        train = graph.input_mode == "spikes"
        check_shape(graph, stimulus)
        if graph.encode is not None and graph.input_mode == "coded":
            yield from self._coded(stimulus, graph.encode)
            return
        self._write_pixels(stimulus)
        index = graph["host.index"]
        last = {"spikes": 1, "constant": graph.timesteps, "impulse": 1, "bias": 0}
        frames = stimulus.reshape(graph.timesteps if train else 1, -1)[:, index]
        lines = np.ascontiguousarray(frames, np.int32)
        for _ in range(last[graph.input_mode]):
            yield lines

    def _write_pixels(self, stimulus: npt.NDArray[np.generic]) -> None:
        """Write the image into the biases that it drives, before the first tick."""
        graph = self._graph
        mantissa = stimulus.reshape(-1)[graph["pixel.index"]].astype(np.int32)
        bias = (mantissa >> graph["pixel.shift"]) << graph["pixel.exponent"]
        self._tables.bias[graph["pixel.neuron"]] = bias

    def _read_out(self, read: Trains, counts: I32) -> npt.NDArray[np.generic]:
        """The network's output from `(ticks, outputs)` spikes, their counts, or membranes."""
        graph = self._graph
        if graph.readout == "membranes":
            parts = self._by_population(self._state.v)[graph.output]
            total: I32 = parts.sum(axis=0, keepdims=True, dtype=np.int32)
            return total
        if graph.readout == "train":
            depth = next(p.depth for p in graph.populations if p.name == graph.output)
            return read[depth : depth + graph.timesteps].reshape(-1, *graph.output_shape)
        if not graph.signed_pairs:
            return counts
        return counts[0::2] - counts[1::2]

    def _check(self, problem: U8) -> None:
        graph = self._graph
        found = {}
        for tile in np.flatnonzero(problem):
            info = graph.populations[graph["tile.population"][tile]]
            bits = graph.profiles[graph["tile.profile"][tile]].message_bits
            found[info.layer] = (
                message_refusal(info.layer, bits)
                if problem[tile] == LEFT_MESSAGE
                else membrane_refusal(info.layer)
            )
        if found:
            raise NmError(*found.values())

    def _boxes(self) -> Iterator[tuple[int, slice, tuple[slice, slice, slice]]]:
        """Population, neurons and (C, H, W) box of every tile."""
        graph = self._graph
        names = ("population", "neuron0", "neurons", "c0", "c1", "y0", "y1", "x0", "x1")
        columns = [graph[f"tile.{name}"].tolist() for name in names]
        for population, neuron0, neurons, c0, c1, y0, y1, x0, x1 in zip(*columns, strict=True):
            box = (slice(c0, c1), slice(y0, y1), slice(x0, x1))
            yield population, slice(neuron0, neuron0 + neurons), box

    def _by_population(self, values: I32) -> dict[str, I32]:
        """Per-neuron values as `(C, H, W)` (or `(N,)`) arrays."""
        infos = self._graph.populations
        arrays = [np.zeros(info.shape, np.int32) for info in infos]
        for population, neurons, box in self._boxes():
            part = arrays[population][box]
            part[:] = _channels_first(values[neurons], part.shape)
        return {i.name: a.reshape(i.golden_shape) for i, a in zip(infos, arrays, strict=True)}

    def _aligned(self, history: History) -> dict[str, Trains]:
        """Spikes as golden arrays: timestep t of p is tick t + d_p."""
        infos, steps = self._graph.populations, self._graph.timesteps
        arrays = [np.zeros((steps, *i.shape), train_type(i.edge)) for i in infos]
        for tile, (population, neurons, box) in enumerate(self._boxes()):
            depth, column = infos[population].depth, history.column[tile]
            part = arrays[population][(slice(None), *box)]
            source: Trains = history.wide if infos[population].edge.wide else history.narrow
            own = source[:, column : column + neurons.stop - neurons.start]
            for t in range(steps):
                part[t] = _channels_first(own[t + depth], part.shape[1:])
        return {
            i.name: a.reshape(steps, *i.golden_shape) for i, a in zip(infos, arrays, strict=True)
        }


@dataclass(frozen=True)
class _Level:
    """Tiles that read only what earlier levels sent; `shares` are run side by side."""

    shares: Shares
    by_tick: bool


def _levels(graph: CoreGraph, tables: Tables, threads: int, *, bank: bool) -> list[_Level]:
    """All tiles in the order in which they can run, and whether tick by tick.

    A population reads only shallower ones; were it otherwise, all tiles are one level that runs
    tick by tick. So does the level that is read out where its synapses change with the tick
    (`bank`).
    """
    depths = np.array([info.depth for info in graph.populations])
    depth = depths[graph["tile.population"]]
    source = graph["group.tile"][tables.inputs[:, IN_GROUP]]
    reader = np.repeat(np.arange(len(depth)), np.diff(tables.tile[:, [TILE_IN0, TILE_IN1]])[:, 0])
    circular = bool(np.any((source >= 0) & (depth[source] >= depth[reader])))
    if circular:
        depth = np.zeros_like(depth)
    names = [info.name for info in graph.populations]
    last = 0 if circular else depths[names.index(graph.output)]
    levels = []
    for one in np.unique(depth):
        tiles = np.flatnonzero(depth == one).astype(np.int32)
        # Neighbouring tiles are alike: deal them out, so that all shares are alike.
        dealt = (tiles[k :: SHARES * threads] for k in range(SHARES * threads))
        shares = tuple(np.ascontiguousarray(share) for share in dealt)
        by_tick = circular or (bank and one == last)
        levels.append(_Level(tuple(s for s in shares if len(s)), by_tick))
    return levels


def _channels_first(
    values: npt.NDArray[np.generic], shape: tuple[int, ...]
) -> npt.NDArray[np.generic]:
    channels, height, width = shape
    return values.reshape(height, width, channels).transpose(2, 0, 1)
