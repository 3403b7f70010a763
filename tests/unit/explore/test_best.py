"""The best point under limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.explore.best import best_of, limits_of
from nmcompile.explore.schema import Accuracy, Row


def row(
    name: str,
    iou: float | None,
    energy: float | None,
    cores: float = 10.0,
    error: float | None = None,
    **more: Any,
) -> Row:
    accuracy = None
    if iou is not None:
        accuracy = Accuracy(
            measure="mean_iou",
            mean=iou,
            standard_error=error,
            within=error,
            between=None,
            sequences=2,
            samples=2,
        )
    figures = {"mean_iou": iou, "energy_per_frame_j": energy, "cores": cores}
    whole = {"target": "chip", "choices": {}, "status": "done", "figures": figures, **more}
    return Row(point=name, label=name, accuracy=accuracy, **whole)


def best(rows: list[Row], most: tuple[str, ...] = (), least: tuple[str, ...] = ()) -> Any:
    return best_of(rows, limits_of(most, least), "mean_iou")


def test_the_most_accurate_within_the_limits() -> None:
    rows = [row("a", 0.7, 2.0), row("b", 0.6, 1.0), row("c", 0.5, 0.5)]
    assert best(rows).point == "a"
    assert best(rows, ("energy_per_frame_j=1",)).point == "b"
    assert best(rows, ("energy_per_frame_j=0.6",), ("mean_iou=0.5",)).point == "c"


def test_equals_are_told_apart_by_energy_then_cores() -> None:
    rows = [row("a", 0.7, 2.0), row("b", 0.7, 1.0, 9), row("c", 0.7, 1.0, 8), row("d", 0.7, None)]
    assert best(rows).point == "c"


def test_what_is_not_known_is_within_no_limit() -> None:
    found = best([row("a", 0.7, None)], ("energy_per_frame_j=1",))
    assert found.point is None
    assert found.reasons == ("energy_per_frame_j at most 1.00 J: not known for any point",)


def test_a_bound_below_a_limit_is_unproven() -> None:
    rows = [row("a", 0.7, 1.0, bounds={"energy_per_frame_j": "at_least"})]
    assert best(rows, ("energy_per_frame_j=2",)).unproven == ("energy_per_frame_j",)
    assert best(rows, ("cores=20",)).unproven == ()


def test_every_limit_says_how_near_the_nearest_comes() -> None:
    rows = [row("a", 0.7, 2.0, 10), row("b", 0.6, 1.0, 30)]
    found = best(rows, ("energy_per_frame_j=1", "cores=20"))
    assert found.point is None
    assert found.reasons[0] == "energy_per_frame_j at most 1.00 J: 1 of 2 points; 1.00 J at b"
    assert "none is within all: a has energy_per_frame_j = 2.00 J" in found.reasons[2]
    assert best(rows, (), ("mean_iou=0.8",)).reasons == (
        "mean_iou at least 0.800: 0 of 2 points; 0.700 at a",
    )


def test_points_that_the_errors_do_not_tell_apart_are_named() -> None:
    rows = [
        row("a", 0.70, 3.0, error=0.03),
        row("b", 0.68, 2.0, error=0.03),
        row("c", 0.69, 1.0, error=0.03),
        row("d", 0.60, 0.1, error=0.03),
    ]
    found = best(rows)
    assert (found.point, found.alike) == ("a", ("c", "b"))


def test_nothing_done_is_no_best() -> None:
    assert best([row("a", 0.7, 1.0, status="failed")]) is None


@pytest.mark.parametrize("text", ["cores", "cores=few", "core=1", "=1"])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(NmError) as refused:
        limits_of((text,), ())
    assert refused.value.codes == ("NM0001",)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5)), min_size=1),
    st.integers(0, 5),
    st.integers(1, 5),
)
def test_best_beside_a_search(points: list[tuple[int, int, int]], most: int, cores: int) -> None:
    rows = [row(str(i), iou / 5, float(e), float(c)) for i, (iou, e, c) in enumerate(points)]
    found = best(rows, (f"energy_per_frame_j={most}", f"cores={cores}"))
    within = [(-iou, e, c, i) for i, (iou, e, c) in enumerate(points) if e <= most and c <= cores]
    assert found.point == (str(min(within)[3]) if within else None)
