"""A frame on crossbar cores: what the host sends, ticks, windows of populations, the read-out.

Chips have no frame reset. Before every frame the host rewrites all membranes and clears the
schedulers. Population p is compared, counted and read in ticks d_p + 1 ... d_p + T; before and
after, its cores go on leaking and may fire, which only the counters of cores see.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.frame_result import FrameResult
from nmcompile.backends.stimulus import spike_train
from nmcompile.backends.stored_template import Slots
from nmcompile.backends.truenorth.simulator.counting import Counting
from nmcompile.backends.truenorth.simulator.events import Events, Trace, events_of
from nmcompile.backends.truenorth.template import holding
from nmcompile.mapping.crossbar_graph import CrossbarGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class FrameSimulator(ABC):
    """Crossbar cores that run frames; how they run a tick is the subclass's.

    Args:
        graph: the mapped network.
    """

    def __init__(self, graph: CrossbarGraph) -> None:
        self.graph = graph
        self._template: npt.NDArray[Any] = np.zeros(0)

    @abstractmethod
    def reset(self) -> None:
        """As after configuration: tick 0, membranes `v_init`, nothing under way."""

    @abstractmethod
    def begin_frame(self) -> None:
        """What the host does before a frame: rewrite membranes, clear schedulers."""

    @abstractmethod
    def write_crossbars(self) -> None:
        """Take over the cross-points of `graph`, which have changed."""

    @abstractmethod
    def membranes(self) -> I32:
        """`(neurons,)` membranes after the last tick."""

    @abstractmethod
    def advance(self, ticks: int, events: Events | None = None) -> Trace:
        """Run some ticks from the present state.

        Args:
            ticks: how many. events: what the host sends, row 0 in the first of them.
        """

    def run(
        self,
        stimulus: npt.NDArray[Any],
        slots: Mapping[str, npt.NDArray[Any]] | None = None,
        *,
        record: bool = False,
    ) -> FrameResult:
        """Run one frame of `graph.ticks` ticks.

        Args:
            stimulus: `(T, ...)` spikes, or `(C, H, W)` of an input that the host codes.
            slots: contents of the program's slots; a graph with a slot holds its contents.
            record: keep the spikes and membranes of every population.

        Raises:
            NmError: NM0204 when the stimulus has the wrong shape, NM0218 when it has values, NM0215
                when the template is missing or does not fit.
        """
        self._take_template(slots)
        graph = self.graph
        train = spike_train(graph, stimulus)
        events = events_of(graph, train)
        self.begin_frame()
        traces, membranes, tick = [], {}, 0
        ends = {min(graph.ticks, info.depth + graph.timesteps) for info in graph.populations}
        for end in sorted(ends | {graph.ticks}):
            traces.append(self.advance(end - tick, events.part(tick, end)))
            membranes[end] = self.membranes()
            tick = end
        trace = Trace.joined(traces)
        return FrameResult(
            output=self._read_out(trace, membranes),
            counters=self._counting.counted(trace, events, train, graph["crossbar.word"]),
            v_final=self._finals(membranes) if record else {},
            spikes=self._spikes(trace) if record else {},
            traffic=self._counting.traffic(trace, events) if record else None,
        )

    def _take_template(self, slots: Slots | None) -> None:
        """Write the template into the crossbars, unless it is the one that they hold."""
        given = (slots or {}).get(self.graph.slot)
        if not self.graph.slot or (given is not None and np.array_equal(given, self._template)):
            return
        self.graph = holding(self.graph, slots)
        self._template = np.array(given)
        self.write_crossbars()

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self.graph)

    @cached_property
    def _places(self) -> tuple[I64, ...]:
        """By population, `(C, H, W)`: the neuron of every element, -1 where there is none."""
        graph = self.graph
        places = tuple(np.full(info.shape, -1, np.int64) for info in graph.populations)
        names = ("population", "neuron0", "neurons", "c0", "c1", "y0", "y1", "x0", "x1")
        columns = [graph[f"tile.{name}"].tolist() for name in names]
        for population, neuron0, neurons, c0, c1, y0, y1, x0, x1 in zip(*columns, strict=True):
            own = np.arange(neuron0, neuron0 + neurons).reshape(y1 - y0, x1 - x0, c1 - c0)
            places[population][c0:c1, y0:y1, x0:x1] = own.transpose(2, 0, 1)
        return places

    def _read_out(self, trace: Trace, membranes: dict[int, I32]) -> npt.NDArray[Any]:
        """The network's output: a train, counts, or membranes."""
        graph = self.graph
        if graph.readout == "membranes":
            total: I32 = self._finals(membranes)[graph.output].sum(axis=0, keepdims=True)
            return total.astype(np.int32)
        depth = next(info.depth for info in graph.populations if info.name == graph.output)
        read = np.zeros((graph.timesteps, int(np.prod(graph.output_shape))), np.uint8)
        window = trace.spikes[depth : depth + graph.timesteps]
        # Several neurons may share an element, as outputs of a RANC bus do.
        timestep, neuron = np.nonzero(window[:, graph["readout.neuron"]])
        read[timestep, graph["readout.index"][neuron]] = 1
        if graph.readout == "train":
            return read.reshape(graph.timesteps, *graph.output_shape)
        counts: I32 = read.sum(axis=0, dtype=np.int32).reshape(graph.output_shape)
        return counts[0::2] - counts[1::2] if graph.signed_pairs else counts

    def _finals(self, membranes: dict[int, I32]) -> dict[str, I32]:
        graph, finals = self.graph, {}
        for info, places in zip(graph.populations, self._places, strict=True):
            end = min(graph.ticks, info.depth + graph.timesteps)
            finals[info.name] = _taken(membranes[end], places.reshape(info.golden_shape))
        return finals

    def _spikes(self, trace: Trace) -> dict[str, U8]:
        graph, spikes = self.graph, {}
        for info, places in zip(graph.populations, self._places, strict=True):
            window = trace.spikes[info.depth : info.depth + graph.timesteps].view(np.uint8)
            spikes[info.name] = _taken(window, places.reshape(info.golden_shape))
        return spikes


def _taken(values: npt.NDArray[Any], places: I64) -> npt.NDArray[Any]:
    """Values `(..., neurons)` at some places, 0 where there is no neuron."""
    taken = values[..., places]
    taken[..., places < 0] = 0
    return taken
