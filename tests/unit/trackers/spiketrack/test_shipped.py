"""The shipped SpikeTrack: what is in it, and that it follows an invented object."""

from __future__ import annotations

import numpy as np
import pytest

from nmcompile.architectures.spiketrack.network import build
from nmcompile.data import models_dir
from nmcompile.datasets.sequence import open_sequence
from nmcompile.evaluation.ope import evaluate, static_boxes
from nmcompile.frontends.checkpoint import load_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.trackers.spiketrack.loop import SpikeTracker
from nmcompile.trackers.spiketrack.torch_engine import TorchMemoryEngine, torch_params

pytestmark = pytest.mark.torch

FRAMES = 12
"""Enough for the object to leave its first place; longer, it is lost now and then."""


def test_float_network_follows_an_invented_object() -> None:
    """Well above the box that never moves."""
    path = models_dir() / "spiketrack" / "spiketrack.pt"
    assert path.stat().st_size < 4_000_000
    checkpoint = load_checkpoint(path)
    model = build(checkpoint.config)
    load_state(model, checkpoint)
    assert all(np.isfinite(v).all() for v in checkpoint.state.values())
    sequence = open_sequence(models_dir() / "siamsnn" / "sequence")
    assert sequence.boxes is not None
    first, *frames = (sequence.frames[i] for i in range(FRAMES))
    truth = sequence.boxes[:FRAMES]
    engine = TorchMemoryEngine(model, checkpoint.preprocess)
    params = torch_params(model, checkpoint.tracker)
    loop = SpikeTracker(engine, params, first, truth[0])
    found = np.stack([truth[0], *(loop.step(frame) for frame in frames)])
    still = evaluate(static_boxes(truth), truth)
    assert evaluate(found, truth).mean_iou > still.mean_iou + 0.2
