"""Several axons of one type: weights as sums of signed digits.

With m_g axons of type g per input a weight is the sum of n_g * value_g with 0 <= n_g <= m_g. Let
every |value_g| be one more than what the smaller ones reach together; then all integers of an
interval are such sums, and the signs decide how much of it lies below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product

Interval = tuple[int, int]
Multiplicities = tuple[int, ...]
Values = tuple[int, ...]
MOST_AXONS = 32
"""Axons per input beyond which no encoding is looked for: it would leave eight inputs a core."""


def multiplicities(axons: int, types: int) -> Iterator[Multiplicities]:
    """All ways to have `axons` axons of `types` types, at least one of each."""
    if types == 1:
        yield (axons,)
        return
    for first in range(1, axons - types + 2):
        for rest in multiplicities(axons - first, types - 1):
            yield (first, *rest)


@lru_cache(maxsize=65536)
def covering(interval: Interval, counts: Multiplicities, largest: int) -> Values | None:
    """Values whose digit sums contain every integer of `interval` (0 inside), or None.

    Args:
        interval: (low, high), both included.
        counts: axons of every type per input.
        largest: largest |value| of a type.
    """
    steps = []
    length = 1
    for count in counts:
        step = min(length, largest)
        steps.append(step)
        length += count * step
    for signs in product((1, -1), repeat=len(counts)):
        signed = [s * step * n for s, step, n in zip(signs, steps, counts, strict=True)]
        below = sum(v for v in signed if v < 0)
        above = sum(v for v in signed if v > 0)
        if below <= interval[0] and interval[1] <= above:
            return tuple(s * step for s, step in zip(signs, steps, strict=True))
    return None
