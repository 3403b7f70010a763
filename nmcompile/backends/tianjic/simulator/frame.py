"""Frames on functional cores: what the host sends, phases, the read-out.

Membranes start at `v_init` with the first timestep of every frame; the values that cores sent stay
where they are until others are sent in their place, from one frame into the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.frame_result import FrameResult
from nmcompile.backends.stimulus import check_shape, host_steps
from nmcompile.backends.stored_template import Slots
from nmcompile.backends.tianjic.simulator.counting import Counting
from nmcompile.backends.tianjic.simulator.template import Weights
from nmcompile.backends.tianjic.simulator.trace import Trace
from nmcompile.mapping.fcore_graph import FCoreGraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]


class FrameSimulator(ABC):
    """Functional cores that run frames; how they run a phase is the subclass's.

    Args:
        graph: the mapped network.

    Raises:
        NmError: NM0309 when the tables of the graph are inconsistent.
    """

    def __init__(self, graph: FCoreGraph) -> None:
        graph.validate()
        self.graph = graph
        self.weights = Weights(graph)
        sizes = [
            int(np.prod(graph.input_shape)),
            *(int(np.prod(p.shape)) for p in graph.populations),
        ]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    @abstractmethod
    def reset(self) -> None:
        """As after configuration: no core has sent anything."""

    @abstractmethod
    def advance(self, train: I32, phases: int, first: int) -> Trace:
        """Run phases -1 to `phases` - 1 of one or more frames.

        Args:
            train: `(timesteps, inputs)` what the host sends, channels last.
            phases: how many.
            first: the first element whose values are kept.
        """

    def run(
        self, stimulus: npt.NDArray[Any], slots: Slots | None = None, *, record: bool = False
    ) -> FrameResult:
        """Run one frame of `graph.ticks` phases.

        Args:
            stimulus: `(T, ...)` spikes, or `(C, H, W)` of an input that is constant or coded.
            slots: contents of the template's slot, where the network has one.
            record: keep the values and membranes of every population.

        Raises:
            NmError: NM0204 when the stimulus has the wrong shape, NM0215 when the template is
                missing or does not fit.
        """
        self.weights.write(slots)
        trace = self._advanced([stimulus], record=True)
        kept = trace.values
        sent = tuple(
            int(np.count_nonzero(kept[:, low - trace.first : high - trace.first]))
            for low, high in zip(self.first[1:-1], self.first[2:], strict=True)
        )
        return FrameResult(
            output=self._read_out(trace, 0),
            counters=self._counting.counted(trace, sent),
            v_final=self._finals(trace) if record else {},
            spikes=self._spikes(trace) if record else {},
            traffic=self._counting.traffic(trace) if record else None,
        )

    def stream(
        self, stimuli: Sequence[npt.NDArray[Any]], slots: Slots | None = None
    ) -> list[npt.NDArray[Any]]:
        """Outputs of frames that follow each other every `graph.phases` phases.

        The next frame enters while deeper layers still work on the one before. Membranes cannot
        be read so.

        Args:
            stimuli: one for every frame. slots: see `run`.
        """
        self.weights.write(slots)
        trace = self._advanced(stimuli, record=False)
        return [self._read_out(trace, frame) for frame in range(len(stimuli))]

    def _advanced(self, stimuli: Sequence[npt.NDArray[Any]], *, record: bool) -> Trace:
        graph, (_, height, width) = self.graph, self.graph.input_shape3
        train = np.zeros((len(stimuli), graph.timesteps, self.first[1]), np.int32)
        for frame, stimulus in enumerate(stimuli):
            check_shape(graph, stimulus)
            for t, values in enumerate(host_steps(graph, stimulus)):
                image = values.reshape(-1, height, width)
                train[frame, t] = np.moveaxis(image, 0, -1).reshape(-1)
        phases = graph.ticks + (len(stimuli) - 1) * graph.phases
        first = 1 if record else 1 + self._output
        return self.advance(train.reshape(-1, self.first[1]), phases, int(self.first[first]))

    @cached_property
    def _counting(self) -> Counting:
        return Counting(self.graph)

    @cached_property
    def _output(self) -> int:
        return [info.name for info in self.graph.populations].index(self.graph.output)

    def _read_out(self, trace: Trace, frame: int) -> npt.NDArray[Any]:
        """A frame's output: a train, counts, or membranes."""
        graph = self.graph
        if graph.readout == "each_membrane":
            return self._finals(trace)[graph.output].reshape(graph.output_shape)
        if graph.readout == "membranes":
            total: I32 = self._finals(trace)[graph.output].sum(axis=0, keepdims=True)
            return total.astype(np.int32)
        steps = slice(frame * graph.timesteps, (frame + 1) * graph.timesteps)
        read = np.zeros((graph.timesteps, int(np.prod(graph.output_shape))), np.uint8)
        element, index = self._read_elements
        read[:, index] = trace.values[steps, element - trace.first]
        if graph.readout == "train":
            return read.reshape(graph.timesteps, *graph.output_shape)
        counts: I32 = read.sum(axis=0, dtype=np.int32).reshape(graph.output_shape)
        return counts[0::2] - counts[1::2] if graph.signed_pairs else counts

    @cached_property
    def _read_elements(self) -> tuple[I64, I64]:
        """Elements that are read out, and which elements of the output they are."""
        graph = self.graph
        neuron, core = graph["readout.neuron"], graph.neuron_cores()[graph["readout.neuron"]]
        channels, _, width = graph.populations[self._output].shape
        y = graph["neuron.y"][neuron] + graph["readout.ky"] * graph["core.ey"][core]
        x = graph["neuron.x"][neuron] + graph["readout.kx"] * graph["core.ex"][core]
        c = graph["neuron.c"][neuron] + graph["readout.kx"] * graph["core.ec"][core]
        place = (y.astype(np.int64) * width + x) * channels + c
        return self.first[1 + self._output] + place, graph["readout.index"].astype(np.int64)

    def _finals(self, trace: Trace) -> dict[str, I32]:
        return {
            info.name: self._shaped(trace.v[None, self.first[1 + i] : self.first[2 + i]], i)[0]
            for i, info in enumerate(self.graph.populations)
        }

    def _spikes(self, trace: Trace) -> dict[str, U8]:
        low = trace.first
        return {
            info.name: self._shaped(
                trace.values[:, self.first[1 + i] - low : self.first[2 + i] - low], i
            )
            for i, info in enumerate(self.graph.populations)
        }

    def _shaped(self, values: npt.NDArray[Any], population: int) -> npt.NDArray[Any]:
        """`(steps, elements)` channels last -> `(steps, ...)` in the network's own shape."""
        info = self.graph.populations[population]
        channels, height, width = info.shape
        maps = np.moveaxis(values.reshape(-1, height, width, channels), -1, 1)
        return np.ascontiguousarray(maps).reshape(-1, *info.golden_shape)
