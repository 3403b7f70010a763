"""Model cards: read, checked against the checkpoint, refused when wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from nmcompile import models
from nmcompile.diagnostics import NmError

CARD = """
name = "toy"
title = "a toy"
checkpoint = "toy.pt"
sha256 = "{digest}"
architecture = "siamfc"
timesteps = 8
licence = "Apache-2.0"
origin = "made up"
targets = ["loihi2"]

[[accuracy]]
data = "nothing"
metric = "mean IoU"
level = "float"
value = 0.5
"""


@pytest.fixture(name="shelf")
def _shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "models_dir", lambda: tmp_path)
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "toy.pt").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    (folder / "card.toml").write_text(CARD.format(digest=digest), encoding="utf-8")
    return tmp_path


def test_card(shelf: Path) -> None:
    assert models.model_names() == ("toy",)
    card = models.model_card("toy")
    assert card.checkpoint_path == shelf / "toy" / "toy.pt"
    assert card.accuracy[0].value == 0.5
    assert card.problem() == ""


def test_a_changed_checkpoint_is_noticed(shelf: Path) -> None:
    (shelf / "toy" / "toy.pt").write_bytes(b"other weights")
    assert "not the one" in models.model_card("toy").problem()
    (shelf / "toy" / "toy.pt").unlink()
    assert "missing" in models.model_card("toy").problem()


def test_a_wrong_card_points_at_the_line(shelf: Path) -> None:
    card = shelf / "toy" / "card.toml"
    card.write_text(card.read_text(encoding="utf-8").replace("licence", "license"), "utf-8")
    with pytest.raises(NmError) as caught:
        models.model_card("toy")
    unknown = next(d for d in caught.value.diagnostics if d.code == "NM0603")
    assert unknown.where == "models/toy/card.toml:8:1"
    assert "licence" in unknown.help[0]


@pytest.mark.usefixtures("shelf")
def test_unknown_model() -> None:
    with pytest.raises(NmError) as caught:
        models.model_card("toi")
    assert caught.value.codes == ("NM0611",)


@pytest.mark.parametrize("name", models.model_names())
def test_shipped_card_matches_its_checkpoint(name: str) -> None:
    assert models.model_card(name).problem() == ""
