"""One value per axon type so that every weight of a neuron is a sum of some of them.

A neuron sees one value per axon type, and each axon of an input is connected or not. With one
axon of each of k types per input its weights can be the 2^k sums of subsets of k values. Finding
the values for given weights is a small linear problem: some k of the weights determine them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import combinations, product
from typing import Final

import numpy as np
import numpy.typing as npt

Values = tuple[int, ...]
I64 = npt.NDArray[np.int64]
MOST_TYPES: Final = 4
"""More types per neuron are not searched (no such chip is known)."""


def subset_sums(values: Iterable[int]) -> frozenset[int]:
    """All sums of subsets, the empty one included."""
    sums = {0}
    for value in values:
        sums |= {s + value for s in sums}
    return frozenset(sums)


@lru_cache(maxsize=65536)
def solve(weights: frozenset[int], types: int, low: int, high: int) -> Values | None:
    """`types` values in low..high whose subset sums contain `weights`, or None if there are none.

    Args:
        weights: the non-zero weights of one neuron.
        types: number of values, at most `MOST_TYPES`.
        low: smallest value that a type can have. high: largest.
    """
    ordered = sorted(weights, key=lambda w: (-abs(w), w))
    if len(ordered) > 2**types - 1:
        return None
    if len(ordered) <= types and all(low <= w <= high for w in ordered):
        return (*ordered, *[0] * (types - len(ordered)))
    for chosen in _pivots(ordered, types):
        found = _from_pivots(chosen, weights, types, low, high)
        if found is not None:
            return found
    return None


def _pivots(ordered: list[int], types: int) -> Iterable[tuple[int, ...]]:
    """Choices of `types` weights that may determine the values.

    Two different weights are sums of independent subsets, so the first two can always be chosen.
    """
    fixed = tuple(ordered[:2])
    if types < 2 or len(ordered) < types:
        return ()
    return (fixed + rest for rest in combinations(ordered[2:], types - 2))


def _from_pivots(
    chosen: tuple[int, ...], weights: frozenset[int], types: int, low: int, high: int
) -> Values | None:
    """Values for which every chosen weight is the sum of some subset, and all others too."""
    matrices, inverses = _subset_systems(types)
    wanted = np.array(chosen, np.int64)
    values = np.rint(inverses @ wanted).astype(np.int64)
    exact = (matrices @ values[..., None])[..., 0] == wanted
    values = values[exact.all(axis=1) & (values >= low).all(axis=1) & (values <= high).all(axis=1)]
    sums = values @ _subsets(types).T
    fits = np.ones(len(values), np.bool_)
    for weight in weights:
        fits &= (sums == weight).any(axis=1)
    if not fits.any():
        return None
    return tuple(int(v) for v in values[np.flatnonzero(fits)[0]])


def _subsets(types: int) -> I64:
    return np.array(list(product((0, 1), repeat=types)), np.int64)


@lru_cache(maxsize=MOST_TYPES)
def _subset_systems(types: int) -> tuple[I64, npt.NDArray[np.float64]]:
    """Every invertible choice of `types` subsets as rows, up to the order of the types."""
    rows = _subsets(types)[1:]
    seen: dict[tuple[tuple[int, ...], ...], I64] = {}
    for index in product(range(len(rows)), repeat=types):
        if len(set(index)) < types:
            continue
        matrix = rows[list(index)]
        key = tuple(sorted(tuple(column) for column in matrix.T.tolist()))
        seen.setdefault(key, matrix)
    every = np.stack(list(seen.values()))
    invertible = every[np.abs(np.linalg.det(every)) > 0.5]
    return invertible, np.linalg.inv(invertible)
