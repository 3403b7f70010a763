"""A training's result as a checkpoint, and a checkpoint as a training's start."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from nmcompile.frontends.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.ir.program import Preprocess
from nmcompile.trackers.siamfc import SiamFCParams
from training.pairs import MEAN, STD

if TYPE_CHECKING:
    from training.trainer import Trainer

TRACKER = SiamFCParams()
"""Chosen on synthetic sequences from the held-out photographs, not on real ones."""


def write(trainer: Trainer, path: Path, images: torch.Tensor) -> None:
    """Write the checkpoint: float weights (ternary ones exactly so) and the trained levels.

    Args:
        trainer: the training.
        path: file.
        images: calibration crops (N, 3, H, W) uint8.
    """
    net = trainer.net
    config = replace(
        net.config,
        response_scale=float(trainer.log_scale.detach().exp()),
        response_bias=0.0,  # the same for every position and scale: it decides nothing
    )
    state = {k: v.detach().clone() for k, v in net.model.state_dict().items()}
    for index in range(net.config.layers):
        state[f"backbone.conv{index + 1}.0.weight"] = net.weight(index).detach().clone()
    levels = [float(f"{float(v):.6g}") for v in net.levels.detach()]
    names = _activations(trainer)
    made = Checkpoint(
        architecture="siamfc",
        config=config.to_mapping(),
        state={k: v.contiguous().numpy() for k, v in state.items()},
        preprocess=Preprocess(channel_order="RGB", range=255.0, mean=(MEAN,) * 3, std=(STD,) * 3),
        scales=tuple(sorted(zip(names, levels, strict=True))),
        images=images.permute(0, 2, 3, 1).contiguous().numpy(),
        tracker=asdict(TRACKER),
    )
    save_checkpoint(made, path)


def read_start(trainer: Trainer, path: Path) -> None:
    """Take weights, levels and the response's scale from a checkpoint of the same shape."""
    found = load_checkpoint(path)
    load_state(trainer.net.model, found)
    trainer.net.model.train()
    scale = found.config.get("response_scale")
    if isinstance(scale, float):
        trainer.log_scale.data.fill_(math.log(scale))
    scales = dict(found.scales)
    for index, name in enumerate(_activations(trainer)):
        if name in scales:
            trainer.net.levels.data[index] = scales[name]


def _activations(trainer: Trainer) -> list[str]:
    """Names of the ReLUs, which the levels belong to."""
    return [
        f"backbone.conv{i + 1}.{1 if trainer.net.parts(i)[1] is None else 2}"
        for i in range(trainer.net.config.layers)
    ]
