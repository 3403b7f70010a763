"""A correlation on crossbar cores, and two-status coding behind a gate, as a user builds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.checkpoints import tiny_checkpoint
from support.videos import otb_folder

from nmcompile.build.deployment import Deployment
from nmcompile.cli.main import run
from nmcompile.mapping.template_crossbars import TemplateCrossbarGraph

pytestmark = pytest.mark.torch

TERNARY = {"weight_bits": 2, "weight_step": "channel"}
SMALL = {"groups": [1, 1, 2, 2, 2]}
SIGNED = {"relu": [True, True, True, True, False]}


def build(model: Path, out: Path, *options: str) -> dict[str, Any]:
    command = ["build", str(model), "--target", "truenorth", "-o", str(out), "-q"]
    assert run([*command, *options]) == 0
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("signed")
    model = tiny_checkpoint(folder / "tiny.pt", recipe=TERNARY, **SMALL, **SIGNED)
    return folder / "out", build(model, folder / "out", "--timesteps", "7")


def test_a_signed_correlation_runs_on_cores(built: tuple[Path, dict[str, Any]]) -> None:
    out, report = built
    assert report["headline"]["verdict"] == "verified"
    graph = Deployment.open(out).graph("search")
    assert isinstance(graph, TemplateCrossbarGraph)
    steps = {step["step"]: step for step in report["host"]["steps"]}
    written = {op["name"]: op["count"] for op in steps["search_weights"]["ops"]}
    assert written == {"synapse_writes": graph.template_words}
    assert steps["search_weights"]["trigger"] == "on_init"
    (lost,) = report["accuracy"]["partial_sums"]
    # 3 bits of 4 channels, two rails each
    assert (lost["layer"], lost["parts"]) == ("correlate", 4 * 3 * 2)
    assert lost["rails"] == graph.template_words
    assert 0 < lost["relative_error"] < 0.1
    assert lost["correlation"] > 0.6
    counted = next(s for s in report["counters"]["steps"] if s["step"] == "search")
    assert counted["layers"][-1]["layer"] == "correlate"
    assert counted["layers"][-1]["sops"] > 0
    assert any("read out as spikes" in text for text in report["assumptions"])


def test_what_was_built_runs_tracks_and_is_exported(
    built: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, _ = built
    assert run(["run", str(out)]) == 0
    video = otb_folder(tmp_path / "otb", {"moving": 3}) / "moving"
    assert run(["track", str(out), "--sequence", str(video), "-o", str(tmp_path / "t")]) == 0
    files = tmp_path / "ranc"
    assert run(["ranc", "export", str(out), str(files), "--network", "search"]) == 0
    assert (files / "search" / "input.json").is_file()


def test_sixteen_timesteps_leave_the_correlation_on_the_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=TERNARY, **SMALL)
    capsys.readouterr()
    assert run(["check", str(model), "--target", "truenorth", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert not any(row["layer"] == "correlate" for n in result["networks"] for row in n["layers"])
    assert "up to 16 take 5 bits" in result["host"]["search_match"]


def test_a_two_status_layer_stays_on_cores_behind_its_gate(tmp_path: Path) -> None:
    recipe = {**TERNARY, "output_coding": {"name": "two_status"}}
    model = tiny_checkpoint(tmp_path / "tiny.pt", recipe=recipe, **SMALL)
    report = build(model, tmp_path / "out", "--timesteps", "6")
    assert report["headline"]["verdict"] == "verified"
    steps = {step["step"]: step["reason"] for step in report["host"]["steps"]}
    assert "nothing but spikes" in steps["search_match"]
    assert "search_coding" not in steps
    graph = Deployment.open(tmp_path / "out").graph("search")
    assert graph.size("bias") > 0
    assert any("accumulates below its threshold" in text for text in report["assumptions"])
