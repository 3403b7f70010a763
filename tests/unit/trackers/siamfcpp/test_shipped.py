"""The shipped SiamFC++ networks: complete, small, and above the box that never moves."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from nmcompile.data import models_dir
from nmcompile.datasets.sequence import open_sequence
from nmcompile.evaluation.restart import follow_segments, score_segments
from nmcompile.frontends.checkpoint import Checkpoint, load_checkpoint

pytestmark = pytest.mark.torch

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]
SEGMENT = 15
"""Frames from one true box to the next: the small networks lose the whole sequence."""
MODELS = {"s4": 1, "s4-truenorth": 1, "spiking-siamfcpp": 3}


def shipped(name: str) -> tuple[Checkpoint, dict[str, Any]]:
    """Checkpoint and card."""
    folder = models_dir() / name
    card = tomllib.loads((folder / "card.toml").read_text(encoding="utf-8"))
    return load_checkpoint(folder / f"{name}.pt"), card


@pytest.mark.parametrize(("name", "timesteps"), MODELS.items())
def test_contents(name: str, timesteps: int) -> None:
    checkpoint, card = shipped(name)
    assert checkpoint.architecture == card["architecture"] == "siamfcpp"
    assert checkpoint.config["timesteps"] == card["timesteps"] == timesteps
    assert checkpoint.images is not None
    assert checkpoint.images.shape[1:] == (207, 207, 3)
    assert all(np.isfinite(v).all() for v in checkpoint.state.values())
    json.dumps(dict(checkpoint.tracker))
    assert (models_dir() / name / f"{name}.pt").stat().st_size < 1_200_000


@pytest.mark.parametrize("name", MODELS)
def test_float_network_follows_parts_of_the_demonstration_sequence(name: str) -> None:
    from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig
    from nmcompile.frontends.checkpoint_module import load_state
    from nmcompile.trackers.siamfcpp.loop import SiamFCppTracker
    from nmcompile.trackers.siamfcpp.torch_engine import TorchMapsEngine, torch_params

    checkpoint, _ = shipped(name)
    model = SiamFCpp(SiamFCppConfig.from_mapping(checkpoint.config))
    load_state(model, checkpoint)
    engine = TorchMapsEngine(model, checkpoint.preprocess.mean, checkpoint.preprocess.std)
    params = torch_params(model, dict(checkpoint.tracker))
    sequence = open_sequence(models_dir() / "siamsnn" / "sequence")
    assert sequence.boxes is not None

    def start(image: Image, box: Boxes) -> Callable[[Image], Boxes]:
        return SiamFCppTracker(engine, params, image, box.tolist()).step

    def still(_: Image, box: Boxes) -> Callable[[Image], Boxes]:
        return lambda _: box

    means = []
    for way in (start, still):
        found = follow_segments(way, sequence.frames, sequence.boxes, SEGMENT)
        scores = score_segments(found, sequence.boxes, SEGMENT)
        means.append(np.mean([score.mean_iou for score in scores]))
    assert means[0] > means[1] + 0.1
