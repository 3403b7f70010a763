"""One population cut into boxes on cores, for known numbers of copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.layer import Layer
from nmcompile.backends.truenorth.mapping import cutting
from nmcompile.backends.truenorth.mapping.forms import Boxes, Forms
from nmcompile.mapping.demand import Grid
from nmcompile.mapping.window import Window, sources
from nmcompile.target import CrossbarTarget

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """A population on cores.

    Attributes:
        boxes: of its outputs. form: of every box, a number of `Forms.known`.
        core: of every box, from 0.
        axons: of every box.
        slots: neurons of every box, all copies included (before relays replace some).
        relay_cores: cores between it and its readers.
    """

    boxes: Boxes
    form: I64
    core: I64
    axons: I64
    slots: I64
    relay_cores: int

    @cached_property
    def layer_cores(self) -> int:
        """Cores that hold its outputs."""
        return int(self.core.max()) + 1

    @property
    def cores(self) -> int:
        """All cores that it takes."""
        return self.layer_cores + self.relay_cores


class Cutter:
    """Cuts one population.

    Args:
        layer: the population with its encoding.
        chip: the target.
        gated: whether every core has an axon, of a type of its own, for the bias.
        read_out: whether the host reads the spikes of every neuron: a target beside the axons.
    """

    def __init__(self, layer: Layer, chip: CrossbarTarget, *, gated: bool, read_out: bool) -> None:
        if layer.encoding is None:
            raise ValueError("the layer has no encoding")
        self.layer = layer
        types = range(layer.types + gated, chip.core.axon_types.value)
        largest = 2 ** (chip.formats.weight_bits.value - 1) - 1
        self.forms = Forms(layer.population, layer.encoding, tuple(types), largest)
        self.most_axons = chip.core.axons.value - gated - layer.gate_axons
        self.most_neurons = chip.core.neurons.value
        self.own = int(read_out)
        self._reads = _read_tables(layer)
        self._whole: dict[Grid, tuple[Boxes, I64] | None] = {}

    def whole(self, grid: Grid) -> tuple[Boxes, I64] | None:
        """Boxes of a grid and their forms; None where an output takes more axons than a core has.

        Those few boxes whose inputs take too many axons are halved.
        """
        if grid not in self._whole:
            self._whole[grid] = self._fitting(boxes_of(grid))
        return self._whole[grid]

    def cut(self, grid: Grid, wanted: I32, *, relays: bool) -> Cut | None:
        """Boxes of a grid on cores, or None where a neuron has more targets than that allows.

        Args:
            grid: its boxes fit the axons of a core.
            wanted: `(C, H, W)` axons that every neuron must reach.
            relays: whether relay cores make copies that the core of a neuron has no room for;
                otherwise boxes are split until it has.
        """
        slots = np.maximum(wanted + self.own, 1)
        held = slots
        if relays:
            # one input of a relay core can have all its neurons as copies
            held = np.maximum(-(-wanted // self.most_neurons) + self.own, 1).astype(np.int32)
        whole = self.whole(grid)
        if whole is None:
            return None
        boxes, form = whole
        smaller = cutting.split_boxes(boxes, held, self.most_neurons, *self._reads)
        if len(smaller) > len(boxes):
            fitting = self._fitting(smaller)
            if fitting is None:
                return None
            boxes, form = fitting
        neurons = cutting.sums_of(boxes, slots)
        if not relays and neurons.max() > self.most_neurons:
            return None
        axons = self._axons(form)
        core = self._packed(axons, np.minimum(neurons, self.most_neurons))
        relay_cores = 0
        if neurons.max() > self.most_neurons:
            served = self._relayed(boxes, core, wanted)
            if served < 0:
                return None
            relay_cores = -(-served // self.most_neurons)
        return Cut(boxes, form, core, axons, neurons, relay_cores)

    def _fitting(self, boxes: Boxes) -> tuple[Boxes, I64] | None:
        """Boxes with those halved, again and again, that take too many axons; and their forms."""
        while True:
            form = self.forms.of(boxes)
            over = self._axons(form) > self.most_axons
            if not over.any():
                return boxes, form
            size = boxes[over, 1::2] - boxes[over, ::2]
            if size.prod(axis=1).min() == 1:
                return None
            axis = np.argmax(size, axis=1)
            rows = np.arange(len(axis))
            low, high = boxes[over].copy(), boxes[over].copy()
            middle = low[rows, 2 * axis] + size[rows, axis] // 2
            low[rows, 2 * axis + 1] = middle
            high[rows, 2 * axis] = middle
            boxes = np.concatenate([boxes[~over], low, high])

    def _axons(self, form: I64) -> I64:
        """Axons of boxes of these forms."""
        each = np.zeros(len(self.forms.known), np.int64)
        for number in np.unique(form).tolist():
            each[number] = self.forms.known[number].axons
        found: I64 = each[form]
        return found

    def _packed(self, axons: I64, neurons: I64) -> I64:
        """The core of every box; small boxes share one."""
        if 2 * axons.min() > self.most_axons or 2 * neurons.min() > self.most_neurons:
            return np.arange(len(axons))
        order = np.argsort(-(axons + neurons), kind="stable")
        core = np.empty(len(axons), np.int64)
        core[order] = cutting.pack(axons[order], neurons[order], self.most_axons, self.most_neurons)
        return _renumbered(core)

    def all_axons(self, form: I64) -> int:
        """Axons of boxes of these forms together."""
        return int(self._axons(form).sum())

    def reads(self, cut: Cut, index: int) -> int:
        """All axons of projection `index`."""
        numbers, boxes = np.unique(cut.form, return_counts=True)
        each = [int(self.forms.known[n].counts[index].sum()) for n in numbers.tolist()]
        return int(np.dot(each, boxes))

    def count_reads(self, cut: Cut, index: int, found: I32) -> None:
        """Add the axons that the cut makes of every input of projection `index` to `found`."""
        projection = self.layer.population.projections[index]
        rows, row0 = _positions(projection.y, cut.boxes[:, 0:2])
        columns, column0 = _positions(projection.x, cut.boxes[:, 2:4])
        numbers, form = np.unique(cut.form, return_inverse=True)
        forms = [self.forms.known[n] for n in numbers.tolist()]
        channels = [f.channels[index] for f in forms]
        counts = [f.counts[index] for f in forms]
        cutting.count_reads(
            found,
            form.astype(np.int64),
            *(rows, columns, row0, column0),
            np.concatenate(channels),
            _starts([c.size for c in channels]),
            np.concatenate([c.reshape(-1) for c in counts]),
            _starts([c.size for c in counts]),
            np.array([c.shape for c in counts], np.int64),
        )

    def _relayed(self, boxes: Boxes, core: I64, wanted: I32) -> int:
        """Targets that relays serve; -1 where even one relay per neuron does not fit."""
        place = np.empty(wanted.shape, np.int64)
        cutting.fill(boxes, core, place)
        flat = place.reshape(-1)
        order = np.argsort(flat, kind="stable")
        many = wanted.reshape(-1)[order].astype(np.int64)
        own = np.full(len(many), self.own, np.int64)
        cores = int(flat.max()) + 1
        return int(cutting.relayed(flat[order], many, own, cores, self.most_neurons))


def boxes_of(grid: Grid) -> Boxes:
    """The boxes of a grid, channels innermost."""
    return np.array([(*y, *x, *c) for y, x, c in grid.boxes()], np.int32)


def _renumbered(core: I64) -> I64:
    """Cores in the order in which the boxes meet them, so that neighbours stay neighbours."""
    _, first, inverse = np.unique(core, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    found: I64 = rank[inverse]
    return found


def _positions(window: Window, intervals: I32) -> tuple[I64, I64]:
    """Source positions of all intervals, and where those of every box begin."""
    keys = intervals[:, 0].astype(np.int64) << 32 | intervals[:, 1]
    distinct, inverse = np.unique(keys, return_inverse=True)
    found = [sources(window, int(k >> 32), int(k & 0xFFFFFFFF)) for k in distinct]
    flat = np.array([s for part in found for s in part], np.int64)
    return flat, _starts([len(part) for part in found])[inverse]


def _starts(sizes: Sequence[int]) -> I64:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)


def _read_tables(layer: Layer) -> tuple[I64, I64, tuple[int, int]]:
    """Inputs along y and x that the outputs low..high-1 read; channels of a group, out and in."""
    (first, *_) = layer.population.projections
    groups = (first.channels_out, first.channels_in)
    return _read_table(first.y), _read_table(first.x), groups


def _read_table(window: Window) -> I64:
    steps = (window.kernel, window.stride, window.dilation, window.padding)
    return cutting.reads(*steps, window.size_in, window.size_out)
