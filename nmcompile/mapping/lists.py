"""Words of the synapse lists of a tile, bounded from one-dimensional patterns (see `packing`).

A source position reaches the tile through one pattern along y and one along x; positions with the
same two patterns share their lists, as far as a shift of the neuron indices reaches. So a bound
on all lists is a sum over pairs of patterns, and few pairs differ.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.limits import Limits
from nmcompile.mapping.packing import Fields, Packing
from nmcompile.mapping.populations import Population, Projection
from nmcompile.mapping.window import Hits, Window, patterns

I64 = npt.NDArray[np.int64]
Intervals = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """Source positions along one axis that reach the same outputs, relative to the first.

    Attributes:
        outputs: the outputs.
        positions: how many positions do.
        span: from the first output of the first of them to that of the last.
        patterns: how many patterns (with different taps) are like this.
    """

    outputs: tuple[int, ...]
    positions: int
    span: int
    patterns: int


@dataclass(frozen=True, slots=True)
class Width:
    """Neurons along x and the channels of a tile, as the indices of its lists need them.

    Attributes:
        columns: output columns. channels: output channels.
        targets: channels that a source channel reaches, fewest and most.
        each: compartments of a neuron.
    """

    columns: int
    channels: int
    targets: tuple[int, int]
    each: int


@dataclass(frozen=True)
class ListWords:
    """Words of lists in every encoding: `(encodings,)` sum and longest list."""

    total: I64
    longest: I64

    @staticmethod
    def together(parts: list[ListWords]) -> ListWords:
        """Lists of one format."""
        total = np.sum([p.total for p in parts], axis=0)
        return ListWords(total, np.max([p.longest for p in parts], axis=0))


class Format(NamedTuple):
    """A format as a layer asks for it: the population, and where its synapses come from."""

    population: str
    source: str
    port: int = 0
    delay: int = 0


@dataclass(frozen=True)
class SynapseGroup:
    """Synapses of one format: from one source, with one delay, into one port of a population.

    Attributes:
        format: who they are.
        feeds: numbers of the projections.
        fields: widths of their fields.
    """

    format: Format
    feeds: tuple[int, ...]
    fields: Fields


def synapse_groups(
    population: Population, packing: Packing, limits: Limits
) -> tuple[SynapseGroup, ...]:
    """The synapse groups of a population, each with the widest fields that its weights need."""
    found: dict[Format, list[int]] = {}
    for i, p in enumerate(population.projections):
        found.setdefault(Format(population.name, p.source, p.port, p.delay), []).append(i)
    index = packing.index_width(limits.neurons)
    return tuple(
        SynapseGroup(
            key,
            tuple(feeds),
            Fields(
                packing.weight_width(
                    *_weight_range([population.projections[i] for i in feeds], limits)
                ),
                index,
                packing.delay_width(key.delay),
            ),
        )
        for key, feeds in found.items()
    )


def _weight_range(projections: list[Projection], limits: Limits) -> tuple[int, int]:
    """Smallest and largest weight; all that fit where the host writes them."""
    if any(p.elements is not None for p in projections):
        return written_range(limits.weight_bits)
    data = [p.weight.data for p in projections]
    return min(int(d.min(initial=0)) for d in data), max(int(d.max(initial=0)) for d in data)


def written_range(weight_bits: int) -> tuple[int, int]:
    """Weights that the host may write into a field of this width."""
    return -(2 ** (weight_bits - 1)), 2 ** (weight_bits - 1) - 1


def choice(total: I64, longest: I64, longest_max: int | None) -> I64:
    """The encoding (last axis) with the fewest words, if it can, without too long a list."""
    if longest_max is not None:
        total = total + (longest > longest_max) * (int(total.max(initial=0)) + 1)
    best: I64 = total.argmin(axis=-1)
    return best


@lru_cache(maxsize=65536)
def reached(window: Window, intervals: Intervals) -> tuple[Reached, ...]:
    """What positions reach in the neediest interval: of every pattern the most positions."""
    most: dict[Hits, tuple[int, int]] = {}
    for interval in intervals:
        first: dict[Hits, list[int]] = {}
        for pattern in patterns(window, *interval):
            first.setdefault(pattern.hits, []).append(pattern.first)
        for hits, at in first.items():
            count, span = most.get(hits, (0, 0))
            most[hits] = (max(count, len(at)), max(span, at[-1] - at[0]))
    kinds = Counter((tuple(o for o, _ in hits), *sizes) for hits, sizes in most.items())
    return tuple(Reached(*kind, patterns=n) for kind, n in sorted(kinds.items()))


@lru_cache(maxsize=65536)
def list_words(
    packing: Packing, fields: Fields, ys: tuple[Reached, ...], xs: tuple[Reached, ...], width: Width
) -> ListWords:
    """Bound on the words of all lists of one source channel, for every encoding."""
    empty = np.zeros(len(packing.encodings), np.int64)
    if not ys or not xs:
        return ListWords(empty, empty)
    rows = np.array([len(y.outputs) for y in ys], np.int64)
    columns = np.array([len(x.outputs) for x in xs], np.int64)
    synapses = rows[:, None] * columns * width.targets[1]
    kept = _copies(packing, ys, xs, width)
    total, longest = empty.copy(), empty.copy()
    for i, encoding in enumerate(packing.encodings):
        if encoding[0] == "sparse":
            entries = -(-synapses // packing.entry_synapses)
        else:
            per_row = [_row_entries(packing, i, x.outputs, width) for x in xs]
            entries = rows[:, None] * np.array(per_row, np.int64)
        words = packing.words(packing.bits(encoding, entries, synapses, fields))
        total[i] = (kept * words).sum()
        longest[i] = words.max()
    return ListWords(total, longest)


def _copies(
    packing: Packing, ys: tuple[Reached, ...], xs: tuple[Reached, ...], width: Width
) -> I64:
    """How often the lists of every pair of patterns are kept, all patterns that are alike."""
    step = width.channels * width.each
    span_y, span_x = (np.array([r.span for r in axis], np.int64) for axis in (ys, xs))
    span = (span_y[:, None] * width.columns + span_x) * step
    positions, alike = (
        np.multiply.outer(*(np.array([getattr(r, n) for r in axis], np.int64) for axis in (ys, xs)))
        for n in ("positions", "patterns")
    )
    kept: I64 = alike * np.minimum(positions, 1 + span // (packing.base_offset_max + 1))
    return kept


@lru_cache(maxsize=65536)
def _row_entries(packing: Packing, encoding: int, outputs: tuple[int, ...], width: Width) -> int:
    """Most entries for the synapses into one row of outputs.

    Fewer targets leave wider gaps, more targets need more entries: each is taken at its worst.
    """
    fewest, most = width.targets
    starts: list[int] = []
    lengths: list[int] = []
    for output in outputs:
        start = output * width.channels
        if starts and fewest == most == width.channels and starts[-1] + lengths[-1] == start:
            lengths[-1] += most
        else:
            starts.append(start)
            lengths.append(most)
    gap = most - fewest
    spread = [start + i * gap for i, start in enumerate(starts)]
    return packing.entries(packing.encodings[encoding], spread, lengths)
