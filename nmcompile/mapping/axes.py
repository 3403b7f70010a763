"""Sums over one axis of a projection, from which the demand of any tile is a product."""

from __future__ import annotations

from dataclasses import dataclass

from nmcompile.mapping.populations import Projection
from nmcompile.mapping.window import Window, distinct, merged_runs, sources

Interval = tuple[int, int]
Intervals = tuple[Interval, ...]


@dataclass(frozen=True)
class Feed:
    """One projection with the neuron groups of its source."""

    projection: Projection
    groups: Intervals


def needed_channels(projection: Projection, c: Interval) -> Interval:
    """Source channels that output channels `c` read (and what lies between, of several groups)."""
    low, high = c[0] // projection.channels_out, (c[1] - 1) // projection.channels_out
    pitch, first = projection.pitch, projection.first
    return low * pitch + first, high * pitch + first + projection.channels_in


def group_widths(projection: Projection, c: Interval) -> tuple[int, ...]:
    """Output channels inside `c` of every channel group that `c` touches."""
    out = projection.channels_out
    first, last = c[0] // out, (c[1] - 1) // out
    return tuple(min(c[1], (g + 1) * out) - max(c[0], g * out) for g in range(first, last + 1))


def overlapping(groups: Intervals, interval: Interval) -> Intervals:
    """The groups that share a channel with `interval`; groups are ascending and leave no gaps."""
    first = groups[0][0]
    if len(groups) == groups[-1][1] - first:  # of one channel each
        return groups[max(0, interval[0] - first) : max(0, interval[1] - first)]
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
    def most_of(parts: list[Axis]) -> Axis:
        """The largest of every sum."""
        return Axis(
            max(p.sources for p in parts),
            max(p.patterns for p in parts),
            max(p.hits for p in parts),
            max(p.merged for p in parts),
        )

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
        widths: distinct numbers of target channels per row; fewest, most: the extremes.
        split: whether the interval touches several channel groups.
        weights: weights per kernel tap.
    """

    axons: int
    atoms: int
    widths: int
    fewest: int
    most: int
    split: bool
    weights: int

    @staticmethod
    def most_of(parts: list[Channels]) -> Channels:
        """The neediest of every sum."""
        return Channels(
            max(p.axons for p in parts),
            max(p.atoms for p in parts),
            max(p.widths for p in parts),
            min(p.fewest for p in parts),
            max(p.most for p in parts),
            any(p.split for p in parts),
            max(p.weights for p in parts),
        )

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
            min(widths),
            max(widths),
            len(widths) > 1,
            (interval[1] - interval[0]) * projection.channels_in,
        )
