"""`nmcompile events`: simulate, info, render."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from nmcompile.cli.main import run
from nmcompile.datasets.sequence import open_sequence


@pytest.fixture(name="sequence")
def _sequence(tmp_path: Path) -> Path:
    folder = tmp_path / "square"
    (folder / "img").mkdir(parents=True)
    for k in range(4):
        picture = np.full((24, 32, 3), 40, np.uint8)
        picture[8:16, 4 + 3 * k : 12 + 3 * k] = 200
        cv2.imwrite(str(folder / "img" / f"{k + 1:04d}.png"), picture)
    lines = "".join(f"{5 + 3 * k},9,8,8\n" for k in range(4))
    (folder / "groundtruth_rect.txt").write_text(lines)
    return folder


def ran(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()
    code = run(["events", *map(str, arguments), "--json"])
    body: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert body["exit_code"] == code
    return body


@pytest.mark.parametrize("pixel", ["dashnet", "clean", "noisy"])
def test_simulate_and_info_say_the_same(
    capsys: pytest.CaptureFixture[str], sequence: Path, tmp_path: Path, pixel: str
) -> None:
    out = tmp_path / "square.npz"
    made = ran(capsys, "simulate", sequence, "-o", out, "--pixel", pixel)["result"]
    told = ran(capsys, "info", out)["result"]
    assert made.pop("frame_rate_hz") == 30.0
    assert told == made
    assert (told["width"], told["height"], told["frames"], told["boxes"]) == (32, 24, 4, 25)
    assert told["events"] > 100


def test_options_reach_the_simulator(
    capsys: pytest.CaptureFixture[str], sequence: Path, tmp_path: Path
) -> None:
    """Threshold, seed, interpolation and rate each change the recording."""
    changes: tuple[tuple[object, ...], ...] = (
        (),
        ("--threshold", 20),
        ("--seed", 1),
        ("--interpolated", 3),
        ("--interpolation", "linear"),
        ("--frame-rate", 60),
    )
    digests = set()
    for options in changes:
        made = ran(capsys, "simulate", sequence, "-o", tmp_path / "a.npz", *options)["result"]
        digests.add(made["digest"])
    assert len(digests) == len(changes)


def test_a_folder_holds_the_frames(
    capsys: pytest.CaptureFixture[str], sequence: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "hybrid"
    ran(capsys, "simulate", sequence, "-o", folder)
    np.testing.assert_allclose(open_sequence(folder).boxes, open_sequence(sequence).boxes)
    video, picture = tmp_path / "a.mp4", tmp_path / "a.png"
    shown = ran(capsys, "render", folder, "-o", video)["result"]
    assert (shown["exposure_us"], shown["pictures"]) == (10_000, 10)
    capture = cv2.VideoCapture(str(video))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 10
    ran(capsys, "render", folder, "-o", picture, "--exposure", 20)
    assert cv2.imread(str(picture)) is not None


def test_frames_go_behind_the_events_of_a_file(
    capsys: pytest.CaptureFixture[str], sequence: Path, tmp_path: Path
) -> None:
    archive, plain, framed = (tmp_path / name for name in ("a.npz", "plain.png", "framed.png"))
    ran(capsys, "simulate", sequence, "-o", archive)
    ran(capsys, "render", archive, "-o", plain)
    ran(capsys, "render", archive, "-o", framed, "--frames", sequence)
    assert plain.read_bytes() != framed.read_bytes()


def test_text_for_people(
    capsys: pytest.CaptureFixture[str], sequence: Path, tmp_path: Path
) -> None:
    assert run(["events", "simulate", str(sequence), "-o", str(tmp_path / "a.npz")]) == 0
    output = capsys.readouterr()
    assert "on_share" in output.out
    assert output.err.startswith("wrote ")


def test_refusals(capsys: pytest.CaptureFixture[str], sequence: Path, tmp_path: Path) -> None:
    """Every mistake has its code, and leaves no file."""
    still = tmp_path / "still"
    (still / "img").mkdir(parents=True)
    for k in range(2):
        cv2.imwrite(str(still / "img" / f"{k}.png"), np.zeros((8, 8, 3), np.uint8))
    silent = tmp_path / "still.npz"
    assert ran(capsys, "simulate", still, "-o", silent)["result"]["events"] == 0
    assert ran(capsys, "info", silent)["result"]["on_share"] is None
    cases: tuple[tuple[tuple[object, ...], str], ...] = (
        (("simulate", sequence, "-o", tmp_path / "x.npz", "--pixel", "eye"), "NM0001"),
        (("simulate", sequence, "-o", tmp_path / "x.npz", "--interpolation", "magic"), "NM0546"),
        (("simulate", sequence, "-o", tmp_path / "x.npz", "--threshold", "0"), "NM0546"),
        (
            ("simulate", sequence, "-o", tmp_path / "x.npz", "--pixel", "clean", "--threshold", 9),
            "NM0001",
        ),
        (("simulate", tmp_path / "nowhere", "-o", tmp_path / "x.npz"), "NM0510"),
        (("simulate", sequence, "-o", sequence), "NM0551"),
        (("info", tmp_path / "nowhere.npz"), "NM0545"),
        (("render", silent, "-o", tmp_path / "x.mp4"), "NM0550"),
        (("render", silent, "-o", tmp_path / "x.gif"), "NM0001"),
        (("render", silent, "-o", tmp_path / "x.mp4", "--frames", sequence), "NM0549"),
    )
    for arguments, code in cases:
        body = ran(capsys, *arguments)
        assert [d["code"] for d in body["diagnostics"]] == [code]
        assert not list(tmp_path.glob("x.*"))
