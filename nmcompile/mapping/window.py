"""One axis of a linear operator: which outputs an input position reaches, through which taps.

Convolutions, sums and linear layers are separable in this sense, so that tiling, axon counts
and synapse rows of a whole layer follow from two small one-dimensional tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

Hits = tuple[tuple[int, int], ...]
"""(output, tap) pairs of one input position, outputs ascending."""


@dataclass(frozen=True, slots=True)
class Window:
    """Output o reads input o * stride + k * dilation - padding for taps k = 0..kernel-1.

    Attributes:
        kernel: taps. stride: step. padding: zeros before the input. dilation: tap distance.
        size_in: extent of the input. size_out: extent of the output.
    """

    kernel: int
    stride: int
    padding: int
    dilation: int
    size_in: int
    size_out: int

    @property
    def tap_order(self) -> tuple[int, ...]:
        """Taps in storage order: neighbouring outputs of one input read neighbouring taps.

        Moving one output on moves `stride / dilation` taps back, so taps of one residue are
        stored together, descending; then a run of outputs is a run of weights.
        """
        step = self.stride // gcd(self.stride, self.dilation)
        return tuple(sorted(range(self.kernel), key=lambda k: (k % step, -k)))


@dataclass(frozen=True, slots=True)
class Pattern:
    """What one input position does to a tile, relative to the first output it reaches.

    Attributes:
        first: first output reached, relative to the tile's first output.
        hits: (output - first output reached, tap).
    """

    first: int
    hits: Hits


@lru_cache(maxsize=65536)
def hits(window: Window, source: int, low: int, high: int) -> Hits:
    """(output, tap) pairs of input position `source` among outputs low..high-1."""
    found = []
    for tap in range(window.kernel):
        shifted = source + window.padding - tap * window.dilation
        output, rest = divmod(shifted, window.stride)
        if rest == 0 and low <= output < high:
            found.append((output, tap))
    return tuple(sorted(found))


@lru_cache(maxsize=65536)
def sources(window: Window, low: int, high: int) -> tuple[int, ...]:
    """Existing input positions that reach outputs low..high-1, ascending."""
    start = max(0, low * window.stride - window.padding)
    reach = (window.kernel - 1) * window.dilation
    stop = min(window.size_in, (high - 1) * window.stride - window.padding + reach + 1)
    return tuple(s for s in range(start, stop) if hits(window, s, low, high))


@lru_cache(maxsize=65536)
def patterns(window: Window, low: int, high: int) -> tuple[Pattern, ...]:
    """The pattern of every position of `sources`, in the same order."""
    found = []
    for source in sources(window, low, high):
        pairs = hits(window, source, low, high)
        first = pairs[0][0]
        found.append(Pattern(first - low, tuple((o - first, k) for o, k in pairs)))
    return tuple(found)


@lru_cache(maxsize=65536)
def distinct(window: Window, low: int, high: int) -> tuple[Hits, ...]:
    """The different hit lists among `patterns`, sorted."""
    return tuple(sorted({p.hits for p in patterns(window, low, high)}))


@lru_cache(maxsize=4096)
def tiles_reached(window: Window, edges: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """For every input position, how many of the output intervals `edges` it reaches."""
    counts = [0] * window.size_in
    for low, high in edges:
        for source in sources(window, low, high):
            counts[source] += 1
    return tuple(counts)


def merged_runs(window: Window, pairs: Hits) -> int:
    """Runs that remain of `pairs` when neighbouring outputs with neighbouring taps join."""
    place = {tap: i for i, tap in enumerate(window.tap_order)}
    runs = 0
    last = (-2, -2)
    for output, tap in pairs:
        here = (output, place[tap])
        if here != (last[0] + 1, last[1] + 1):
            runs += 1
        last = here
    return runs
