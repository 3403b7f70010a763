"""The drawing of a floor plan against its columns."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.large_report import chip_plan

from nmcompile.report.floorplan import (
    SHADES,
    core_facts,
    core_link_load,
    drawn_plan,
    heat_maps,
    utilisation,
)
from nmcompile.report.sections import CoreUse, FloorPlan


def a_plan(**changes):
    """Three cores on the second of two chips of 2 x 2; routers of two cores side by side."""
    columns = {
        "columns": 4,
        "rows": 2,
        "chip_columns": 2,
        "chip_rows": 2,
        "router_columns": 2,
        "x": (2, 3, 2),
        "y": (0, 0, 1),
        "layers": ("conv", "fc"),
        "held": (0, 0, 1),
        "neurons": (10, 20, 30),
        "axons": (4, 8, 2),
        "uses": (
            CoreUse(limit="neurons", allowed=40, used=(10, 20, 30)),
            CoreUse(limit="in_axons", allowed=8, used=(4, 8, 2)),
        ),
        "sops": (100, 0, 50),
        "packets": (7, 8, 9),
        "spikes": (5, 6, 0),
        "link_load": (0, 70, 90, 0),
    }
    return FloorPlan(**{**columns, **changes})


def squares(shapes):
    """(x, y) -> shade, read back from the paths."""
    found = {}
    for shade, path in re.findall(r'<path class="h(\d)" d="([^"]*)"', shapes):
        x = y = 0
        for across, down, run in re.findall(r"m(-?\d+) (-?\d+)h(\d+)", path):
            x, y = x + int(across), y + int(down)
            for _ in range(int(run)):
                found[x, y] = int(shade)
                x += 1
    return found


def test_utilisation_is_that_of_what_is_fullest():
    assert utilisation(a_plan()) == (0.5, 1.0, 0.75)
    assert utilisation(a_plan(uses=())) == ()


def test_links_belong_to_routers():
    assert core_link_load(a_plan()) == (70, 70, 0)


def test_every_shading_is_drawn_where_its_cores_are():
    by_key = {m.key: m for m in heat_maps(a_plan())}
    assert list(by_key) == ["utilisation", "spikes", "accesses", "links"]
    assert squares(by_key["utilisation"].shapes) == {(2, 0): 4, (3, 0): 7, (2, 1): 6}
    assert squares(by_key["spikes"].shapes) == {(2, 0): 6, (3, 0): 7, (2, 1): 0}
    assert squares(by_key["accesses"].shapes) == {(2, 0): 7, (3, 0): 0, (2, 1): 4}
    assert squares(by_key["links"].shapes) == {(1, 0): 6, (0, 1): 7}  # routers, one of them idle
    assert 'transform="scale(2 1)"' in by_key["links"].shapes
    assert (by_key["accesses"].high, by_key["links"].high) == ("100", "90")


def test_what_a_report_does_not_know_has_no_shading():
    plan = a_plan(uses=(), spikes=(), link_load=())
    assert [m.key for m in heat_maps(plan)] == ["accesses"]
    assert [f.name for f in core_facts(plan)] == [
        *("neurons", "input axons", "packets received", "synapse accesses")
    ]


@given(st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.integers(0, 99)))
def test_no_core_is_lost_or_moved(values):
    cells = list(values) or [(0, 0)]
    counts = tuple(values.get(cell, 0) for cell in cells)
    plan = FloorPlan(
        columns=10,
        rows=10,
        chip_columns=10,
        chip_rows=10,
        x=tuple(x for x, _ in cells),
        y=tuple(y for _, y in cells),
        neurons=counts,
        sops=counts,
        packets=counts,
    )
    (drawn,) = heat_maps(plan)
    found = squares(drawn.shapes)
    assert set(found) == set(cells)
    assert all(
        (found[cell] == 0) == (count == 0) for cell, count in zip(cells, counts, strict=True)
    )
    if max(counts):
        assert found[cells[counts.index(max(counts))]] == SHADES


def test_only_chips_with_cores_are_shown():
    plan = drawn_plan("net", a_plan())
    assert plan.summary == "3 cores of net on 1 chip"
    assert plan.chips.count("<rect") == 1
    assert plan.view == "1.88 -0.12 2.12 2.12"
    assert plan.titles.count("<title>") == 3
    assert "core 1 (3, 0) conv: neurons 20 of 40, input axons 8 of 8" in plan.titles


def test_the_busiest_core_is_first():
    busiest = drawn_plan("net", a_plan()).busiest
    assert [row[:4] for row in busiest.rows] == [
        ("0", "(2, 0)", "conv", "50.0 %"),
        ("2", "(2, 1)", "fc", "75.0 %"),
        ("1", "(3, 0)", "conv", "100 %"),
    ]


@pytest.mark.parametrize("side", [32, 33])
def test_titles_end_where_plans_grow_large(side):
    assert bool(drawn_plan("net", chip_plan(side)).titles) == (side == 32)
