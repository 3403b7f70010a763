"""Pareto fronts beside their definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nmcompile.budget.metrics import Better
from nmcompile.explore.front import front

FEW = st.integers(0, 6)
WAYS = st.sampled_from(["lower", "higher"])


def dominates(
    one: tuple[float, float], two: tuple[float, float], better: tuple[Better, Better]
) -> bool:
    gains = [
        a - b if way == "higher" else b - a for a, b, way in zip(one, two, better, strict=True)
    ]
    return min(gains) >= 0 and max(gains) > 0


@given(st.lists(st.tuples(FEW, FEW), max_size=12), st.tuples(WAYS, WAYS))
def test_the_front_is_what_nothing_dominates(
    values: list[tuple[float, float]], better: tuple[Better, Better]
) -> None:
    points = dict(enumerate(values))
    found = front(points, better)
    expected = {
        name
        for name, one in points.items()
        if not any(dominates(other, one, better) for other in points.values())
    }
    assert set(found) == expected
    assert len(found) == len(expected)
    firsts = [points[name][0] for name in found]
    assert firsts == sorted(firsts, reverse=better[0] == "higher")
