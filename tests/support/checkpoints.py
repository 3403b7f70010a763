"""A small Siamese checkpoint that builds in about a second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from nmcompile import architectures
from nmcompile.frontends.checkpoint import Checkpoint, save_checkpoint
from nmcompile.ir.program import Preprocess

CONFIG: dict[str, object] = {
    "channels": [4, 8, 8, 8, 4],
    "kernels": [5, 3, 3, 3, 3],
    "strides": [2, 2, 1, 1, 1],
    "groups": [1, 1, 2, 1, 1],
    "pools": [False] * 5,
    "batch_norm": [True] * 5,
    "relu": [True] * 5,
    "bn_eps": 1e-5,
    "exemplar_size": 47,
    "search_size": 79,
    "response_scale": 0.01,
    "response_bias": 0.0,
}


def tiny_checkpoint(
    path: Path, *, recipe: Mapping[str, object] | None = None, **changes: object
) -> Path:
    """Write the checkpoint, seeded, with a recipe; `changes` go into its configuration."""
    torch.manual_seed(0)
    config = {**CONFIG, **changes}
    module = architectures.build("siamfc", config)
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (2, 20, 20, 3)).astype(np.uint8)
    images = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :79, :79]
    checkpoint = Checkpoint(
        architecture="siamfc",
        config=config,
        state=state,
        preprocess=Preprocess("RGB", 255.0, (127.5,) * 3, (64.0,) * 3),
        scales=(),
        images=np.ascontiguousarray(images),
        tracker={"response_size": 5, "total_stride": 4, "upsampled_size": 40},
        recipe=recipe or {},
    )
    save_checkpoint(checkpoint, path)
    return path
