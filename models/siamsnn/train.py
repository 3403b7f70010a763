"""Train the shipped spiking Siamese tracker from nothing, on a CPU.

    python models/siamsnn/train.py --minutes 55 --seed 0 --out models/siamsnn/siamsnn.pt

Pairs are rendered on the fly from the photographs in `photos.py` (needs scikit-image and
scikit-learn, for their pictures only). The last third trains what the spiking network will
compute: activations clipped at a learnt level and rounded to T = 16 steps, with a
straight-through gradient (as QCFS, Bu et al., ICLR 2022); batch normalisation is frozen then.
The checkpoint is rewritten every minute; the last one is the result.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import photos
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from nmcompile.architectures.siamfc import LAYERS, SiamFC, SiamFCConfig
from nmcompile.datasets.synthetic import PairRenderer, collage
from nmcompile.trackers.siamfc import SiamFCParams

LOG = logging.getLogger("train")
TIMESTEPS = 16
MEAN, STD = 127.5, 64.0
BATCH = 16
PEAK_LR = 2e-3
QUANTISE_FROM = 0.66  # part of the time after which the spiking network's arithmetic is trained
# Cost of a spike of conv1..conv5 in synaptic operations, relative to conv1's layer total.
RATE_WEIGHTS = (1.0, 0.65, 0.57, 0.24, 0.06)
RATE_PENALTY = 0.15
OVERFLOW_PENALTY = 0.02
COLLAGES = 32
VALIDATION_PAIRS = 256
CALIBRATION_CROPS = 6
SCALE_PERCENTILE = 99.0
# Chosen on synthetic sequences from the held-out photographs (see README.md), not on real ones.
TRACKER = SiamFCParams()


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Pairs(IterableDataset[Batch]):
    """Endless batches of rendered pairs, one stream per worker."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng((self.seed, info.id if info else 0))
        pictures = list(photos.load(photos.TRAINING).values())
        scenes = [collage(pictures, rng) for _ in range(COLLAGES)]
        renderer = PairRenderer(pictures + pictures + scenes)
        while True:
            yield render_batch(renderer, rng, BATCH)


def render_batch(renderer: PairRenderer, rng: np.random.Generator, count: int) -> Batch:
    """Exemplars and search crops (N, 3, H, W) uint8, offsets (N, 2) pixels."""
    pairs = [renderer.render(rng) for _ in range(count)]
    z = torch.from_numpy(np.stack([p.exemplar for p in pairs])).permute(0, 3, 1, 2)
    x = torch.from_numpy(np.stack([p.search for p in pairs])).permute(0, 3, 1, 2)
    return z, x, torch.tensor([p.offset for p in pairs])


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


class SpikingRelu(nn.Module):
    """What an integrate-and-fire population of T steps passes on, differentiably.

    Holds the clipping level of one layer and, as statistics, its rate and its overflow.
    """

    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.tensor(1.0))
        self.active = False
        self.rate = torch.tensor(0.0)
        self.overflow = torch.tensor(0.0)

    def observe(self, values: torch.Tensor) -> None:
        """Follow the 99.5th percentile of the non-zero activations (before quantisation)."""
        sample = values.detach().flatten()[:: max(1, values.numel() // 20000)]
        sample = sample[sample > 0].float()
        if sample.numel() > 100:
            self.level.data.lerp_(torch.quantile(sample, 0.995), 0.1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.training:
            if not self.active:
                self.observe(values)
            level = self.level.detach()
            self.rate = values.mean() / level
            self.overflow = functional.relu(values[::4] - level).mean() / level
        if not self.active:
            return values
        scaled = (values / self.level).clamp(0.0, 1.0) * TIMESTEPS
        # Uneven arrival of spikes costs about a third of a spike; without dither in evaluation.
        dither = (torch.rand_like(scaled) - 0.5) * 0.6 if self.training else 0.0
        counts = (scaled + dither).round().clamp(0.0, TIMESTEPS)
        return (scaled + (counts - scaled).detach()) * (self.level / TIMESTEPS)


class Trainer:
    """The network, its spiking stand-ins for the ReLUs, the response's scale, the optimiser."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.config = SiamFCConfig()
        self.model = SiamFC(replace(self.config, response_scale=1.0))
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.relus = [SpikingRelu() for _ in range(LAYERS)]
        for index, relu in enumerate(self.relus):
            layer = self.model.backbone.get_submodule(f"conv{index + 1}")
            layer.register_forward_hook(lambda _m, _i, output, relu=relu: relu(output))
        self.log_scale = nn.Parameter(torch.tensor(math.log(3e-3)))
        self.bias = nn.Parameter(torch.tensor(-1.0))
        weights = [p for p in self.model.parameters() if p.ndim > 1]
        others = [p for p in self.model.parameters() if p.ndim == 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": weights, "weight_decay": 0.02},
                {"params": [*others, self.log_scale, self.bias], "weight_decay": 0.0},
                {"params": [relu.level for relu in self.relus], "weight_decay": 0.0},
            ],
            lr=PEAK_LR,
        )
        self.quantised = False

    def quantise(self) -> None:
        """Switch to the spiking network's arithmetic; freeze batch normalisation."""
        self.quantised = True
        for relu in self.relus:
            relu.active = True

    def train_mode(self) -> None:
        self.model.train()
        for relu in self.relus:
            relu.train()
        if self.quantised:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def responses(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Logits of every exemplar in every search crop: (search, exemplar, h, w)."""
        fz = self.model.features(normalise(z))
        fx = self.model.features(normalise(x))
        return functional.conv2d(fx, fz) * self.log_scale.exp() + self.bias

    def step(self, z: torch.Tensor, x: torch.Tensor, offsets: torch.Tensor, done: float) -> float:
        """One update; `done` is the part of the time that has passed."""
        warm = min(1.0, done / 0.01)
        rate = PEAK_LR * warm * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Half precision is half again as fast; the last third is exact, as what it trains must be.
        with torch.autocast("cpu", torch.bfloat16, enabled=not self.quantised):
            every = self.responses(z, x).float()
        count = z.shape[0]
        own = torch.arange(count)
        logits = every[own, own]
        target = labels(offsets, self.config)
        positive = (target * functional.softplus(-logits)).sum((1, 2)) / target.sum((1, 2))
        rest = 1.0 - target
        negative = (rest * functional.softplus(logits)).sum((1, 2)) / rest.sum((1, 2))
        foreign = functional.softplus(every[~torch.eye(count, dtype=torch.bool)]).mean()
        loss = 0.5 * (positive + negative).mean() + 0.25 * foreign
        penalty = RATE_PENALTY * min(1.0, done / 0.3)
        total = loss
        for relu, weight in zip(self.relus, RATE_WEIGHTS, strict=True):
            total = total + penalty * weight * relu.rate + OVERFLOW_PENALTY * relu.overflow
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        return float(loss.detach())

    def validate(self, z: torch.Tensor, x: torch.Tensor, offsets: torch.Tensor) -> dict[str, float]:
        """Share of pairs whose highest response is within 16 pixels of the object, mean error."""
        self.model.eval()
        for relu in self.relus:
            relu.eval()
        errors = []
        grid = (np.arange(self.config.response_size) - (self.config.response_size - 1) / 2) * 8
        with torch.no_grad():
            for first in range(0, len(z), BATCH):
                part = slice(first, first + BATCH)
                every = self.responses(z[part], x[part])
                for index in range(every.shape[0]):
                    flat = int(every[index, index].argmax())
                    row, column = divmod(flat, self.config.response_size)
                    dx = grid[column] - float(offsets[first + index, 0])
                    dy = grid[row] - float(offsets[first + index, 1])
                    errors.append(math.hypot(dx, dy))
        self.train_mode()
        near = np.array(errors) <= 16.0
        return {"hit16": float(near.mean()), "mean_error_px": float(np.mean(errors))}

    def scales(self, images: torch.Tensor) -> dict[str, float]:
        """Activation that one spike per timestep stands for: a percentile of the non-zero ones.

        Lower than the usual 99.9: at T = 16 the many small activations matter more than the few
        that saturate.
        """
        self.model.eval()
        values = normalise(images)
        levels = {}
        with torch.no_grad():
            for name, module in self.model.backbone.named_modules():
                if isinstance(module, nn.Conv2d | nn.BatchNorm2d | nn.ReLU):
                    values = module(values)  # not the layer: that has the spiking stand-in
                if isinstance(module, nn.ReLU):
                    level = np.percentile(values[values > 0].numpy(), SCALE_PERCENTILE)
                    levels[f"backbone.{name}"] = float(f"{level:.6g}")
        self.train_mode()
        return levels

    def save(self, path: Path, images: torch.Tensor) -> None:
        """Write the checkpoint: tensors and JSON types only, in one move."""
        config = replace(
            self.config,
            response_scale=float(self.log_scale.detach().exp()),
            response_bias=0.0,  # the same for every position and scale: it decides nothing
        )
        state = {k: v.detach().clone().contiguous() for k, v in self.model.state_dict().items()}
        checkpoint = {
            "format": "nmcompile",
            "version": 1,
            "architecture": "siamfc",
            "config": config.to_mapping(),
            "state_dict": state,
            "preprocess": {
                "channel_order": "RGB",
                "range": 255,
                "mean": [MEAN] * 3,
                "std": [STD] * 3,
            },
            "calibration": {
                "images": images.permute(0, 2, 3, 1).contiguous(),
                "scales": self.scales(images),
            },
            "tracker": asdict(TRACKER),
        }
        part = path.with_suffix(".part")
        torch.save(checkpoint, part)
        os.replace(part, path)


def main() -> None:
    """Train for the given time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=55.0, help="time to train (default 55)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and pairs")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # its threads do not survive the fork of the renderer
    held = PairRenderer(list(photos.load(photos.HELD_OUT).values()))
    check = render_batch(held, np.random.default_rng(1), VALIDATION_PAIRS)
    calibration = render_batch(
        PairRenderer(list(photos.load(photos.TRAINING).values())),
        np.random.default_rng(2),
        CALIBRATION_CROPS,
    )[1]
    trainer = Trainer(args.seed)
    trainer.train_mode()
    start = saved = checked = time.monotonic()
    running = 0.0
    batches = DataLoader(Pairs(args.seed), batch_size=None, num_workers=1, prefetch_factor=8)
    for number, (z, x, offsets) in enumerate(batches):
        now = time.monotonic()
        done = (now - start) / (60.0 * args.minutes)
        if done >= 1.0:
            break
        if done >= QUANTISE_FROM and not trainer.quantised:
            LOG.info("levels %s", [round(float(r.level.detach()), 3) for r in trainer.relus])
            trainer.quantise()
            trainer.train_mode()
        loss = trainer.step(z, x, offsets, done)
        running = loss if number == 0 else 0.99 * running + 0.01 * loss
        if now - saved > 60.0:
            trainer.save(args.out, calibration)
            saved = now
        if now - checked > 120.0:
            checked = now
            report(trainer, check, number, done, running)
    report(trainer, check, number, 1.0, running)
    trainer.save(args.out, calibration)


def report(trainer: Trainer, check: Batch, number: int, done: float, loss: float) -> None:
    """Log progress: loss, held-out accuracy, mean rates of the layers."""
    result = trainer.validate(*check)
    LOG.info(
        "batch %d done %.2f loss %.3f hit16 %.3f error %.1f scale %.4f bias %.2f rates %s",
        number,
        done,
        loss,
        result["hit16"],
        result["mean_error_px"],
        float(trainer.log_scale.detach().exp()),
        float(trainer.bias.detach()),
        [round(float(r.rate.detach()), 3) for r in trainer.relus],
    )


if __name__ == "__main__":
    main()
