"""`nmcompile track` as a user calls it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from nmcompile.cli.main import run

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def sequence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sequence") / "moving"
    (folder / "img").mkdir(parents=True)
    rng = np.random.default_rng(2)
    back = cv2.resize(rng.integers(0, 120, (12, 16, 3)).astype(np.uint8), (160, 120))
    boxes = []
    for index in range(4):
        frame, x = back.copy(), 40 + 2 * index
        frame[50:80, x : x + 30] = (30, 200, 250)
        frame[58:70, x + 8 : x + 20] = (240, 20, 20)
        cv2.imwrite(str(folder / "img" / f"{index + 1:04d}.jpg"), frame)
        boxes.append(f"{x + 1},51,30,30")
    (folder / "groundtruth_rect.txt").write_text("\n".join(boxes) + "\n")
    return folder


@pytest.mark.parametrize("level", ["mapped", "golden"])
def test_track_follows_and_reports(
    built: Path, sequence: Path, level: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "track"
    arguments = ["track", str(built), "--sequence", str(sequence), "-o", str(out)]
    assert run([*arguments, "--level", level, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)["result"]
    assert answer["frames"] == len(answer["boxes"]) == 4
    assert 0.0 <= answer["mean_iou"] <= 1.0
    assert {p.name for p in out.iterdir()} == {
        *("track.mp4", "strip.png", "boxes.txt", "report.json", "report.html"),
    }
    levels = [
        r["level"] for r in json.loads((out / "report.json").read_text())["accuracy"]["tracking"]
    ]
    assert levels == [level, "static box"]


def test_mapped_and_golden_track_alike(
    built: Path, sequence: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = []
    for level in ("mapped", "golden"):
        arguments = ["track", str(built), "--sequence", str(sequence), "--level", level, "--json"]
        assert run(arguments) == 0
        boxes.append(json.loads(capsys.readouterr().out)["result"]["boxes"])
    assert boxes[0] == boxes[1]


def test_track_wants_one_source_and_a_box(
    built: Path, sequence: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["track", str(built)]) == 2
    assert run(["track", str(built), "--sequence", str(sequence), "--init", "1,2,3"]) == 2
    bare = Path(shutil.copytree(sequence, tmp_path / "bare"))
    (bare / "groundtruth_rect.txt").unlink()
    assert run(["track", str(built), "--sequence", str(bare)]) == 1
    assert "NM0519" in capsys.readouterr().err


def test_run_and_track_know_their_words(
    built: Path, sequence: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = (["run", "--engine"], ["track", "--sequence", str(sequence), "--level"])
    for command, *options in calls:
        assert run([command, str(built), *options, "wishful", "--json"]) == 2
        answer = json.loads(capsys.readouterr().out)
        assert answer["diagnostics"][0]["where"] == options[-1]
