"""`nmcompile budget` and `nmcompile diff` on report files, as a pipeline calls them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.small_report import small_program, small_report

from nmcompile.cli.main import run
from nmcompile.report.serialise import report_to_json

LIMITS = '[all]\nenergy_per_frame_j = { max_regression = "2 %" }\ncores = { max = 24 }\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two reports and a file of limits."""
    program = small_program()
    for name, size in (("old", 1.0), ("new", 1.1)):
        text = report_to_json(small_report(program, size))
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    (tmp_path / "budgets.toml").write_text(LIMITS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_pipeline_accepts_and_then_gates(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["budget", "old.json", "--update"]) == 0
    capsys.readouterr()
    assert run(["budget", "old.json"]) == 0
    assert run(["budget", "new.json", "--junit", "j.xml", "--markdown", "m.md"]) == 4
    shown = capsys.readouterr()
    assert "energy per frame" in shown.out
    assert "NM0801" in shown.err
    assert "search: conv1" in shown.err
    assert "<failure" in (folder / "j.xml").read_text(encoding="utf-8")
    assert "conv1" in (folder / "m.md").read_text(encoding="utf-8")
    # accepted, it passes again
    assert run(["budget", "new.json", "--update"]) == 0
    assert run(["budget", "new.json"]) == 0
    assert not list(folder.glob(".*partial"))


def test_budget_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["budget", "old.json", "--update", "-q"]) == 0
    capsys.readouterr()
    assert run(["budget", "new.json", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["exit_code"] == 4
    metrics = found["result"]["tiny-siamsnn on loihi2"]["metrics"]
    assert metrics["energy_per_frame_j"]["verdict"] == "fail"
    assert metrics["energy_per_frame_j"]["change"] > 0.02


def test_diff_shows_figures_and_layers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "old.json", "new.json"]) == 0
    shown = capsys.readouterr().out
    assert "energy per frame" in shown
    assert "search: conv1" in shown
    assert run(["diff", "old.json", "old.json", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["layers"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["budget", "nothing"], "NM0523", 1),
        (["budget", "old.json", "--file", "missing.toml"], "NM0606", 1),
        (["budget", "old.json", "--baseline", "budgets.toml"], "NM0542", 1),
        (["diff", "old.json", "budgets.toml"], "NM0530", 1),
    ],
)
def test_wrong_files(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: str,
    exit_code: int,
) -> None:
    assert run(arguments) == exit_code
    assert code in capsys.readouterr().err


def test_report_as_junit_and_for_dashboards(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "old.json", "--junit", "r.xml"]) == 0
    assert 'failures="0"' in (folder / "r.xml").read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(["report", "old.json", "--format", "bench-action"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert entries[0]["name"] == "tiny-siamsnn on loihi2: energy per frame"


def test_the_page_is_judged_by_budgets_when_asked(folder: Path) -> None:
    assert run(["budget", "old.json", "--update", "-q"]) == 0
    page = folder / "page.html"
    judge = ["--html", str(page), "--budgets", "budgets.toml"]
    assert run(["report", "new.json", *judge, "--baseline", "baseline.json"]) == 0
    judged = page.read_text(encoding="utf-8")
    assert "A budget is exceeded." in judged
    assert "% worse than accepted, 2 % allowed" in judged
    assert run(["report", "new.json", *judge]) == 0
    assert "Kept, with warnings." in page.read_text(encoding="utf-8")  # nothing accepted yet
    assert run(["report", "new.json", "--html", str(page)]) == 0
    assert 'id="budgets"' not in page.read_text(encoding="utf-8")
