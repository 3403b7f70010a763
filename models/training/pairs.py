"""Batches of rendered training pairs, and what the response to them should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import photos
import torch
from torch.utils.data import IterableDataset

from nmcompile.architectures.siamfc import SiamFCConfig
from nmcompile.datasets.synthetic import PairRenderer, collage

MEAN, STD = 127.5, 64.0
COLLAGES: Final = 48
CALIBRATION_CROPS: Final = 6
CALIBRATION_LICENCES: Final = ("CC0", "public domain", "CC BY ")

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Pairs(IterableDataset[Batch]):
    """Endless batches of rendered pairs, one stream per worker.

    Args:
        seed: of everything random.
        count: pairs per batch.
        fetched: folder of the fetched pictures, or None for the installed ones alone.
    """

    def __init__(self, seed: int, count: int, fetched: Path | None) -> None:
        self.seed = seed
        self.count = count
        self.fetched = fetched

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng((self.seed, info.id if info else 0))
        pictures = photos.flat(photos.TRAINING, self.fetched)
        scenes = [collage(pictures, rng) for _ in range(COLLAGES)]
        # as many views of photographs as of collages, or more
        renderer = PairRenderer(pictures * max(1, round(COLLAGES / len(pictures))) + scenes)
        while True:
            yield render_batch(renderer, rng, self.count)


def render_batch(renderer: PairRenderer, rng: np.random.Generator, count: int) -> Batch:
    """Exemplars and search crops (N, 3, H, W) uint8, offsets (N, 2) pixels."""
    pairs = [renderer.render(rng) for _ in range(count)]
    z = torch.from_numpy(np.stack([p.exemplar for p in pairs])).permute(0, 3, 1, 2)
    x = torch.from_numpy(np.stack([p.search for p in pairs])).permute(0, 3, 1, 2)
    return z, x, torch.tensor([p.offset for p in pairs])


def held_out(count: int) -> Batch:
    """Pairs from photographs that training never sees, always the same."""
    renderer = PairRenderer(photos.flat(photos.HELD_OUT))
    return render_batch(renderer, np.random.default_rng(1), count)


def calibration() -> torch.Tensor:
    """Search crops (N, 3, H, W) uint8 that may be passed on: from photographs free to copy."""
    free = [p for p in photos.INSTALLED if p.licence.startswith(CALIBRATION_LICENCES)]
    renderer = PairRenderer(photos.flat(free))
    return render_batch(renderer, np.random.default_rng(2), CALIBRATION_CROPS)[1]


def normalise(crops: torch.Tensor) -> torch.Tensor:
    """Uint8 crops (NHWC in memory) to the network's input."""
    return (crops.float() - MEAN) / STD


def labels(offsets: torch.Tensor, config: SiamFCConfig) -> torch.Tensor:
    """Soft labels (N, h, w): 1 within 8 pixels of the object, 0 beyond 24, 1/2 at 16."""
    size = config.response_size
    grid = (torch.arange(size) - (size - 1) / 2) * config.total_stride
    dx = grid[None, None, :] - offsets[:, 0, None, None]
    dy = grid[None, :, None] - offsets[:, 1, None, None]
    return (1.5 - torch.sqrt(dx * dx + dy * dy) / 16.0).clamp(0.0, 1.0)
