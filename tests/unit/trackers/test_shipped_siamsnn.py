"""The shipped checkpoint: what is in it, and that it follows the shipped sequence."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmcompile.architectures.siamfc import SiamFC, SiamFCConfig
from nmcompile.datasets.sequence import open_sequence
from nmcompile.evaluation.ope import evaluate, static_boxes
from nmcompile.trackers.siamfc import SiamFCParams, track
from nmcompile.trackers.torch_engine import TorchEngine

pytestmark = pytest.mark.torch

FOLDER = Path(__file__).resolve().parents[3] / "models" / "siamsnn"


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Any]:
    """The checkpoint, loaded without running anything from it."""
    loaded: dict[str, Any] = torch.load(FOLDER / "siamsnn.pt", "cpu", weights_only=True)
    return loaded


@pytest.fixture(scope="module")
def engine(checkpoint: dict[str, Any]) -> TorchEngine:
    """Its float network."""
    model = SiamFC(SiamFCConfig.from_mapping(checkpoint["config"]))
    model.load_state_dict(checkpoint["state_dict"], strict=True)
    how = checkpoint["preprocess"]
    return TorchEngine(model, how["mean"], how["std"])


def test_contents(checkpoint: dict[str, Any]) -> None:
    """Tensors and JSON types only, with everything that a build needs."""
    assert (checkpoint["format"], checkpoint["version"]) == ("nmcompile", 1)
    assert checkpoint["architecture"] == "siamfc"
    images = checkpoint["calibration"]["images"]
    assert images.dtype == torch.uint8
    assert images.shape[1:] == (255, 255, 3)
    for part in ("config", "preprocess", "tracker"):
        json.dumps(checkpoint[part])
    assert all(torch.isfinite(v).all() for v in checkpoint["state_dict"].values())
    SiamFCParams.from_mapping(checkpoint["tracker"])


def test_the_checkpoint_is_small_enough_to_ship() -> None:
    assert (FOLDER / "siamsnn.pt").stat().st_size < 2_000_000


def test_shipped_sequence_is_small_and_complete() -> None:
    """60 frames with a box each, under 700 kB."""
    sequence = open_sequence(FOLDER / "sequence")
    assert sequence.boxes is not None
    assert len(sequence) == len(sequence.annotated()) == 60
    assert sequence.frames[0].shape == (240, 320, 3)
    assert sum(p.stat().st_size for p in (FOLDER / "sequence").rglob("*.*")) < 700_000


def test_float_network_follows_the_shipped_sequence(
    checkpoint: dict[str, Any], engine: TorchEngine
) -> None:
    """Well above the box that never moves."""
    sequence = open_sequence(FOLDER / "sequence")
    assert sequence.boxes is not None
    params = SiamFCParams.from_mapping(checkpoint["tracker"])
    found = np.array(list(track(engine, params, sequence, sequence.boxes[0])))
    still = evaluate(static_boxes(sequence.boxes), sequence.boxes)
    result = evaluate(found, sequence.boxes)
    assert result.mean_iou > still.mean_iou + 0.3
    assert result.precision_20px > 0.8


def test_activity_is_sparse(checkpoint: dict[str, Any], engine: TorchEngine) -> None:
    """Layer by layer, at the checkpoint's scales, the activity is what the card says."""
    card = tomllib.loads((FOLDER / "card.toml").read_text(encoding="utf-8"))
    scales = checkpoint["calibration"]["scales"]
    crops = checkpoint["calibration"]["images"].permute(0, 3, 1, 2).float()
    how = checkpoint["preprocess"]
    values = (crops - how["mean"][0]) / how["std"][0]
    with torch.inference_mode():
        for name, layer in engine.model.backbone.named_children():
            values = layer(values)
            rate = float((values / scales[f"backbone.{name}.2"]).clamp(max=1.0).mean())
            assert rate == pytest.approx(card["activity"][name], abs=0.003)
