"""Two coordinates for every core from the graph alone, for starts that have long-range order.

`smooth` takes the two smoothest vectors of the graph (spectral placement: Hall 1970), by subspace
iteration with a Chebyshev filter. `distances` takes differences of distances to far-off cores,
which gives back a mesh exactly. Sums run in one fixed order: same coordinates on any machine.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.flows import Links
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

VECTORS = 4
"""Vectors that are iterated; the first two are used."""
LEVEL = 16
"""Part of the largest distance by which two distances may differ and be about equal."""
ROUNDS, DEGREE = 12, 40
"""Rounds of the subspace iteration, and products with the graph in each."""


def smooth(links: Links) -> F64:
    """`(cores, 2)` the two smoothest vectors that are orthogonal to the constant one.

    They minimise the weighted sum of squared differences of neighbours, for a given weighted
    spread. Cores without traffic stay at 0.
    """
    first, neighbour, weight = links
    cores = len(first) - 1
    vectors = np.zeros((VECTORS, cores))
    for k in range(VECTORS):
        # Any fixed start that is not orthogonal to what is sought.
        vectors[k] = (np.arange(cores) * (2 * k + 3) * 7919 % 104_729) / 104_729 - 0.5
    _subspace(vectors, first, neighbour, weight.astype(np.float64))
    return vectors[:2].T.copy()


def distances(links: Links) -> F64:
    """`(cores, 2)` differences of hop counts to two pairs of cores that are far apart.

    The second pair lies crosswise: the farthest apart among those that are about equally far
    from both ends of the first pair.
    """
    first, neighbour, _ = links
    one = int(_counts(0, first, neighbour).argmax())
    from_one = _counts(one, first, neighbour)
    two = int(from_one.argmax())
    from_two = _counts(two, first, neighbour)
    level = from_one - from_two
    between = np.abs(level) <= max(1, int(from_one[two]) // LEVEL)
    middle = int(np.where(between, np.minimum(from_one, from_two), -1).argmax())
    three = _farthest(_counts(middle, first, neighbour), between)
    from_three = _counts(three, first, neighbour)
    four = _farthest(from_three, between)
    across = from_three - _counts(four, first, neighbour)
    found: F64 = np.stack([level, across], axis=1).astype(np.float64)
    return found


def averaged(links: Links, coordinates: F64, times: int) -> F64:
    """Coordinates after `times` means over a core and its neighbours."""
    vectors = coordinates.T.copy()
    first, neighbour, weight = links
    weights = weight.astype(np.float64)
    for _ in range(times):
        vectors = (vectors + _product(vectors, first, neighbour, weights)) / 2
    return vectors.T.copy()


def _farthest(counts: I64, among: npt.NDArray[np.bool_]) -> int:
    return int(np.where(among, counts, -1).argmax())


@njit
def _counts(start: int, first: I32, neighbour: I32) -> I64:
    """`(cores,)` edges on the way from `start`; what cannot be reached counts as `start`."""
    cores = len(first) - 1
    counts = np.full(cores, -1, np.int64)
    queue = np.zeros(cores, np.int64)
    queue[0] = start
    counts[start] = 0
    head, tail = 0, 1
    while head < tail:
        core = queue[head]
        head += 1
        for k in range(first[core], first[core + 1]):
            n = neighbour[k]
            if counts[n] < 0:
                counts[n] = counts[core] + 1
                queue[tail] = n
                tail += 1
    return np.maximum(counts, 0)


@njit
def _product(vectors: F64, first: I32, neighbour: I32, weight: F64) -> F64:
    """Weighted means over neighbours."""
    found = np.zeros_like(vectors)
    sums = np.zeros(vectors.shape[0])
    rows = vectors.T.copy()  # what is read of a neighbour lies together
    for core in range(vectors.shape[1]):
        sums[:] = 0.0
        total = 0.0
        for k in range(first[core], first[core + 1]):
            total += weight[k]
            for v in range(vectors.shape[0]):
                sums[v] += weight[k] * rows[neighbour[k], v]
        if total > 0.0:
            for v in range(vectors.shape[0]):
                found[v, core] = sums[v] / total
    return found


@njit
def _dot(one: F64, two: F64, degree: F64) -> float:
    total = 0.0
    for i in range(len(one)):
        total += one[i] * two[i] * degree[i]
    return total


def _orthonormal(vectors: F64, degree: F64) -> None:
    """Gram-Schmidt in the inner product of the degrees, after the constant vector."""
    ones = np.ones(len(degree))
    whole = _dot(ones, ones, degree)
    for v in range(len(vectors)):
        for _ in range(2):
            vectors[v] -= _dot(vectors[v], ones, degree) / whole
            for u in range(v):
                vectors[v] -= _dot(vectors[v], vectors[u], degree) * vectors[u]
        size = sqrt(_dot(vectors[v], vectors[v], degree))
        if size > 0.0:
            vectors[v] /= size


def _subspace(vectors: F64, first: I32, neighbour: I32, weight: F64) -> None:
    """Change `vectors` to the smoothest ones."""
    core = np.repeat(np.arange(vectors.shape[1]), np.diff(first))
    degree: F64 = np.bincount(core, weights=weight, minlength=vectors.shape[1]).astype(np.float64)
    _orthonormal(vectors, degree)
    for _ in range(ROUNDS):
        # Everything rougher than the last vector is damped; what is smoother grows.
        means = _product(vectors, first, neighbour, weight)
        bound = min(0.9999, max(0.0, _dot(vectors[-1], means[-1], degree)))
        middle, half = (bound - 1.0) / 2.0, (bound + 1.0) / 2.0
        before = vectors.copy()
        now = (means - middle * vectors) / half
        for _ in range(DEGREE - 1):
            means = _product(now, first, neighbour, weight)
            before, now = now, 2.0 * (means - middle * now) / half - before
        vectors[:] = now
        _orthonormal(vectors, degree)
