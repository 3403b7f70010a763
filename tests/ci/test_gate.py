"""The script that pipelines call, end to end: a model that costs more fails and says where."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.checkpoints import tiny_checkpoint

SCRIPT = Path(__file__).resolve().parents[2] / "ci" / "gate.sh"
LIMITS = '[all]\nenergy_per_frame_j = { max_regression = "2 %" }\n'
pytestmark = pytest.mark.torch


def gate(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    programs = Path(sys.executable).parent
    return subprocess.run(
        ["bash", str(SCRIPT)],
        cwd=folder,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", **settings},
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_more_energy_fails_and_names_the_layer(tmp_path: Path) -> None:
    model, summary = tmp_path / "model.pt", tmp_path / "summary.md"
    (tmp_path / "budgets.toml").write_text(LIMITS, encoding="utf-8")
    tiny_checkpoint(model)
    first = gate(tmp_path, NM_MODEL="model.pt", NM_OUT="first")
    # nothing is accepted yet: a warning, no failure
    assert first.returncode == 0, first.stderr
    assert "NM0802" in first.stderr
    nmcompile = [sys.executable, "-m", "nmcompile", "budget", "first/build", "--update"]
    subprocess.run(nmcompile, cwd=tmp_path, check=True, capture_output=True)

    tiny_checkpoint(model, channels=[4, 8, 8, 12, 4])
    second = gate(tmp_path, NM_MODEL="model.pt", NM_OUT="second", GITHUB_STEP_SUMMARY=str(summary))
    assert second.returncode == 4, second.stderr
    assert "NM0801" in second.stderr
    assert "another model file" in second.stderr
    rise = json.loads((tmp_path / "second/build/report.json").read_text())["energy"]["total"]
    base = json.loads((tmp_path / "first/build/report.json").read_text())["energy"]["total"]
    assert rise["value"] > 1.02 * base["value"]
    named = next(line for line in second.stderr.splitlines() if "layer search" in line)
    assert "backbone.conv4" in named
    for file in (summary, tmp_path / "second/budget.md"):
        assert "backbone.conv4" in file.read_text(encoding="utf-8")
    assert "<failure" in (tmp_path / "second/junit.xml").read_text(encoding="utf-8")
    assert (tmp_path / "second/report.html").is_file()


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"NM_MODEL": "missing.pt"}, 1), ({"NM_MODEL": "model.pt", "NM_TARGET": "nothing"}, 1)],
)
def test_what_fails_first_is_the_exit_code(
    tmp_path: Path, settings: dict[str, str], code: int
) -> None:
    (tmp_path / "model.pt").write_bytes(b"not a model")
    (tmp_path / "budgets.toml").write_text(LIMITS, encoding="utf-8")
    assert gate(tmp_path, **settings).returncode == code
