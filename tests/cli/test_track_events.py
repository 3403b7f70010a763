"""`nmcompile track BUILD --events`: both networks on the cores, one box per window."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.dashnet import moving_square, small_dashnet

from nmcompile.cli.main import run
from nmcompile.datasets.events.archive import save_hybrid
from nmcompile.frontends.checkpoint import save_checkpoint

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hybrid")
    images = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3)).astype(np.uint8)
    checkpoint = replace(small_dashnet(), images=images)
    save_checkpoint(checkpoint, folder / "small.pt")
    save_hybrid(folder / "square", moving_square(frames=3))
    made = run(["build", str(folder / "small.pt"), "--target", "tianjic", "-o", str(folder / "b")])
    assert made == 0
    return folder


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    code = run(["track", *map(str, arguments), "--json"])
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert body["exit_code"] == code
    return body


def test_mapped_cores_track_as_the_golden_networks_do(
    capsys: pytest.CaptureFixture[str], build: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    mapped = ran(capsys, build / "b", "--events", build / "square", "-o", out)["result"]
    golden = ran(capsys, build / "b", "--events", build / "square", "--level", "golden")["result"]
    assert mapped["outputs"] == len(mapped["boxes"]) == 16
    assert (mapped["ann_runs"], mapped["sequence"]) == (2, "square")
    assert mapped["boxes"] == golden["boxes"]
    assert {p.name for p in out.iterdir()} == {
        *("boxes.txt", "hybrid.svg", "report.html", "report.json", "track.mp4", "tracks.json"),
    }
    rows = np.loadtxt(out / "boxes.txt", delimiter=",")
    assert rows[:, 0].tolist() == mapped["times_us"]
    levels = [
        row["level"]
        for row in json.loads((out / "report.json").read_text())["accuracy"]["tracking"]
    ]
    assert levels == ["mapped", "static box"]


def test_frames_alone_do_not_drive_a_hybrid_deployment(
    capsys: pytest.CaptureFixture[str], build: Path
) -> None:
    found = ran(capsys, build / "b", "--sequence", build / "square")
    assert found["exit_code"] == 1
    assert found["diagnostics"][0]["code"] == "NM0518"


def test_events_and_a_video_are_too_much(capsys: pytest.CaptureFixture[str], build: Path) -> None:
    found = ran(capsys, build / "b", "--events", build / "square", "--video", "film.mp4")
    assert found["exit_code"] == 2
    assert found["diagnostics"][0]["code"] == "NM0001"
