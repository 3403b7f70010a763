"""`--split-fan-in`: layers that fit no crossbar core become rate-coded partial sums."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nmcompile.build.deployment import Deployment
from nmcompile.cli.main import run

pytestmark = pytest.mark.torch

OPTIONS = ("--weight-bits", "4", "--timesteps", "8")


@pytest.fixture(scope="module")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("build") / "out"
    command = ["build", str(model), "--target", "truenorth", *OPTIONS, "--split-fan-in"]
    assert run([*command, "-o", str(out), "-q"]) == 0
    return out


def answer(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    capsys.readouterr()
    code = run([*command, "--json"])
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert body["exit_code"] == code
    return body


def test_without_the_option_the_layers_are_refused_and_it_is_named(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = answer(capsys, "check", str(model), "--target", "truenorth", *OPTIONS)
    assert body["exit_code"] == 3
    wide = [d for d in body["diagnostics"] if d["code"] == "NM0311"]
    assert wide
    assert all(any("--split-fan-in" in line for line in d["help"]) for d in wide)


def test_with_it_the_cores_equal_the_golden_network(built: Path) -> None:
    deployment = Deployment.open(built)
    report = deployment.report
    assert report.headline.verdict == "verified"
    rows = report.accuracy.partial_sums
    assert {row.network for row in rows} == {"template", "search"}
    assert all(row.parts >= 1 and row.levels == 1 for row in rows)
    assert all(0.5 < row.correlation <= 1.0 for row in rows)
    by_layer = {(r.network, r.layer): (r.unit_least, r.unit_most) for r in rows}
    # at T = 8 the correlation runs on cores as well, in the search network alone
    del by_layer["search", "correlate"]
    assert all(by_layer["template", layer] == by_layer["search", layer] for _, layer in by_layer)
    assert report.accuracy.parts_response_correlation is not None
    assert any("approximation" in text for text in report.assumptions)
    golden, integer = (
        {n.name for n in deployment.program(level).network("search").nodes}
        for level in ("golden", "integer")
    )
    assert any("rails" in name for name in golden)
    assert not any("rails" in name for name in integer)


def test_terminal_and_page_show_the_error(
    built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert run(["report", str(built), "--html", str(page)]) == 0
    assert "Partial sums as rates" in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert run(["report", str(built)]) == 0
    assert "Partial sums as rates" in capsys.readouterr().out


def test_check_says_what_the_parts_take(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("check", str(model), "--target", "truenorth", *OPTIONS)
    body = answer(capsys, *command, "--split-fan-in")
    assert body["exit_code"] == 0, body["diagnostics"]
    assert all(network["mapped"] for network in body["result"]["networks"])


def test_other_targets_refuse(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = answer(capsys, "check", str(model), "--target", "loihi2", "--split-fan-in")
    assert body["exit_code"] == 3
    assert [d["code"] for d in body["diagnostics"]] == ["NM0328"]
