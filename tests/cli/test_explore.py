"""``nmcompile explore`` as a user calls it, on real builds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.videos import otb_folder

from nmcompile.build.deployment import Deployment
from nmcompile.cli.main import run
from nmcompile.explore import points

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return otb_folder(tmp_path_factory.mktemp("videos") / "data", {"One": 6, "Two": 6})


@pytest.fixture(scope="module")
def out(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explored") / "out"
    assert run(["explore", *grid(model, data), "-q", "-o", str(folder)]) == 0
    return folder


def grid(model: Path, data: Path) -> list[str]:
    axes = ["--targets", "loihi2,truenorth", "--timesteps", "2,4"]
    return [str(model), *axes, "--dataset", f"otb:{data}", "--protocol", "ope"]


def test_points_have_figures_or_a_diagnostic(out: Path, model: Path, data: Path) -> None:
    found = json.loads((out / "explore.json").read_text())
    assert [(r["target"], r["status"]) for r in found["rows"]] == [
        ("loihi2", "done"),
        ("loihi2", "done"),
        ("truenorth", "failed"),
        ("truenorth", "failed"),
    ]
    first, second = found["rows"][:2]
    assert found["rows"][2]["failures"][0]["code"].startswith("NM03")
    assert first["verdict"] == "verified"
    assert first["accuracy"]["measure"] == "mean_iou"
    assert first["accuracy"]["standard_error"] > 0.0
    assert first["figures"]["spikes_per_frame"] < second["figures"]["spikes_per_frame"]
    # the float network: on the same frames, once for all points
    assert found["reference"]["measure"] == "mean_iou"
    assert found["reference"]["samples"] == first["accuracy"]["samples"]
    assert len(list((out / "parts").glob("ope-float-*"))) == 2
    assert b"float network" in (out / "pareto.svg").read_bytes()
    built = Deployment.open(out / first["folder"]).report
    assert first["figures"]["cores"] == built.headline.cores
    assert first["figures"]["energy_per_frame_j"] == built.energy.total.value
    assert first["bounds"]["energy_per_frame_j"] == built.energy.total.bound
    for name in ("pareto.png", "pareto.svg", "explore.csv"):
        assert (out / name).stat().st_size > 0


def test_started_again_it_computes_nothing(
    out: Path,
    model: Path,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(points, "do", None)
    before = (out / "explore.json").read_bytes()
    capsys.readouterr()
    limits = ["--max", "cores=1000", "--min", "fps=1"]
    assert run(["explore", *grid(model, data), *limits, "-o", str(out)]) == 0
    shown = capsys.readouterr()
    assert "best by mean_iou with cores at most 1,000, fps at least 1 FPS: loihi2" in shown.out
    assert "4 of 4 points are there already" in shown.err
    assert "float network" in shown.out
    narrow = ["--max", "cores=1", "--json"]
    assert run(["explore", *grid(model, data), *narrow, "-o", str(out)]) == 4
    answer = json.loads(capsys.readouterr().out)
    assert [d["code"] for d in answer["diagnostics"]] == ["NM0804"]
    assert "cores at most 1: 0 of 2 points" in answer["diagnostics"][0]["notes"][0]
    assert answer["result"]["best"]["point"] is None
    assert run(["explore", *grid(model, data), "-q", "-o", str(out)]) == 0
    assert (out / "explore.json").read_bytes() == before


def test_refusals(model: Path, data: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "out")
    assert run(["explore", *grid(model, data), "-o", folder, "--level", "float"]) == 2
    assert run(["explore", *grid(model, data), "-o", folder, "--protocol", "vot"]) == 2
    assert run(["explore", *grid(model, data), "-o", folder, "--vary", "codin=rate"]) == 2
    assert run(["explore", *grid(model, data), "-o", folder, "--max", "watts=1"]) == 2
    assert run(["explore", str(model), "--targets", "loihi3", "-o", folder]) == 1
    assert run(["explore", str(data), "--targets", "loihi2", "-o", folder]) == 1
    assert not (tmp_path / "out").exists()


def test_a_grid_that_fits_nowhere_says_so(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(model), "--targets", "truenorth", "-q", "-o", str(tmp_path / "out")]
    assert run(["explore", *arguments]) == 1
    assert "NM0561" in capsys.readouterr().err
    assert not (tmp_path / "out" / "pareto.png").exists()
