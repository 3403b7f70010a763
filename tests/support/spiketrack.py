"""Small SpikeTracks with lively random weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nmcompile.architectures.spiketrack.config import SpikeTrackConfig
from nmcompile.architectures.spiketrack.network import SpikeTrack
from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir.program import Preprocess, Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager

TINY = SpikeTrackConfig(channels=(8, 8, 16, 16), blocks=(1, 1), head_width=8, size=32)
IMAGENET = Preprocess("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
Maps = npt.NDArray[Any]


def lively(config: SpikeTrackConfig, seed: int = 0) -> SpikeTrack:
    """A network whose neurons fire at every depth: positive biases behind all normalisations."""
    torch.manual_seed(seed)
    module = SpikeTrack(config).double().eval()
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if not value.is_floating_point():
                continue
            noise = torch.randn(value.shape, dtype=torch.float64)
            if name.endswith("running_var"):
                value.copy_(0.5 + noise.abs())
            elif name.endswith("running_mean"):
                value.copy_(0.1 * noise)
            elif "bn.weight" in name:
                value.copy_(1.0 + 0.2 * noise)
            elif "bn.bias" in name:
                value.copy_(0.6 + 0.5 * noise)
            elif "theta" in name or "positions" in name:
                value.add_(0.3 * noise)
            elif value.ndim > 1:
                value.mul_(2.0)
    return module


def checkpoint(module: SpikeTrack, seed: int = 0) -> Checkpoint:
    """With calibration images, channels last."""
    state = {k: v.contiguous().numpy() for k, v in module.state_dict().items()}
    return Checkpoint(
        architecture="spiketrack",
        config=module.config.to_mapping(),
        state=state,
        preprocess=IMAGENET,
        scales=(),
        images=np.ascontiguousarray(crops(module.config.size, 4, seed).transpose(0, 2, 3, 1)),
        tracker={},
    )


def tiny_spiketrack(path: Path, *, steps: int = 1, seed: int = 0) -> Path:
    """A checkpoint file."""
    module = lively(dataclasses.replace(TINY, steps=steps), seed)
    save_checkpoint(checkpoint(module.float(), seed), path)
    return path


def program_of(module: SpikeTrack) -> Program:
    """Float level."""
    return checkpoint_to_program(checkpoint(module), "spiketrack")


def integer_program(program: Program) -> Program:
    """Preprocessing folded, streams and weights integers."""
    passes = (*pipelines.FLOAT, *pipelines.SPIKING, *pipelines.INTEGER)
    return PassManager(passes).run(program, PassContext(timesteps=1))


def crops(size: int, count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """`(count, 3, size, size)` smooth images."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 3, size // 8, size // 8)).astype(np.uint8)
    return coarse.repeat(8, axis=2).repeat(8, axis=3)
