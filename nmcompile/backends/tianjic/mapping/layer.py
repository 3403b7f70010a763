"""One population in time and space: its fold, and what a box of its outputs reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.schedule import Fold
from nmcompile.mapping.axes import Interval
from nmcompile.mapping.populations import Population, Projection
from nmcompile.mapping.window import Window

I32 = npt.NDArray[np.int32]
Positions = tuple[int, ...]


@dataclass(frozen=True)
class Room:
    """What one core holds: inputs and neurons."""

    axons: int
    neurons: int


@dataclass(frozen=True, slots=True)
class Box:
    """Outputs of one step: rows, columns, channels."""

    y: Interval
    x: Interval
    c: Interval

    @property
    def neurons(self) -> int:
        """Outputs in it."""
        sides = (high - low for low, high in (self.y, self.x, self.c))
        return int(np.prod(list(sides)))


@dataclass(frozen=True)
class Layer:
    """One population with its fold.

    Attributes:
        population: the neurons and their synapses. fold: its steps.
    """

    population: Population
    fold: Fold

    @cached_property
    def maximum(self) -> bool:
        """Whether its cores take the largest input."""
        return self.population.kind == "pool_or"

    @property
    def turns(self) -> int:
        """Phases between two steps, in which neurons that add partial sums may take turns."""
        return self.fold.period if self.fold.nx == 1 else 1

    def rows(self, projection: Projection, y: Interval) -> Positions:
        """Rows that some step of outputs `y` reads, at step 0, relative to the first's start."""
        return _reads(projection.y, self.fold.rows, self.fold.ny, y[1] - y[0], y[0])

    def columns(self, projection: Projection, x: Interval) -> Positions:
        """Columns, likewise."""
        return _reads(projection.x, self.fold.columns, self.fold.nx, x[1] - x[0], x[0])


@lru_cache(maxsize=65536)
def _reads(window: Window, advance: int, steps: int, size: int, first: int) -> Positions:
    """Positions, relative to `first` * stride, that exist in some step in which they are used."""
    found = set()
    for output in range(first, first + size):
        for k in range(steps):
            there = output + k * advance
            if there >= window.size_out:
                break
            for tap in range(window.kernel):
                position = there * window.stride + tap * window.dilation - window.padding
                if 0 <= position < window.size_in:
                    found.add(position - (first + k * advance) * window.stride)
    return tuple(sorted(found))


@lru_cache(maxsize=4096)
def extent(window: Window, outputs: int) -> int:
    """Distinct positions that neighbouring outputs read, borders apart."""
    taps = (o * window.stride + t * window.dilation for o in range(outputs) for t in _taps(window))
    return min(window.size_in, len(set(taps)))


def _taps(window: Window) -> range:
    return range(window.kernel)


def channels_of(projection: Projection, c: Interval) -> I32:
    """Source channels that output channels `c` read, group by group."""
    low, high = c[0] // projection.channels_out, (c[1] - 1) // projection.channels_out
    groups = np.arange(low, high + 1)[:, None] * projection.pitch + projection.first
    found: I32 = (groups + np.arange(projection.channels_in)).reshape(-1).astype(np.int32)
    return found
