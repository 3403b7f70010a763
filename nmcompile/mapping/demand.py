"""What a tile asks of its core, computed analytically from one-dimensional tables.

Counted, per core:

* neurons: neurons of the tile, times the compartments that a soft reset takes.
* input axons: population axons, one entry for every source position that reaches the tile and
  every neuron group (at most `axon_atoms` channels of one source tile) at that position; a soft
  reset on a second compartment adds one for every neuron.
* output axons: for every (neuron group of the tile, input axon that it feeds) the entries of a
  population or of a single neuron, as if each ended on another chip; a soft reset on a second
  compartment adds the entry of a single neuron for each.
* synapse memory of words: `nmcompile.mapping.packing`, one format for the synapses from one
  source into one port of the tile.
* synapse memory of rows (an encoding of our own): weights + `row_bytes` for every row (one per
  pattern and source channel) + `run_bytes` for every run. A *pattern* is the set of (output, tap)
  pairs of one source position, relative to the first output; positions with one pattern share
  rows and runs. With shared kernels every weight of the tile is stored once, as a convolution
  stores its kernel; without, every row stores its own weights and runs.
* total memory: synapse memory + neuron state + input and output axon entries + for
  running-maximum pooling `COUNTER_BYTES` for every input neuron of every axon.
* configurations: see `nmcompile.mapping.configs`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nmcompile.mapping.axes import (
    Axis,
    Channels,
    Feed,
    Interval,
    Intervals,
)
from nmcompile.mapping.configs import CompartmentConfig, Configs
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.list_costs import ListCosts
from nmcompile.mapping.lists import Format, reached
from nmcompile.mapping.populations import COUNTING_POOLS, Population, Projection
from nmcompile.mapping.reader import Reader

COUNTER_BYTES = 1


@dataclass(frozen=True)
class Grid:
    """How a population is cut: intervals along y, x and the channels; tiles are their product."""

    ys: Intervals
    xs: Intervals
    cs: Intervals

    @property
    def cut(self) -> tuple[Intervals, Intervals, Intervals]:
        """The intervals of all axes."""
        return self.ys, self.xs, self.cs

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return len(self.ys) * len(self.xs) * len(self.cs)

    def boxes(self) -> list[tuple[Interval, Interval, Interval]]:
        """(y, x, c) intervals of every tile, channel tiles innermost."""
        return [(y, x, c) for y in self.ys for x in self.xs for c in self.cs]

    def groups(self, atoms: int) -> Intervals:
        """Channel intervals of the neuron groups at every position."""
        return tuple(g for c in self.cs for g in split_atoms(c, atoms))


@dataclass(frozen=True, slots=True)
class Demand:
    """Resources of one or several tiles on one core; fields as in `Limits`.

    Attributes:
        words_per_axon: of the source with most words.
        delay_steps: timesteps that the input buffer must keep.
        destination_groups: multiplier of the neuron indices.
        formats: synapse formats; equal ones may hide behind different entries.
        compartments: different decays and reset rules. thresholds: different thresholds.
    """

    neurons: int = 0
    in_axons: int = 0
    out_axons: int = 0
    synapse_memory_bytes: int = 0
    total_memory_bytes: int = 0
    words_per_axon: int = 0
    delay_steps: int = 0
    destination_groups: int = 0
    formats: frozenset[Format] = frozenset()
    compartments: frozenset[CompartmentConfig] = frozenset()
    thresholds: frozenset[int] = frozenset()

    def __add__(self, other: Demand) -> Demand:
        return Demand(
            self.neurons + other.neurons,
            self.in_axons + other.in_axons,
            self.out_axons + other.out_axons,
            self.synapse_memory_bytes + other.synapse_memory_bytes,
            self.total_memory_bytes + other.total_memory_bytes,
            max(self.words_per_axon, other.words_per_axon),
            max(self.delay_steps, other.delay_steps),
            max(self.destination_groups, other.destination_groups),
            self.formats | other.formats,
            self.compartments | other.compartments,
            self.thresholds | other.thresholds,
        )

    @property
    def synapse_formats(self) -> int:
        """Number of synapse formats."""
        return len(self.formats)

    @property
    def compartment_configs(self) -> int:
        """Number of different decays and reset rules."""
        return len(self.compartments)

    @property
    def threshold_configs(self) -> int:
        """Number of different thresholds."""
        return len(self.thresholds)

    @property
    def input_buffer(self) -> int:
        """Places for sums that the neurons receive later."""
        return self.neurons * self.delay_steps

    def exceeded(self, limits: Limits) -> Iterator[tuple[str, int, int]]:
        """(name, used, allowed) of every capacity of a core that is exceeded."""
        for name in CAPS:
            allowed = getattr(limits, name)
            if allowed is not None and getattr(self, name) > allowed:
                yield name, getattr(self, name), allowed

    def fits(self, limits: Limits) -> bool:
        """Whether one core holds it."""
        return next(self.exceeded(limits), None) is None


CAPS = (
    *("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "total_memory_bytes"),
    *("words_per_axon", "synapse_formats", "compartment_configs", "threshold_configs"),
    *("destination_groups", "input_buffer"),
)
"""Names of the capacities of one core, in the order in which they are reported; `Limits` has None
for one that the target does not have."""


def split_atoms(interval: Interval, atoms: int) -> Intervals:
    """Cut a channel interval into groups that one population axon can name."""
    low, high = interval
    return tuple((c, min(c + atoms, high)) for c in range(low, high, atoms))


def compartments(population: Population, limits: Limits) -> int:
    """Compartments of one neuron of a population."""
    soft = population.model is not None and population.model.reset == "subtract"
    return limits.soft_reset_neurons if soft else 1


def balanced(size: int, parts: int) -> Intervals:
    """`parts` intervals of 0..size-1 whose lengths differ by at most one."""
    edges = [size * i // parts for i in range(parts + 1)]
    return tuple((edges[i], edges[i + 1]) for i in range(parts))


class Costs:
    """Demand of any tile of one population, for given sources and (if known) readers."""

    def __init__(
        self,
        population: Population,
        feeds: tuple[Feed, ...],
        readers: tuple[Reader, ...],
        limits: Limits,
    ) -> None:
        self.population = population
        self._feeds = feeds
        # Parts of one layer have the same geometry: their sums are found once.
        kinds = [_geometry(feed) for feed in feeds]
        self._like = [kinds.index(kind) for kind in kinds]
        self._readers = readers
        self._limits = limits
        self._axes: dict[tuple[int, str, Intervals], Axis] = {}
        self._channels: dict[tuple[int, Intervals], Channels] = {}
        self._out: dict[tuple[str, Intervals], tuple[int, ...]] = {}
        self._configs = Configs(population, limits)
        self._kinds: dict[tuple[object, ...], int] = {}
        each = compartments(population, limits)
        self._lists = ListCosts(population, limits, self._channel, each)

    def tiles(self, grid: Grid) -> list[Demand]:
        """Demand of every tile of a cut, in the order of `Grid.boxes`, all in one encoding."""
        encodings = self._lists.encodings(grid.cut)
        kinds = [
            {one: self._kind(axis, one) for one in intervals}
            for axis, intervals in zip("yxc", grid.cut, strict=True)
        ]
        # Most tiles of a cut are alike but for their place.
        known: dict[tuple[int, ...], Demand] = {}
        found = []
        for box in grid.boxes():
            kind = tuple(k[one] for k, one in zip(kinds, box, strict=True))
            if kind not in known:
                y, x, c = box
                known[kind] = self._demand(Grid((y,), (x,), (c,)), encodings)
            found.append(known[kind])
        return found

    def _kind(self, axis: str, one: Interval) -> int:
        """A number for everything that the demand of a tile takes from one interval."""
        feeds = range(len(self._feeds))
        parts: tuple[object, ...] = (one[1] - one[0], self._reach(axis, (one,)))
        if axis == "c":
            parts += (self._configs.thresholds(one), *(self._channel(i, (one,)) for i in feeds))
        else:
            windows = (getattr(feed.projection, axis) for feed in self._feeds)
            parts += (*(self._axis(i, axis, (one,)) for i in feeds),)
            parts += (*(reached(window, (one,)) for window in windows),)
        return self._kinds.setdefault((axis, *parts), len(self._kinds))

    def worst(self, grid: Grid) -> Demand:
        """An upper bound on the demand of every tile: the largest of every sum on every axis."""
        return self._demand(grid, None)

    def fits(self, grid: Grid, limits: Limits) -> bool:
        """Whether every tile fits a core; the synapses are counted only where the axons fit."""
        entries = self._out_axons(grid, self._coupled(grid))
        if self.most_axons(grid) > limits.in_axons or entries > limits.out_axons:
            return False
        return self.worst(grid).fits(limits)

    def _coupled(self, grid: Grid) -> int:
        """Neurons whose second compartment takes a synapse, an axon and an output entry."""
        second = compartments(self.population, self._limits) > 1
        return _longest(grid.ys) * _longest(grid.xs) * _longest(grid.cs) if second else 0

    def _out_axons(self, grid: Grid, coupled: int) -> int:
        readers = (self._reach(a, i) for a, i in zip("yxc", grid.cut, strict=True))
        routes: int = sum(a * b * d for a, b, d in zip(*readers, strict=True))
        return routes * self._route_entries(grid) + coupled * self._limits.out_axon_discrete

    def _demand(self, grid: Grid, encodings: tuple[int, ...] | None) -> Demand:
        limits = self._limits
        each = compartments(self.population, limits)
        neurons = _longest(grid.ys) * _longest(grid.xs) * _longest(grid.cs) * each
        coupled = self._coupled(grid)
        in_axons = coupled
        synapse_bytes = counters = 0
        for i, feed in enumerate(self._feeds):
            y, x = self._axis(i, "y", grid.ys), self._axis(i, "x", grid.xs)
            channels = self._channel(i, grid.cs)
            positions = y.sources * x.sources
            in_axons += positions * channels.axons
            counters += positions * channels.atoms
            if limits.packing is None:
                synapse_bytes += self._rows(feed.projection, y, x, channels)
        out_axons = self._out_axons(grid, coupled)
        words, longest, formats = self._lists.words(grid.cut, encodings)
        if limits.packing is not None:
            words += coupled * limits.packing.coupling_words
            synapse_bytes = words * limits.packing.word_bytes
        total = (
            synapse_bytes
            + neurons * limits.neuron_state_bytes
            + (in_axons + out_axons) * limits.axon_entry_bytes
        )
        if self.population.kind in COUNTING_POOLS:
            total += counters * COUNTER_BYTES
        return Demand(
            neurons,
            in_axons,
            out_axons,
            synapse_bytes,
            total,
            longest,
            self._configs.delay_steps,
            each if limits.destination_groups is not None else 0,
            formats,
            self._configs.compartments(second=each > 1),
            max((self._configs.thresholds(c) for c in grid.cs), key=len),
        )

    def most_axons(self, grid: Grid) -> int:
        """An upper bound on the input axons of every tile; those of `worst` for hard resets."""
        return sum(
            self._axis(i, "y", grid.ys).sources
            * self._axis(i, "x", grid.xs).sources
            * self._channel(i, grid.cs).axons
            for i in range(len(self._feeds))
        )

    def fewest_axons(self, grid: Grid) -> int:
        """The same for tiles of one channel group: what no finer cut of the channels avoids."""
        return sum(
            self._axis(i, "y", grid.ys).sources
            * self._axis(i, "x", grid.xs).sources
            * feed.projection.channels_in
            for i, feed in enumerate(self._feeds)
        )

    def axons(self, grid: Grid) -> int:
        """Input axons of all tiles together: the packets if every neuron spiked once."""
        return sum(
            sum(self._axis(i, "y", (y,)).sources for y in grid.ys)
            * sum(self._axis(i, "x", (x,)).sources for x in grid.xs)
            * sum(self._channel(i, (c,)).axons for c in grid.cs)
            for i in range(len(self._feeds))
        )

    def _rows(self, projection: Projection, y: Axis, x: Axis, channels: Channels) -> int:
        limits = self._limits
        rows = y.patterns * x.patterns * channels.atoms
        runs = y.hits * (x.hits if channels.split else x.merged)
        if limits.shared_kernels:
            weights = channels.weights * projection.y.kernel * projection.x.kernel
            stored_runs = runs * channels.widths
        else:
            weights = channels.weights * y.hits * x.hits
            stored_runs = runs * channels.atoms
        index = rows * limits.row_bytes + stored_runs * limits.run_bytes
        return weights * limits.weight_bytes + index

    def _route_entries(self, grid: Grid) -> int:
        """Output entries of a route, wherever it ends."""
        limits = self._limits
        single = min(_longest(grid.cs), limits.axon_atoms) == 1
        own = limits.out_axon_discrete if single else limits.out_axon_population
        return own + limits.out_axon_crossing

    def _axis(self, feed: int, axis: str, intervals: Intervals) -> Axis:
        feed = self._like[feed]
        key = (feed, axis, intervals)
        if key not in self._axes:
            projection = self._feeds[feed].projection
            window = projection.y if axis == "y" else projection.x
            parts = [
                Axis.of(window, intervals[0])
                if len(intervals) == 1
                else self._axis(feed, axis, (interval,))
                for interval in intervals
            ]
            self._axes[key] = Axis.most_of(parts)
        return self._axes[key]

    def _channel(self, feed: int, intervals: Intervals) -> Channels:
        feed = self._like[feed]
        key = (feed, intervals)
        if key not in self._channels:
            parts = [
                Channels.of(self._feeds[feed], intervals[0])
                if len(intervals) == 1
                else self._channel(feed, (interval,))
                for interval in intervals
            ]
            self._channels[key] = Channels.most_of(parts)
        return self._channels[key]

    def _reach(self, axis: str, intervals: Intervals) -> tuple[int, ...]:
        """Per reader, how often the positions (or groups) of the neediest interval are needed."""
        key = (axis, intervals)
        if key not in self._out:
            if len(intervals) == 1:
                found = tuple(reader.reached(axis, *intervals) for reader in self._readers)
            else:
                each = [self._reach(axis, (interval,)) for interval in intervals]
                found = tuple(max(reader) for reader in zip(*each, strict=True))
            self._out[key] = found
        return self._out[key]


def _geometry(feed: Feed) -> tuple[object, ...]:
    """Everything about a feed that the sums depend on."""
    p = feed.projection
    return p.source_shape, p.weight.shape, p.groups, p.y, p.x, p.first, feed.groups


def _longest(intervals: Intervals) -> int:
    return max(high - low for low, high in intervals)
