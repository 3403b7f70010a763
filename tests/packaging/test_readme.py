"""The README's commands and Python run as they stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Setting up is what ran this test; Lava has its own tests and takes longest.
SKIPPED = ("make setup", "--engine lava", "doctor")

pytestmark = [pytest.mark.slow, pytest.mark.torch]


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    for name in ("models", "targets"):
        (path / name).symlink_to(ROOT / name)
    return path


def test_console_lines_run(folder: Path) -> None:
    lines = [line[2:] for line in block("console").splitlines() if line.startswith("$ ")]
    assert len(lines) == 16
    for line in lines:
        if any(text in line for text in SKIPPED):
            continue
        _, *arguments = shlex.split(line)
        done = subprocess.run(
            [sys.executable, "-m", "nmcompile", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert (folder / "report.html").stat().st_size > 20_000
    assert (folder / "tracked" / "track.mp4").stat().st_size > 1_000


def test_python_lines_run(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("python")], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    cores, sops = (int(line) for line in done.stdout.split())
    assert cores > 10
    assert sops > 1_000_000
