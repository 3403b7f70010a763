"""A second table of costs and published measurements, in every rendering."""

from __future__ import annotations

import json

import pytest
from support.small_report import small_program, small_report

from nmcompile.cost.energy import COMPONENTS
from nmcompile.report import cost_tables
from nmcompile.report.html import render_html
from nmcompile.report.markdown import render_markdown
from nmcompile.report.opinions import checked_sections, doubt
from nmcompile.report.serialise import report_from_json, report_to_json
from nmcompile.report.terminal import render_plain
from nmcompile.report.text import figure_text, significant
from nmcompile.target import load_target


def test_every_component_stands_beside_its_own(report):
    other = report.second_opinion
    assert other.target == "loihi1-sanafe"
    assert tuple(part.name for part in other.components) == COMPONENTS
    ours = {part.name: part.figure for part in report.energy.components}
    theirs = {part.name: part.figure for part in other.components}
    # 24.0 for 23.6 pJ; spikes are charged apart; static power and time are Loihi 2's own
    assert theirs["synapse"].value / ours["synapse"].value == pytest.approx(24.0 / 23.6)
    assert theirs["routing"].value > 10 * ours["routing"].value
    assert theirs["static"] == ours["static"]
    assert theirs["host"] == ours["host"]
    assert theirs["off_chip"].value is None
    assert other.frame == report.timing.frame
    assert other.factor == other.total.value / report.energy.total.value
    assert other.total.bound == "at_least"


def test_loihi_1_takes_the_other_times_too():
    report = small_report(small_program(), target="loihi1")
    assert report.second_opinion.frame.value != report.timing.frame.value
    assert {c.name.split(".")[0] for c in report.second_opinion.costs} == {"energy", "time"}
    static = {c.name: c.figure.value for c in report.second_opinion.components}["static"]
    own = {c.name: c.figure.value for c in report.energy.components}["static"]
    grown = report.second_opinion.frame.value / report.timing.frame.value
    assert static == pytest.approx(own * grown)


def test_a_target_without_a_second_opinion_says_nothing():
    report = small_report(small_program(), target="truenorth")
    assert report.second_opinion is None
    assert cost_tables.second_opinion(report).rows == ()
    assert "Second opinion" not in render_markdown(report)
    assert "Second opinion" not in render_plain(report)


@pytest.mark.parametrize("render", [render_html, render_markdown, render_plain])
def test_all_renderings_show_both_tables(report, render):
    text = render(report)
    shown = figure_text(report.second_opinion.total)
    if render is render_html:
        shown = shown.replace(" uJ", " µJ")
    assert "Second opinion on the costs" in text
    assert shown in text
    assert "loihi1-sanafe" in text


def test_the_json_holds_figures_with_range_and_source(report):
    content = json.loads(report_to_json(report))["second_opinion"]
    total = content["total"]
    assert total["low"] <= total["value"] <= total["known_high"]
    assert "sanafe" in total["source"]
    assert report_from_json(report_to_json(report)).second_opinion == report.second_opinion


def test_sources_of_the_second_table_are_listed(report):
    listed = {source.key for source in report.target.sources}
    assert {c.figure.source for c in report.second_opinion.costs} <= listed
    assert {row.energy.source for row in report.checked} <= listed


def test_the_doubt_repeats_the_figures_of_the_check(report):
    (row,) = report.checked
    assert row == checked_sections(load_target("loihi1"))[0]
    own, other = row.tables
    assert (own.target, other.target) == ("loihi1", "loihi1-sanafe")
    (said,) = [s for s in report.assumptions if "Pohoiki" in s]
    assert said == doubt(row, "loihi2")
    assert said.startswith("the energies are those of loihi1: ")
    assert f"loihi1 the model gives {significant(own.energy.value)} times that" in said
    assert f"{significant(other.energy.value)} times that" in said
    assert not doubt(row, "loihi1").startswith("the energies")


def test_the_check_has_a_row_for_energy_and_timestep_of_every_table(report):
    rows = cost_tables.checked(report).rows
    assert [(row[2], row[1]) for row in rows] == [
        ("loihi1", "synapses, neurons"),
        ("loihi1", "timestep"),
        ("loihi1-sanafe", "synapses, neurons"),
        ("loihi1-sanafe", "timestep"),
    ]
    assert rows[0][3:6] == ("1.33 mJ", "1.66 mJ", "x 1.25")
    assert "Model beside measurements" in render_plain(report, details=True)
    assert "Model beside measurements" in render_markdown(report)
    assert "Model beside measurements" in render_html(report)


def test_a_clocks_timestep_is_not_compared():
    report = small_report(small_program(), target="truenorth")
    (row,) = cost_tables.checked(report).rows
    assert row[:3] == ("recurrent 20hz", "synapses, routing, static", "truenorth")
    assert report.checked[0].tick is None


def test_actions_are_priced_one_by_one(report):
    rows = {row[1]: row for row in cost_tables.energy_actions(report).rows}
    assert rows["active neuron updates"][3] == "81.0 pJ"
    assert rows["idle neuron updates"][3] == "52.0 pJ"
    assert rows["spikes from the host"][3:5] == ("unknown", "unknown")
    charged = small_report(small_program(), target="truenorth")
    rows = {row[1]: row for row in cost_tables.energy_actions(charged).rows}
    # the static power of the affine model holds them: a dash, not a zero
    assert rows["idle neuron updates"][3:5] == ("-", "-")
