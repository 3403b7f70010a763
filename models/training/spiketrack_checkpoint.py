"""SpikeTrack's training result as a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch

from nmcompile.architectures.spiketrack.config import SpikeTrackConfig
from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint
from nmcompile.ir.program import Preprocess
from training.spiketrack_pairs import calibration
from training.spiketrack_trainer import MEAN, STD, State

TRACKER: Final = {"size_rate": 0.1}
"""Chosen on films of held-out pictures (`compare.py`), not on real ones; else as published."""


def write(config: SpikeTrackConfig, state: State, path: Path) -> None:
    """Write a checkpoint of weights that a thawed network was frozen into.

    Its few search crops are for whoever counts spikes; neurons of this kind need no calibration.
    """
    crops = calibration(config.size)
    made = Checkpoint(
        architecture="spiketrack",
        config=config.to_mapping(),
        state={k: v.detach().contiguous().numpy() for k, v in state.items()},
        preprocess=Preprocess(channel_order="RGB", range=1.0, mean=MEAN, std=STD),
        images=crops.permute(0, 2, 3, 1).contiguous().numpy(),
        tracker=TRACKER,
    )
    save_checkpoint(made, path)


def start(path: Path) -> State:
    """The weights of a checkpoint or of a training's state, the best so far."""
    body = torch.load(path, map_location="cpu", weights_only=True)
    found: State = body["state_dict"] if "state_dict" in body else body["best"][1]
    return found
