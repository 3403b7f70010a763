"""The training loop of the shipped trackers, limited by time.

Three phases: float weights and activations; ternary weights (if any layer has them); the spiking
network itself, simulated step by step with a number of timesteps drawn for every batch.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from nmcompile.architectures.siamfc import SiamFCConfig
from training import levels, losses
from training.checkpoint import read_start, write
from training.network import Activity, TrainedSiamFC
from training.pairs import Batch, Pairs, calibration, held_out, labels, normalise
from training.teacher import Teacher

LOG = logging.getLogger("train")
OVERFLOW_PENALTY = 0.02
VALIDATION_PAIRS = 256
LEVEL_RATE = 10.0  # levels are few, large and late
LEVEL_PAIRS = 16
LEVEL_STEPS = (5, 10, 20)
NEAR_PIXELS = 16.0
FIDELITY_STEPS = (5, 10, 20)


@dataclass(frozen=True)
class Settings:
    """One training.

    Attributes:
        config: shape of the network.
        weight_bits: of every layer, sign included; 2 is ternary.
        minutes: wall-clock time.
        ternary_from: part of the time after which narrow weights are ternary.
        spiking_from: part of the time after which the spiking network is trained.
        out: checkpoint to write.
        start: checkpoint to start from, or None.
        teacher: weights of a tracker to imitate, or None.
        fetched: folder of fetched pictures, or None.
        seed: of weights and pairs.
        rate: peak learning rate.
        batch: pairs per update.
        timesteps: smallest and largest T of a batch.
        simulated: share of the spiking batches that are simulated step by step.
        card_timesteps: T that `operations` refers to.
        operations: synaptic operations of one search crop, above which rates are penalised.
        sparsity: weight of that penalty.
        fidelity: weight of 1 - correlation with the float network.
        imitation: weight of 1 - correlation with the teacher.
    """

    config: SiamFCConfig
    weight_bits: tuple[int, ...]
    minutes: float
    ternary_from: float
    spiking_from: float
    out: Path
    start: Path | None = None
    teacher: Path | None = None
    fetched: Path | None = None
    seed: int = 0
    rate: float = 2e-3
    batch: int = 16
    timesteps: tuple[int, int] = (5, 20)
    simulated: float = 0.35
    card_timesteps: int = 16
    operations: float = 80e6
    sparsity: float = 0.3
    fidelity: float = 2.0
    imitation: float = 2.0


def train(settings: Settings) -> None:
    """Train for the given time, writing the checkpoint every minute."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(0)  # its threads do not survive the fork of the renderer
    trainer = Trainer(settings)
    check, images = held_out(VALIDATION_PAIRS), calibration()
    pairs = Pairs(settings.seed, settings.batch, settings.fetched)
    batches = DataLoader(pairs, batch_size=None, num_workers=1, prefetch_factor=6)
    start = saved = time.monotonic()
    checked, running = 0.0, 0.0
    for number, batch in enumerate(batches):
        now = time.monotonic()
        done = (now - start) / (60.0 * settings.minutes)
        if done >= 1.0:
            break
        trainer.enter(done, batch)
        loss = trainer.step(batch, done)
        running = loss if number == 0 else 0.99 * running + 0.01 * loss
        if now - saved > 60.0:
            write(trainer, settings.out, images)
            saved = now
        if now - checked > 240.0:
            LOG.info("batch %d done %.2f loss %.3f %s", number, done, running, trainer.told(check))
            checked = now
    trainer.enter(1.0, batch)  # the levels are chosen even when no spikes were trained
    LOG.info("batch %d done %.2f loss %.3f %s", number, 1.0, running, trainer.told(check))
    write(trainer, settings.out, images)


class Trainer:
    """The network, the response's scale, the optimiser."""

    def __init__(self, settings: Settings) -> None:
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.rng = np.random.default_rng((settings.seed, 7))
        config = replace(settings.config, response_scale=1.0, response_bias=0.0)
        self.net = TrainedSiamFC(config, settings.weight_bits)
        self.log_scale = nn.Parameter(torch.tensor(math.log(3e-3)))
        self.bias = nn.Parameter(torch.tensor(-1.0))
        if settings.start is not None:
            read_start(self, settings.start)
        self.teacher = Teacher(settings.teacher) if settings.teacher else None
        wide = [p for p in self.net.model.parameters() if p.ndim > 1]
        narrow = [p for p in self.net.model.parameters() if p.ndim == 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": wide, "weight_decay": 0.02, "factor": 1.0},
                {"params": [*narrow, self.log_scale, self.bias], "factor": 1.0},
                {"params": [self.net.levels], "factor": LEVEL_RATE},
            ],
            weight_decay=0.0,
            lr=settings.rate,
        )
        self.spiking = False

    def enter(self, done: float, batch: Batch) -> None:
        """Go into the phase of this part of the time; a batch sets the levels of the last one."""
        self.net.ternary = done >= self.settings.ternary_from
        if done >= self.settings.spiking_from and not self.spiking:
            self.spiking = True
            self.net.follow_levels = False
            self.net.eval()
            z, x, _ = (part[:LEVEL_PAIRS] for part in batch)
            chosen = levels.choose(self.net, normalise(z), normalise(x), LEVEL_STEPS)
            LOG.info("percentiles %s levels %s", chosen, self.net.levels.tolist())
        self.net.train()
        if self.spiking:
            for module in self.net.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()

    def logits(self, fz: torch.Tensor, fx: torch.Tensor) -> torch.Tensor:
        """Of every exemplar in every search crop: (search, exemplar, h, w)."""
        return functional.conv2d(fx, fz) * self.log_scale.exp() + self.bias

    def step(self, batch: Batch, done: float) -> float:
        """One update; `done` is the part of the time that has passed."""
        z, x, offsets = batch
        settings = self.settings
        rate = settings.rate * min(1.0, done / 0.01) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in self.optimiser.param_groups:
            group["lr"] = (rate + 1e-5) * group["factor"]
        # Half precision is half again as fast; what is simulated exactly has to be exact.
        with torch.autocast("cpu", torch.bfloat16, enabled=not self.spiking):
            fz, _ = self.net.float_features(normalise(z))
            fx, activity = self.net.float_features(normalise(x))
            floating = self.logits(fz, fx).float()
        loss = torch.zeros(())
        every, steps = floating, settings.card_timesteps
        if self.spiking:
            low, high = settings.timesteps
            steps = int(self.rng.integers(low, high + 1))
            exact = bool(self.rng.random() < settings.simulated)
            sz, _ = self.net.spiking_features(normalise(z), steps, simulate=exact)
            sx, activity = self.net.spiking_features(normalise(x), steps, simulate=exact)
            every = self.logits(sz, sx)
            loss = loss + settings.fidelity * (1.0 - losses.fidelity(every, floating))
        target = labels(offsets, self.net.config)
        told = losses.label_loss(every, target, 0.25 if self.teacher is None else 0.1)
        loss = loss + told
        if self.teacher is not None:
            taught = self.teacher.responses(z, x)
            right = errors(losses.own_maps(taught), offsets, self.net.config) <= NEAR_PIXELS
            loss = loss + settings.imitation * losses.teacher_loss(every, taught, right)
        loss = loss + self._penalty(activity, done)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.net.bound_biases()
        return float(loss.detach())

    def _penalty(self, activity: Activity, done: float) -> torch.Tensor:
        """For operations above the target, and for activations above their level."""
        settings = self.settings
        spent = self.net.operations(activity, settings.card_timesteps) / settings.operations
        weight = settings.sparsity * min(1.0, done / 0.2)
        overflow = torch.stack(activity.overflow).sum()
        return weight * functional.relu(spent - 1.0) + OVERFLOW_PENALTY * overflow

    @torch.no_grad()
    def told(self, check: Batch) -> dict[str, object]:
        """Figures on held-out pairs."""
        self.net.eval()
        z, x, offsets = check
        part = slice(0, 64)
        spiking: dict[str, object] = {}
        floats, rates = self._maps(z, x, 0)
        for steps in FIDELITY_STEPS if self.spiking else ():
            maps, rates = self._maps(z[part], x[part], steps)
            cc = losses.correlation(maps, floats[part]).mean()
            spiking[f"fidelity_{steps}"] = round(float(cc), 3)
            if steps == FIDELITY_STEPS[1]:
                spiking |= hits(maps, offsets[part], self.net.config, "spiking_")
        if self.teacher is not None:
            taught = torch.cat(
                [
                    losses.own_maps(self.teacher.responses(z[i : i + 16], x[i : i + 16]))
                    for i in range(0, len(z), 16)
                ]
            )
            agreement = losses.correlation(floats, taught).mean()
            spiking["teacher"] = round(float(agreement), 3)
        share = [r * m for r, m in zip(rates, [*self.net.synaptic_share(), 0.0], strict=True)]
        operations = sum(share) * self.settings.card_timesteps / 1e6
        return {
            **hits(floats, offsets, self.net.config, ""),
            **spiking,
            "rates": [round(r, 3) for r in rates],
            "operations_m": round(operations, 1),
        }

    def _maps(
        self, z: torch.Tensor, x: torch.Tensor, steps: int
    ) -> tuple[torch.Tensor, list[float]]:
        """Own maps (N, h w) and rates; 0 steps is the float network."""
        maps, rates = [], []
        for first in range(0, len(z), 16):
            crops = normalise(z[first : first + 16]), normalise(x[first : first + 16])
            if steps:
                fz, _ = self.net.spiking_features(crops[0], steps)
                fx, activity = self.net.spiking_features(crops[1], steps)
            else:
                fz, _ = self.net.float_features(crops[0])
                fx, activity = self.net.float_features(crops[1])
            maps.append(losses.own_maps(self.logits(fz, fx)))
            rates.append([float(r) for r in activity.rates])
        return torch.cat(maps), [float(v) for v in np.mean(rates, axis=0)]


def errors(maps: torch.Tensor, offsets: torch.Tensor, config: SiamFCConfig) -> torch.Tensor:
    """Distances of the highest responses (N, h w) from the objects, pixels."""
    size = config.response_size
    grid = (torch.arange(size) - (size - 1) / 2) * config.total_stride
    best = maps.argmax(1)
    place = torch.stack([grid[best % size], grid[best // size]], 1)
    distances: torch.Tensor = (place - offsets).norm(dim=1)
    return distances


def hits(
    maps: torch.Tensor, offsets: torch.Tensor, config: SiamFCConfig, prefix: str
) -> dict[str, object]:
    """Share of pairs whose highest response is within 16 pixels of the object, mean error."""
    off = errors(maps, offsets, config)
    near = float((off <= NEAR_PIXELS).float().mean())
    return {
        f"{prefix}hit16": round(near, 3),
        f"{prefix}error_px": round(float(off.mean()), 2),
    }
