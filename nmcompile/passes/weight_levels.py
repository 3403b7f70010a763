"""Integer weights of few different values: the levels of a layer with the least squared error.

Chips that store weights as indices into a small table hold more of them that way. The levels of
one population serve all its synapses; 0 is always one of them, so that synapses that are not there
stay away. Dynamic programming over the sorted values finds the best levels, not only good ones: in
one dimension they belong to intervals (Bellman 1973; Wang and Song 2011 for k-means).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array

Real = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Synapse = ops.Conv2d | ops.Linear


def with_levels(synapses: Mapping[str, Synapse], levels: int) -> dict[str, Synapse]:
    """The synapses of one population, with their best levels.

    Args:
        synapses: integer, by name. levels: at least 1.
    """
    every = np.concatenate([op.weight.data.reshape(-1) for op in synapses.values()])
    values, counts = np.unique(np.append(every, 0), return_counts=True)
    level = best_levels(values.astype(np.int64), counts.astype(np.int64), levels)
    found: dict[str, Synapse] = {}
    for name, op in synapses.items():
        weight = level[np.searchsorted(values, op.weight.data)].astype(op.weight.data.dtype)
        found[name] = dataclasses.replace(op, weight=Array(weight))
    return found


def best_levels(values: I64, counts: I64, levels: int) -> I64:
    """The level of every value, of so many levels at most: the least sum of counted squares.

    Args:
        values: `(n,)` ascending and distinct, 0 among them. counts: how often each occurs.
        levels: at least 1; one of them is 0.
    """
    n = len(values)
    if n <= levels:
        return values
    centre, cost = _intervals(values.astype(np.float64), counts.astype(np.float64))
    best, before = cost[0], np.zeros((levels, n), np.int64)
    for k in range(1, levels):
        # The last interval starts at i: what comes before it ends at i - 1.
        total = np.concatenate([[np.inf], best[:-1]])[:, None] + cost
        before[k] = total.argmin(axis=0)
        best = total.min(axis=0)
    level, last = np.empty(n, np.int64), n - 1
    for k in range(levels - 1, -1, -1):
        first = int(before[k, last])
        level[first : last + 1] = int(centre[first, last])
        last = first - 1
    return level


def _intervals(values: Real, counts: Real) -> tuple[Real, Real]:
    """`(n, n)` level and error of the values i to j; inf for j < i."""
    many, first, second = (
        np.concatenate([[0.0], np.cumsum(counts * values**power)]) for power in range(3)
    )
    total, one, two = (sums[None, 1:] - sums[:-1, None] for sums in (many, first, second))
    there = np.triu(np.ones((len(values), len(values)), np.bool_))
    centre = np.rint(np.divide(one, total, out=np.zeros_like(one), where=there & (total > 0)))
    zero = int(np.searchsorted(values, 0.0))
    centre[: zero + 1, zero:] = 0.0
    cost = two - 2 * centre * one + centre**2 * total
    return centre, np.where(there, cost, np.inf)
