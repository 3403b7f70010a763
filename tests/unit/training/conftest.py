"""The training scripts' modules live beside the models, not in the package."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[3] / "models"


@pytest.fixture(autouse=True)
def _models_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the scripts themselves do it."""
    monkeypatch.syspath_prepend(str(MODELS))
    assert str(MODELS) in sys.path
