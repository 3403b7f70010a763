"""`nmcompile wrap` on small weights: the file it writes, and how it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from nmcompile.cli.wrap import wrap
from nmcompile.frontends.checkpoint import load_checkpoint

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

SETTINGS = {
    "strides": [4, 2, 1, 1, 1],
    "pools": [False] * 5,
    "exemplar_size": 79,
    "search_size": 111,
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    from nmcompile import architectures

    torch.manual_seed(0)
    shape = {"channels": [4, 6, 6, 6, 4], "kernels": [7, 5, 3, 3, 3], **SETTINGS}
    torch.save(architectures.build("siamfc", shape).state_dict(), tmp_path / "w.pth")
    return tmp_path / "w.pth"


def run(*arguments: str | Path) -> Any:
    app = typer.Typer()
    app.command()(wrap)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def settings() -> list[str]:
    return [part for k, v in SETTINGS.items() for part in ("--set", f"{k}={json.dumps(v)}")]


def test_writes_a_checkpoint(weights: Path, tmp_path: Path) -> None:
    done = run(weights, "-o", tmp_path / "m.pt", *settings(), "--std", "2,2,2", "--range", "1")
    assert done.exit_code == 0, done.output
    assert "channels = [4, 6, 6, 6, 4]" in done.stdout
    checkpoint = load_checkpoint(tmp_path / "m.pt")
    assert checkpoint.preprocess.std == (2.0, 2.0, 2.0)
    assert checkpoint.preprocess.range == 1.0
    assert checkpoint.config["strides"] == [4, 2, 1, 1, 1]


def test_freezes_scales(weights: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    crops = tmp_path / "crops"
    crops.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (111, 111, 3)).astype(np.uint8)
    cv2.imwrite(str(crops / "a.png"), pixels)
    target = tmp_path / "m.pt"
    done = run(weights, "-o", target, *settings(), "--calibrate", crops, "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)["result"]
    names = sorted(result["scales"])
    assert names[0] == "backbone.conv1.2"
    assert dict(load_checkpoint(target).scales) == result["scales"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["--set", "strides"], 2, "NM0001"),
        (["--set", "strides=4,2"], 2, "NM0001"),
        (["--mean", "a,b"], 2, "NM0001"),
        (["--mean", "1,2"], 1, "NM0115"),
        (["--set", "stride=[1]"], 1, "NM0111"),
        (["--architecture", "siamrpn"], 1, "NM0110"),
        (["--key-map", "backbone.conv5="], 1, "NM0117"),
    ],
)
def test_failures_in_json(
    weights: Path, tmp_path: Path, arguments: list[str], exit_code: int, code: str
) -> None:
    done = run(weights, "-o", tmp_path / "m.pt", *arguments, "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["diagnostics"][0]["code"]) == (exit_code, code)
    assert not (tmp_path / "m.pt").exists()


def test_unwritable_output(weights: Path, tmp_path: Path) -> None:
    done = run(weights, "-o", tmp_path / "no" / "m.pt", *settings(), "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["diagnostics"][0]["code"] == "NM0123"
