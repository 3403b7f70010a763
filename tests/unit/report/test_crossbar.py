"""What reports of chips with copies, relays, a clock and thousands of cores show in addition."""

from __future__ import annotations

import re

import pytest

from nmcompile.report import cost_tables, design_tables
from nmcompile.report.figure import figure
from nmcompile.report.html import render_html
from nmcompile.units import Quantity


def cells(content, row):
    return next(cells for cells in content.rows if cells[0] == row)


@pytest.fixture
def repeating(report):
    counted = report.counters.model_copy(update={"repeated_sops_per_frame": 2_500_000})
    return report.model_copy(update={"counters": counted})


def test_work_of_copies_stands_apart_only_where_there_is_any(report, repeating):
    row = "the same, as cores do them"
    plain = report.counters.model_copy(update={"repeated_sops_per_frame": 0})
    shown = cost_tables.headline(report.model_copy(update={"counters": plain}))
    assert row not in [cells[0] for cells in shown.rows]
    assert "2.50 M of them repeated" in cells(cost_tables.headline(repeating), row)
    assert "2.50 M of them by copies" in render_html(repeating)


def test_copies_and_relays_have_columns_only_where_there_are_any(report):
    names = [name for name, _ in design_tables.layer_mapping(report).columns]
    assert "copies" not in names
    network = report.mapping.networks[0]
    layer = network.layers[0].model_copy(update={"copies": 1200, "relay_cores": 3})
    network = network.model_copy(update={"layers": (layer, *network.layers[1:])})
    mapping = report.mapping.model_copy(update={"networks": (network,)})
    shown = design_tables.layer_mapping(report.model_copy(update={"mapping": mapping}))
    assert [name for name, _ in shown.columns][-2:] == ["copies", "relay cores"]
    assert shown.rows[0][-2:] == ("1,200", "3")
    assert "a copy computes the same" in shown.note


def test_what_is_charged_elsewhere_says_where(report):
    nothing = figure(Quantity(0.0, "J", "measured"))
    parts = tuple(
        part.model_copy(update={"note": "part of the static power", "figure": nothing})
        if part.name == "neuron"
        else part
        for part in report.energy.components
    )
    energy = report.energy.model_copy(update={"components": parts})
    layers = tuple(row.model_copy(update={"neuron": nothing}) for row in energy.layers)
    changed = report.model_copy(update={"energy": energy.model_copy(update={"layers": layers})})
    row = cells(cost_tables.energy(changed), "neurons")
    assert (row[1], row[-1]) == ("-", "part of the static power")
    by_layer = cost_tables.energy_layers(changed)
    assert {row[3] for row in by_layer.rows} == {"-"}
    assert "part of the static power" in by_layer.note
    alone = changed.model_copy(update={"second_opinion": None})
    page = re.sub(r"<[^>]*>", "", render_html(alone))
    assert "its neuron energy is part of the static power" in page
    assert "0 J" not in page


def test_conventions_show_their_range(report):
    first, *rest = report.conventions
    ranged = first.model_copy(update={"low_j": 1e-6, "high_j": 3e-6})
    shown = cost_tables.conventions(report.model_copy(update={"conventions": (ranged, *rest)}))
    assert "1.00 uJ to 3.00 uJ" in shown.rows[0]
    assert shown.rows[1][3] == ""
    assert all(row[-1] for row in shown.rows)
    without = cost_tables.conventions(report, sources=False)
    assert len(without.columns) == len(shown.columns) - 1


def test_lengths_of_a_clocks_ticks_are_said_and_not_drawn(report):
    steps = tuple(
        step.model_copy(update={"tick_seconds": (1e-3,) * 5, "tick_accesses": (0, 4, 9, 2, 0)})
        for step in report.timing.steps
    )
    timing = report.timing.model_copy(update={"steps": steps})
    clocked = render_html(report.model_copy(update={"timing": timing}))
    assert "Length of every tick" in render_html(report)
    assert "Length of every tick" not in clocked
    assert "5 ticks of 1.00 ms each" in clocked
    assert "tick 3: 1.00 ms, 9 synapse accesses" in clocked
    assert "at most 9." in clocked
