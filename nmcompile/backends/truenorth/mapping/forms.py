"""Boxes of one population that are alike but for their place, and what one of them needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.mapping.connections import Bits, Connections, Patterns
from nmcompile.backends.truenorth.weights.encoding import Encoding
from nmcompile.backends.truenorth.weights.spare_types import NO_TYPE, single_types, value_codes
from nmcompile.mapping.axes import Interval
from nmcompile.mapping.populations import Population
from nmcompile.mapping.window import patterns

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I16 = npt.NDArray[np.int16]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
FEW_NEURONS = 16
Boxes = I32
"""`(n, 6)`: y0, y1, x0, x1, c0, c1 of every box."""


@dataclass(frozen=True)
class Form:
    """A box without its place.

    Attributes:
        connections: of every projection.
        height, width: of the box. c: its channels.
        y, x: per projection, what every source position does to the box.
        spare: types that the encoding leaves free, where it takes several axons per input.
        values: `(C, codes)` weight behind every code of every channel; 0 beyond a type's range.
    """

    connections: tuple[Connections, ...]
    height: int
    width: int
    c: Interval
    y: tuple[Patterns, ...]
    x: tuple[Patterns, ...]
    spare: tuple[int, ...]
    values: I32

    @cached_property
    def channels(self) -> tuple[I32, ...]:
        """Per projection, the source channels that are read."""
        return tuple(own.channels(self.c) for own in self.connections)

    @cached_property
    def rows(self) -> tuple[Bits, ...]:
        """Per projection `(channels, axons, sources along y, along x)`: axons in use.

        An input on a spare type uses the first of its axons.
        """
        found = []
        for rows, single in zip(self._all_rows, self.single, strict=True):
            alone = single != NO_TYPE
            first = np.arange(rows.shape[1])[:, None, None] == 0
            found.append(np.where(alone[:, None], first, rows))
        return tuple(found)

    @cached_property
    def single(self) -> tuple[I8, ...]:
        """Per projection `(channels, sources along y, along x)`: spare type of an input, or -1."""
        shapes = [(rows.shape[0], *rows.shape[2:]) for rows in self._all_rows]
        # where all inputs reach many neurons, hardly two agree at all of them
        if not self.spare or (self.height * self.width == 1 and self.neurons > FEW_NEURONS):
            return tuple(np.full(shape, NO_TYPE, np.int8) for shape in shapes)
        codes = self._codes
        several = np.concatenate([r.sum(axis=1).reshape(-1) > 1 for r in self._all_rows])
        several &= ((self._values_of(codes) != 0) | (codes == 0)).all(axis=1)
        found = single_types(codes, several, self.spare)
        edges = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts = zip(np.split(found, edges), shapes, strict=True)
        return tuple(part.reshape(shape) for part, shape in parts)

    @cached_property
    def spare_weights(self) -> I32:
        """`(neurons, spare types)` weight of every spare type at every neuron."""
        found = np.zeros((self.neurons, len(self.spare)), np.int32)
        single = np.concatenate([part.reshape(-1) for part in self.single])
        if (single != NO_TYPE).any():
            values = self._values_of(self._codes)
            for k, kind in enumerate(self.spare):
                own = values[single == kind]
                found[:, k] = own.max(axis=0, initial=0) + own.min(axis=0, initial=0)
        return found

    def _values_of(self, codes: I16) -> I32:
        """Weights behind the codes of `_codes`."""
        channel = np.tile(np.arange(*self.c), self.height * self.width)
        found: I32 = self.values[channel, codes]
        return found

    @cached_property
    def _all_rows(self) -> tuple[Bits, ...]:
        """As `rows` with the encoding alone."""
        return tuple(
            own.rows(self.c, y, x)
            for own, y, x in zip(self.connections, self.y, self.x, strict=True)
        )

    @property
    def _codes(self) -> I16:
        """`(inputs, neurons)`, by projection, channel, y, x; by y, x, channel."""
        parts = [
            own.codes(self.c, y, x, self.height, self.width).reshape(-1, self.neurons)
            for own, y, x in zip(self.connections, self.y, self.x, strict=True)
        ]
        return np.concatenate(parts)

    @cached_property
    def counts(self) -> tuple[I32, ...]:
        """Per projection `(channels, sources along y, along x)`: axons of every input."""
        return tuple(rows.sum(axis=1, dtype=np.int32) for rows in self.rows)

    @cached_property
    def axons(self) -> int:
        """Axons of a box."""
        return sum(int(counts.sum()) for counts in self.counts)

    @property
    def neurons(self) -> int:
        """Outputs of a box."""
        return self.height * self.width * (self.c[1] - self.c[0])

    def types(self, index: int) -> U8:
        """Type of every axon of projection `index`, in the order of `crossbar`."""
        own, rows, single = self.connections[index], self.rows[index], self.single[index]
        channel, axon, y, x = np.nonzero(rows)
        plain = own.types[self.channels[index][channel], axon]
        alone = single[channel, y, x]
        found: U8 = np.where(alone == NO_TYPE, plain, alone).astype(np.uint8)
        return found

    @cached_property
    def crossbar(self) -> Bits:
        """`(axons, neurons)`: by projection, channel, axon of the input, y, x; by y, x, channel."""
        parts = [np.zeros((0, self.neurons), np.bool_)]
        for k, own in enumerate(self.connections):
            whole = own.crossbar(self.c, self.y[k], self.x[k], self.height, self.width)
            alone = self.single[k] != NO_TYPE
            whole[:, 0][alone] = whole.any(axis=1)[alone]
            parts.append(whole[self.rows[k]])
        return np.concatenate(parts)

    @cached_property
    def elements(self) -> I32:
        """`(axons, neurons)` as `crossbar`: elements of the template, see `Connections`."""
        parts = [
            own.elements(self.c, self.y[k], self.x[k], self.height, self.width)[self.rows[k]]
            for k, own in enumerate(self.connections)
        ]
        return np.concatenate(parts)

    @cached_property
    def planes(self) -> I32:
        """`(neurons,)` bit of the elements that a neuron reads."""
        own = self.connections[0].projection
        planes = np.arange(*self.c) // own.channels_in % own.planes
        return np.tile(planes, self.height * self.width).astype(np.int32)


class Forms:
    """The forms of one population.

    Args:
        population: its projections.
        encoding: of its weights.
        spare: axon types that neither the encoding nor a bias uses.
        largest: largest weight of a type.
    """

    def __init__(
        self, population: Population, encoding: Encoding, spare: tuple[int, ...], largest: int
    ) -> None:
        self.population = population
        self.spare = spare if encoding.axons > 1 else ()
        codes, values = value_codes([p.weight.data for p in population.projections])
        self._values = np.where((values <= largest) & (values >= -largest - 1), values, 0)
        first, connections = 0, []
        for projection, code in zip(population.projections, codes, strict=True):
            connections.append(Connections(projection, encoding, first, code))
            first += projection.source_shape[0]
        self.connections = tuple(connections)
        self.holds_template = any(p.planes for p in population.projections)
        self.known: list[Form] = []
        self._kinds: dict[tuple[object, ...], int] = {}
        self._intervals: dict[tuple[str, Interval], int] = {}
        self._numbers: dict[tuple[int, int, int], int] = {}

    def of(self, boxes: Boxes) -> I64:
        """Number of every box's form in `known`."""
        kinds = [self._axis(axis, boxes[:, k : k + 2]) for axis, k in (("y", 0), ("x", 2))]
        channels = boxes[:, 4].astype(np.int64) << 32 | boxes[:, 5]
        # box-like keys: few kinds along y and x, any number of channel intervals
        keys = np.stack([*kinds, channels], axis=1)
        order = np.lexsort(keys.T)
        fresh = np.ones(len(keys), np.bool_)
        fresh[1:] = (keys[order][1:] != keys[order][:-1]).any(axis=1)
        number = np.array([self._number(boxes[i], keys[i]) for i in order[fresh]], np.int64)
        found = np.empty(len(keys), np.int64)
        found[order] = number[np.cumsum(fresh) - 1]
        return found

    def _axis(self, axis: str, intervals: I32) -> I64:
        """What the intervals along an axis have in common, as numbers."""
        low, high = intervals[:, 0].astype(np.int64), intervals[:, 1]
        keys, inverse = np.unique(low << 32 | high, return_inverse=True)
        kinds = [self._kind(axis, (int(k >> 32), int(k & 0xFFFFFFFF))) for k in keys]
        return np.array(kinds, np.int64)[inverse]

    def _kind(self, axis: str, interval: Interval) -> int:
        if (axis, interval) not in self._intervals:
            key = (axis, interval[1] - interval[0], self._patterns(axis, interval))
            self._intervals[axis, interval] = self._kinds.setdefault(key, len(self._kinds))
        return self._intervals[axis, interval]

    def _patterns(self, axis: str, interval: Interval) -> tuple[Patterns, ...]:
        windows = (p.y if axis == "y" else p.x for p in self.population.projections)
        return tuple(patterns(window, *interval) for window in windows)

    def _number(self, box: I32, key: I64) -> int:
        kind = (int(key[0]), int(key[1]), int(key[2]))
        if kind not in self._numbers:
            y0, y1, x0, x1, c0, c1 = box.tolist()
            self._numbers[kind] = len(self.known)
            self.known.append(
                Form(
                    *(self.connections, y1 - y0, x1 - x0, (c0, c1)),
                    *(self._patterns("y", (y0, y1)), self._patterns("x", (x0, x1))),
                    *(self.spare, self._values),
                )
            )
        return self._numbers[kind]
