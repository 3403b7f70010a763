"""How often the neurons of a population are needed by the tiles that read it."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

from nmcompile.mapping.axes import Interval, Intervals, needed_channels
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.window import tiles_reached


class Reader:
    """One projection out of a population with the cut of the population that it feeds.

    Args:
        projection: it.
        cut: intervals of what it feeds along y, x and the channels.
        atoms: neurons that one population axon can name.
    """

    def __init__(
        self, projection: Projection, cut: tuple[Intervals, Intervals, Intervals], atoms: int
    ) -> None:
        ys, xs, cs = cut
        self._atoms = atoms
        self._before = {
            "y": _sums(tiles_reached(projection.y, ys)),
            "x": _sums(tiles_reached(projection.x, xs)),
        }
        # Most tiles read the same channels.
        self._needed = Counter(needed_channels(projection, c) for c in cs)

    def reached(self, axis: str, interval: Interval) -> int:
        """How often the positions (or channel groups) of an interval are needed, of all tiles."""
        if axis == "c":
            return sum(n * self._groups(interval, c) for c, n in self._needed.items())
        before = self._before[axis]
        return before[interval[1]] - before[interval[0]]

    def _groups(self, interval: Interval, needed: Interval) -> int:
        """Groups of `split_atoms(interval, atoms)` that share a channel with `needed`."""
        start = interval[0]
        low, high = max(needed[0], start), min(needed[1], interval[1])
        if low >= high:
            return 0
        return (high - 1 - start) // self._atoms - (low - start) // self._atoms + 1


def _sums(counts: tuple[int, ...]) -> tuple[int, ...]:
    """The sum of the first n counts, for every n."""
    return (0, *accumulate(counts))
