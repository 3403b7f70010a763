"""What a tile asks of its core, computed analytically from one-dimensional tables.

Counted, per core (the encoding is ours; a target states only the sizes of its memories):

* neurons: neurons of the tile, times the compartments that a soft reset takes (the synapses that
  couple the compartments are not counted).
* input axons: population axons, one entry for every source position that reaches the tile and
  every neuron group (at most `axon_atoms` channels of one source tile) at that position.
* output axons: one entry for every (neuron group of the tile, input axon that it feeds).
* synapse memory: weights + `ROW_BYTES` for every row (one per pattern and source channel) +
  `RUN_BYTES` for every run. A *pattern* is the set of (output, tap) pairs of one source
  position, relative to the first output; positions with one pattern share rows and runs. With
  shared kernels every weight of the tile is stored once, as a convolution stores its kernel;
  without, every row stores its own weights and runs.
* total memory: synapse memory + neuron state + input and output axon entries + for
  running-maximum pooling `COUNTER_BYTES` for every input neuron of every axon.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import COUNTING_POOLS, Population, Projection
from nmcompile.mapping.window import Window, distinct, merged_runs, sources, tiles_reached

ROW_BYTES = 2
RUN_BYTES = 4
COUNTER_BYTES = 1

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]


@dataclass(frozen=True)
class Grid:
    """How a population is cut: intervals along y, x and the channels; tiles are their product."""

    ys: Intervals
    xs: Intervals
    cs: Intervals

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
    """Resources of one or several tiles on one core; fields as in `Limits`."""

    neurons: int = 0
    in_axons: int = 0
    out_axons: int = 0
    synapse_memory_bytes: int = 0
    total_memory_bytes: int = 0

    def __add__(self, other: Demand) -> Demand:
        return Demand(
            self.neurons + other.neurons,
            self.in_axons + other.in_axons,
            self.out_axons + other.out_axons,
            self.synapse_memory_bytes + other.synapse_memory_bytes,
            self.total_memory_bytes + other.total_memory_bytes,
        )

    def fits(self, limits: Limits) -> bool:
        """Whether one core holds it."""
        return (
            self.neurons <= limits.neurons
            and self.in_axons <= limits.in_axons
            and self.out_axons <= limits.out_axons
            and self.synapse_memory_bytes <= limits.synapse_memory_bytes
            and self.total_memory_bytes <= limits.total_memory_bytes
        )


CAPS = ("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "total_memory_bytes")
"""Names of the capacities of one core, in the order in which they are reported."""


@dataclass(frozen=True)
class Feed:
    """One projection with the neuron groups of its source."""

    projection: Projection
    groups: Intervals


@dataclass(frozen=True)
class Reader:
    """One projection out of a population with the grid of the population that it feeds."""

    projection: Projection
    grid: Grid


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


def needed_channels(projection: Projection, c: Interval) -> Interval:
    """Source channels that output channels `c` read."""
    first, last = c[0] // projection.channels_out, (c[1] - 1) // projection.channels_out
    return first * projection.channels_in, (last + 1) * projection.channels_in


def group_widths(projection: Projection, c: Interval) -> tuple[int, ...]:
    """Output channels inside `c` of every channel group that `c` touches."""
    out = projection.channels_out
    first, last = c[0] // out, (c[1] - 1) // out
    return tuple(min(c[1], (g + 1) * out) - max(c[0], g * out) for g in range(first, last + 1))


def overlapping(groups: Intervals, interval: Interval) -> Intervals:
    """The groups that share a channel with `interval`."""
    return tuple(g for g in groups if g[0] < interval[1] and interval[0] < g[1])


@dataclass(frozen=True, slots=True)
class Axis:
    """Sums over one spatial interval of a projection (or the largest over several).

    Attributes:
        sources: source positions. patterns: distinct patterns among them.
        hits: (output, tap) pairs of all distinct patterns.
        merged: the same after joining neighbouring runs.
    """

    sources: int
    patterns: int
    hits: int
    merged: int

    @staticmethod
    def of(window: Window, interval: Interval) -> Axis:
        """Count along one axis."""
        found = distinct(window, *interval)
        return Axis(
            len(sources(window, *interval)),
            len(found),
            sum(len(p) for p in found),
            sum(merged_runs(window, p) for p in found),
        )


@dataclass(frozen=True, slots=True)
class Channels:
    """Sums over one channel interval of a projection (or the largest over several).

    Attributes:
        axons: neuron groups per source position. atoms: neurons in them.
        widths: distinct numbers of target channels per row.
        split: whether the interval touches several channel groups.
        weights: weights per kernel tap.
    """

    axons: int
    atoms: int
    widths: int
    split: bool
    weights: int

    @staticmethod
    def of(feed: Feed, interval: Interval) -> Channels:
        """Count along the channels."""
        projection = feed.projection
        reached = overlapping(feed.groups, needed_channels(projection, interval))
        widths = group_widths(projection, interval)
        return Channels(
            len(reached),
            sum(high - low for low, high in reached),
            len(set(widths)),
            len(widths) > 1,
            (interval[1] - interval[0]) * projection.channels_in,
        )


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
        self._readers = readers
        self._limits = limits
        self._axes: dict[tuple[int, str, Intervals], Axis] = {}
        self._channels: dict[tuple[int, Intervals], Channels] = {}
        self._out: dict[tuple[str, Intervals], tuple[int, ...]] = {}

    def tile(self, y: Interval, x: Interval, c: Interval) -> Demand:
        """Demand of the tile with this box."""
        return self.worst(Grid((y,), (x,), (c,)))

    def worst(self, grid: Grid) -> Demand:
        """An upper bound on the demand of every tile: the largest of every sum on every axis."""
        limits = self._limits
        neurons = _longest(grid.ys) * _longest(grid.xs) * _longest(grid.cs)
        neurons *= compartments(self.population, limits)
        in_axons = synapse_bytes = counters = 0
        for i, feed in enumerate(self._feeds):
            y, x = self._axis(i, "y", grid.ys), self._axis(i, "x", grid.xs)
            channels = self._channel(i, grid.cs)
            positions = y.sources * x.sources
            in_axons += positions * channels.axons
            counters += positions * channels.atoms
            synapse_bytes += self._synapses(feed.projection, y, x, channels)
        reached = (
            self._reach(a, i) for a, i in zip("yxc", (grid.ys, grid.xs, grid.cs), strict=True)
        )
        out_axons = sum(a * b * d for a, b, d in zip(*reached, strict=True))
        total = (
            synapse_bytes
            + neurons * limits.neuron_state_bytes
            + (in_axons + out_axons) * limits.axon_entry_bytes
        )
        if self.population.kind in COUNTING_POOLS:
            total += counters * COUNTER_BYTES
        return Demand(neurons, in_axons, out_axons, synapse_bytes, total)

    def axons(self, grid: Grid) -> int:
        """Input axons of all tiles together: the packets if every neuron spiked once."""
        return sum(
            sum(self._axis(i, "y", (y,)).sources for y in grid.ys)
            * sum(self._axis(i, "x", (x,)).sources for x in grid.xs)
            * sum(self._channel(i, (c,)).axons for c in grid.cs)
            for i in range(len(self._feeds))
        )

    def _synapses(self, projection: Projection, y: Axis, x: Axis, channels: Channels) -> int:
        rows = y.patterns * x.patterns * channels.atoms
        runs = y.hits * (x.hits if channels.split else x.merged)
        if self._limits.shared_kernels:
            weights = channels.weights * projection.y.kernel * projection.x.kernel
            stored_runs = runs * channels.widths
        else:
            weights = channels.weights * y.hits * x.hits
            stored_runs = runs * channels.atoms
        return weights * self._limits.weight_bytes + rows * ROW_BYTES + stored_runs * RUN_BYTES

    def _axis(self, feed: int, axis: str, intervals: Intervals) -> Axis:
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
            self._axes[key] = Axis(
                max(p.sources for p in parts),
                max(p.patterns for p in parts),
                max(p.hits for p in parts),
                max(p.merged for p in parts),
            )
        return self._axes[key]

    def _channel(self, feed: int, intervals: Intervals) -> Channels:
        key = (feed, intervals)
        if key not in self._channels:
            parts = [
                Channels.of(self._feeds[feed], intervals[0])
                if len(intervals) == 1
                else self._channel(feed, (interval,))
                for interval in intervals
            ]
            self._channels[key] = Channels(
                max(p.axons for p in parts),
                max(p.atoms for p in parts),
                max(p.widths for p in parts),
                any(p.split for p in parts),
                max(p.weights for p in parts),
            )
        return self._channels[key]

    def _reach(self, axis: str, intervals: Intervals) -> tuple[int, ...]:
        """Per reader, how often the positions (or groups) of the neediest interval are needed."""
        key = (axis, intervals)
        if key not in self._out:
            self._out[key] = tuple(
                max(self._reach_one(r, axis, interval) for interval in intervals)
                for r in self._readers
            )
        return self._out[key]

    def _reach_one(self, reader: Reader, axis: str, interval: Interval) -> int:
        projection, grid = reader.projection, reader.grid
        if axis == "c":
            groups = split_atoms(interval, self._limits.axon_atoms)
            return sum(len(overlapping(groups, needed_channels(projection, c))) for c in grid.cs)
        window, edges = (projection.y, grid.ys) if axis == "y" else (projection.x, grid.xs)
        return sum(tiles_reached(window, edges)[interval[0] : interval[1]])


def _longest(intervals: Intervals) -> int:
    return max(high - low for low, high in intervals)


class Plan:
    """Grids of all populations, with the cost tables that follow from their neighbours."""

    def __init__(
        self,
        populations: tuple[Population, ...],
        inputs: dict[str, Intervals],
        grids: dict[str, Grid],
        limits: Limits,
    ) -> None:
        self._populations = populations
        self._inputs = inputs
        self._grids = grids
        self._limits = limits

    @cached_property
    def _readers(self) -> dict[str, list[tuple[str, Projection]]]:
        found: dict[str, list[tuple[str, Projection]]] = {}
        for population in self._populations:
            for projection in population.projections:
                found.setdefault(projection.source, []).append((population.name, projection))
        return found

    def costs(self, population: Population) -> Costs:
        """Costs of a population's tiles given the present grids of its sources and readers."""
        feeds = tuple(Feed(p, self.groups(p.source)) for p in population.projections)
        readers = tuple(
            Reader(projection, self._grids[name])
            for name, projection in self._readers.get(population.name, ())
            if name in self._grids
        )
        return Costs(population, feeds, readers, self._limits)

    def groups(self, source: str) -> Intervals:
        """Channel intervals of the neuron groups of a population or of the input."""
        if source in self._grids:
            return self._grids[source].groups(self._limits.axon_atoms)
        return self._inputs[source]
