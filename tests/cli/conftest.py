"""A small model and its build, for all commands that read one and leave it as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmcompile.cli.main import run


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Only tests that ask for it may import torch.
    from support.checkpoints import tiny_checkpoint

    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt")


@pytest.fixture(scope="session")
def built(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("build") / "out"
    assert run(["build", str(model), "--target", "loihi", "-o", str(out), "-q"]) == 0
    return out
