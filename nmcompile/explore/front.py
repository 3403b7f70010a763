"""Pareto fronts: what no other point beats in every respect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from nmcompile.budget.metrics import Better

__all__ = ["front"]

K = TypeVar("K")


def front(points: Mapping[K, tuple[float, float]], better: tuple[Better, Better]) -> tuple[K, ...]:
    """The points that no other is at least as good as in both figures and better in one.

    Args:
        points: name -> two figures.
        better: which way each figure improves.

    Returns:
        Names along the front, the first figure from best to worst; equal points are all on it.
    """
    signs = [1.0 if way == "lower" else -1.0 for way in better]
    turned = {name: (signs[0] * x, signs[1] * y) for name, (x, y) in points.items()}
    found: list[K] = []
    least = float("inf")
    for x, names in _by_first(turned):
        best = min(turned[name][1] for name in names)
        if best < least:
            found += [name for name in names if turned[name] == (x, best)]
            least = best
    return tuple(found)


def _by_first(points: Mapping[K, tuple[float, float]]) -> Sequence[tuple[float, list[K]]]:
    groups: dict[float, list[K]] = {}
    for name, (x, _) in points.items():
        groups.setdefault(x, []).append(name)
    return sorted(groups.items(), key=lambda group: group[0])
