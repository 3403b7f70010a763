"""Budgets, baselines and differences of reports."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from support.small_report import small_program, small_report

from nmcompile.budget.bench_action import bench_entries
from nmcompile.budget.budgets import Budgets, load_budgets
from nmcompile.budget.difference import difference
from nmcompile.budget.gate import Outcome, gate
from nmcompile.budget.metrics import METRICS, values
from nmcompile.budget.snapshot import Baseline, load_baseline, name_of, snapshot_of
from nmcompile.diagnostics import NmError
from nmcompile.report.markdown import MAX_BYTES
from nmcompile.report.schema import Report
from nmcompile.report.text import range_text

NAME = "tiny-siamsnn on loihi2"


@pytest.fixture(scope="module")
def report() -> Report:
    return small_report(small_program())


@pytest.fixture(scope="module")
def heavier() -> Report:
    """Ten per cent more work in the search network, of another model."""
    found = small_report(small_program(), 1.1)
    model = found.model.model_copy(update={"sha256": "cd" * 32})
    return found.model_copy(update={"model": model})


def budgets(tmp_path: Path, text: str) -> Budgets:
    file = tmp_path / "budgets.toml"
    file.write_text(text, encoding="utf-8")
    return load_budgets(file)


def accepted(report: Report) -> Baseline:
    return Baseline().with_report(name_of(report), snapshot_of(report))


def codes(outcome: Outcome) -> list[str]:
    return [d.code for d in outcome.diagnostics()]


def test_every_metric_has_its_unit_in_the_report(report: Report) -> None:
    found = values(report)
    assert found["cores"] == report.mapping.cores
    assert found["energy_per_frame_j"] == report.energy.total.value
    assert found["ticks_per_frame"] == 2 * 18
    steps = {s.step: s for s in report.counters.steps}
    assert steps["search"].cores is not None
    assert found["packets_per_frame"] == 2 * steps["search"].cores.packets
    assert found["mean_overlap"] is not None
    assert len({m.name for m in METRICS}) == len(METRICS)


def test_what_was_accepted_passes(report: Report, tmp_path: Path) -> None:
    limits = budgets(tmp_path, '[all]\nenergy_per_frame_j = { max_regression = "0 %" }\n')
    assert codes(gate([report], limits, accepted(report))) == []


def test_a_rise_fails_and_names_the_cause_and_the_layer(
    report: Report, heavier: Report, tmp_path: Path
) -> None:
    limits = budgets(tmp_path, '[all]\nenergy_per_frame_j = { max_regression = "2 %" }\n')
    outcome = gate([heavier], limits, accepted(report))
    (found,) = outcome.diagnostics()
    assert found.code == "NM0801"
    assert int(found.exit_code) == 4
    assert found.where == NAME
    assert any("another model file" in note for note in found.notes)
    assert any("search: conv1" in note for note in found.notes)
    assert "2 % allowed" in found.message
    # the same change within its allowance
    wider = budgets(tmp_path, '[all]\nenergy_per_frame_j = { max_regression = "20 %" }\n')
    assert codes(gate([heavier], wider, accepted(report))) == []


def test_an_absolute_limit_needs_no_baseline(report: Report, tmp_path: Path) -> None:
    text = f'[report."{NAME}"]\ncores = {{ max = 20 }}\n'
    outcome = gate([report], budgets(tmp_path, text), Baseline())
    assert codes(outcome) == ["NM0801"]
    text = f'[report."{NAME}"]\ncores = {{ max = 25, warn_at = "90 %" }}\n'
    assert codes(gate([report], budgets(tmp_path, text), Baseline())) == ["NM0802"]
    text = f'[report."{NAME}"]\ncores = {{ max = 25 }}\n'
    assert codes(gate([report], budgets(tmp_path, text), Baseline())) == []


def test_a_minimum_limits_from_below(report: Report, tmp_path: Path) -> None:
    text = "[all]\nmean_overlap = { min = 0.9 }\n"
    assert codes(gate([report], budgets(tmp_path, text), Baseline())) == ["NM0801"]
    text = '[all]\nmean_overlap = { min = 0.1, max_regression = "1 %" }\n'
    better = accepted(report)
    old = better.reports[NAME]
    worse = old.model_copy(update={"metrics": {**old.metrics, "mean_overlap": 0.9}})
    outcome = gate([report], budgets(tmp_path, text), better.with_report(NAME, worse))
    assert codes(outcome) == ["NM0801"]


def test_a_regression_without_a_baseline_warns(report: Report, tmp_path: Path) -> None:
    limits = budgets(tmp_path, '[all]\ncores = { max_regression = "1 %" }\n')
    assert codes(gate([report], limits, Baseline())) == ["NM0802"]


def test_an_improvement_suggests_to_accept_it(
    report: Report, heavier: Report, tmp_path: Path
) -> None:
    limits = budgets(tmp_path, '[all]\nenergy_per_frame_j = { max_regression = "2 %" }\n')
    outcome = gate([report], limits, accepted(heavier))
    assert codes(outcome) == ["NM0803"]
    assert not any(d.is_error for d in outcome.diagnostics())


def test_accepting_leaves_absolute_limits(report: Report, heavier: Report, tmp_path: Path) -> None:
    text = '[all]\nenergy_per_frame_j = { max_regression = "0 %" }\ncores = { max = 3 }\n'
    outcome = gate([heavier], budgets(tmp_path, text), accepted(report), accept=True)
    assert [d.message.split(":")[0] for d in outcome.diagnostics()] == ["cores"]
    assert outcome.baseline.reports[NAME] == snapshot_of(heavier)


def test_an_unknown_figure_with_a_limit_fails(report: Report, tmp_path: Path) -> None:
    nothing = report.headline.model_copy(update={"mean_overlap": None})
    blind = report.model_copy(update={"headline": nothing})
    limits = budgets(tmp_path, "[all]\nmean_overlap = { min = 0.1 }\n")
    assert codes(gate([blind], limits, accepted(report))) == ["NM0801"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[all]\nenergy = { max = 1 }\n", "NM0603"),
        ("[all]\ncores = { }\n", "NM0604"),
        ('[all]\ncores = { max_regression = "five" }\n', "NM0604"),
        ('[all]\ncores = { max_regression = "5 %", warn_at = "9 %" }\n', "NM0604"),
        ("[all\n", "NM0602"),
    ],
)
def test_wrong_budgets_are_refused_at_their_place(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(NmError) as caught:
        budgets(tmp_path, text)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert "budgets.toml:" in found.where


def test_the_baseline_survives_its_file(report: Report, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    assert load_baseline(file) == Baseline()
    file.write_text(accepted(report).text(), encoding="utf-8")
    assert load_baseline(file) == accepted(report)
    file.write_text('{"format": "something else"}', encoding="utf-8")
    with pytest.raises(NmError) as caught:
        load_baseline(file)
    assert caught.value.codes == ("NM0542",)


def test_causes_name_what_changed_first(report: Report, heavier: Report) -> None:
    assert difference(report, report).causes == ()
    assert difference(report, heavier).causes == ("another model file",)

    def changed(**sections: object) -> Report:
        return report.model_copy(update=sections)

    cores = tuple(n.model_copy(update={"digest": "aa"}) for n in report.mapping.networks)
    remapped = changed(mapping=report.mapping.model_copy(update={"networks": cores}))
    assert difference(report, remapped).causes == ("the mapping",)
    costs = report.target.costs[1:]
    repriced = changed(target=report.target.model_copy(update={"costs": costs, "digest": "bb"}))
    assert difference(report, repriced).causes == ("another energy or time table",)
    levels = {**report.program.digests, "integer": "cc", "golden": "dd"}
    converted = changed(program=report.program.model_copy(update={"digests": levels}))
    assert difference(report, converted).causes == ("conversion settings",)


def test_difference_lists_the_layers_that_rose_most(report: Report, heavier: Report) -> None:
    found = difference(report, heavier)
    assert found.layers
    rises = [(c.now_j or 0) - (c.base_j or 0) for c in found.layers]
    assert rises == sorted(rises, reverse=True)
    assert rises[0] > 0
    assert not difference(report, report).layers
    assert "another model file" in found.markdown()


def test_renderings_of_an_outcome(report: Report, heavier: Report, tmp_path: Path) -> None:
    limits = budgets(tmp_path, '[all]\nenergy_per_frame_j = { max_regression = "2 %" }\n')
    outcome = gate([heavier], limits, accepted(report))
    suites = ElementTree.fromstring(outcome.junit())
    assert suites.attrib["failures"] == "1"
    assert [e.attrib["name"] for e in suites.iter("testcase")][-1] == "energy per frame"
    text = outcome.markdown()
    assert "conv1" in text
    assert len(text.encode()) <= MAX_BYTES
    json.dumps(outcome.as_json(), allow_nan=False)


def test_trend_entries_hold_the_reports_figures(report: Report) -> None:
    entries = {e["name"].split(": ")[1]: e for e in bench_entries(report)}
    energy = entries["energy per frame"]
    assert energy["value"] == report.energy.total.value
    assert energy["unit"] == "J"
    assert energy["range"] == range_text(report.energy.total)
    assert "at_least" in energy["extra"]
    assert entries["cores"]["value"] == report.headline.cores
    assert not [e for e in entries.values() if "None" in e.get("range", "")]


def test_trend_entries_have_one_direction(report: Report) -> None:
    entries = bench_entries(report)
    assert {"name", "unit", "value"} <= set(entries[0])
    assert all("overlap" not in entry["name"] for entry in entries)
    assert any("overlap" in entry["name"] for entry in bench_entries(report, "higher"))
    json.dumps(entries, allow_nan=False)
