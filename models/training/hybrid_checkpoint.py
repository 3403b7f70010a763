"""The results of both DashNet trainings as one checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from nmcompile.architectures.dashnet import Ann, DashNet, DashNetConfig
from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint
from nmcompile.ir.program import Preprocess
from nmcompile.trackers.dashnet.params import HybridParams
from training.hybrid_pairs import WHITE, Pool
from training.hybrid_trainer import answers

CALIBRATION_VIEWS = 16
PERCENTILE = 99.9
"""Of an activation's positive values: what an 8-bit activation has to hold."""


def write(
    config: DashNetConfig, tracker: HybridParams, states: Path, held_out: Pool, path: Path
) -> None:
    """Write a checkpoint of the weights that did best, taking pixels 0..255 as they are.

    Args:
        config: shape of the networks. tracker: hyperparameters of the loop around them.
        states: folder with `ann.state` and `snn.state`.
        held_out: examples on which the ANN's activation scales are measured.
        path: file.
    """
    module = DashNet(config)
    for name, net in (("ann", module.ann), ("snn", module.snn)):
        _, best = torch.load(states / f"{name}.state", weights_only=True)["best"]
        net.load_state_dict(best)
    levels = scales(module.ann, held_out)
    state = {k: v.detach().clone().contiguous() for k, v in module.state_dict().items()}
    state["ann.conv1.weight"] /= WHITE
    made = Checkpoint(
        architecture="dashnet",
        config=config.to_mapping(),
        state={k: v.numpy() for k, v in state.items()},
        preprocess=Preprocess("gray", 255.0, (0.0,), (1.0,)),
        scales=tuple(sorted(levels.items())),
        images=views(held_out),
        tracker=asdict(tracker),
        recipe={"ann": ["ann"]},
    )
    save_checkpoint(made, path)


def views(held_out: Pool) -> npt.NDArray[np.uint8]:
    """Some views as pictures `(N, S, S, 3)`, for whoever calibrates anew."""
    images, _ = held_out.all_frames()
    grey = (images[:CALIBRATION_VIEWS, 0] * WHITE).round().numpy().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3)


@torch.no_grad()
def scales(ann: Ann, held_out: Pool) -> dict[str, float]:
    """The largest usual activation behind every ReLU, under the names of the float program."""
    kept: list[npt.NDArray[np.float32]] = []

    def keep(_: nn.Module, __: object, output: torch.Tensor) -> None:
        kept.append(torch.relu(output).numpy().ravel())

    names = [name for name, _ in ann.named_children() if name != "fc2"]
    hooks = [ann.layer(name).register_forward_hook(keep) for name in names]
    answers(ann, held_out.all_frames()[0])
    for hook in hooks:
        hook.remove()
    found = {}
    for number, values in enumerate(kept):
        name = "ann:relu" if number == 0 else f"ann:relu_{number}"
        found[name] = float(f"{np.percentile(values[values > 0], PERCENTILE):.6g}")
    return found
