"""One stage of SiamFC++'s training: the ANN, or spiking with some number of timesteps.

A stage is limited by updates (what is compared gets as many) or by minutes, and can be stopped and
taken up again: batches follow from the seed and the update's number.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig, depthwise
from training import s4_ternary
from training.box_loss import overlaps
from training.pairs import normalise
from training.s4_losses import (
    NOTHING,
    Distillation,
    Seen,
    label_loss,
    places,
    targets,
    teacher_loss,
)
from training.s4_pairs import Batch, Pool, held_out
from training.state import write_state

LOG = logging.getLogger("train")
VALIDATION_PAIRS: Final = 256
NEAR_PIXELS: Final = 16.0
FROZEN_FROM: Final = 0.7
"""Part of a stage after which batch normalisation keeps its statistics."""
ACTIVITY: Final = 0.18
"""Mean rate above which spikes are penalised."""
ACTIVITY_WEIGHT: Final = 10.0
SAVE_EVERY_S: Final = 60.0
TELL_EVERY_S: Final = 180.0


@dataclass(frozen=True)
class Stage:
    """One training.

    Attributes:
        config: of the network. state: file of the training's state, written every minute.
        pairs: folder of rendered pairs. updates: to make, or None. minutes: to train, or None.
        start: state of another stage to take the weights from, or None.
        teacher: state of the ANN to learn from; needed by `distillation`.
        distillation: weights of the losses. rate: peak learning rate.
        batch: pairs per update. seed: of weights and batches.
        ternary: whether the backbone's weights behind the first layer are ternary.
    """

    config: SiamFCppConfig
    state: Path
    pairs: Path
    updates: int | None = None
    minutes: float | None = None
    start: Path | None = None
    teacher: Path | None = None
    distillation: Distillation = NOTHING
    rate: float = 1e-3
    batch: int = 16
    seed: int = 0
    ternary: bool = False


def load(path: Path, timesteps: int | None = None) -> SiamFCpp:
    """The network of a state, with other timesteps if given.

    Weights, leaks and thresholds stay; an ANN gets fresh neurons.
    """
    found: dict[str, Any] = torch.load(path, weights_only=True)
    config = SiamFCppConfig.from_mapping(found["config"])
    model = SiamFCpp(config if timesteps is None else replace(config, timesteps=timesteps))
    if found.get("ternary", False):
        s4_ternary.make_ternary(model)
    missing = model.load_state_dict(found["model"], strict=False)
    if missing.unexpected_keys or any("neurons" not in k for k in missing.missing_keys):
        raise SystemExit(f"{path} is of another shape: {missing}")
    return model


def see(model: SiamFCpp, batch: Batch) -> Seen:
    """Answer with everything that losses look at."""
    rates: list[torch.Tensor] = []

    def keep(_: nn.Module, __: object, spikes: tuple[torch.Tensor, ...]) -> None:
        rates.append(torch.stack([s.float().mean() for s in spikes]).mean())

    kernels = model.exemplar(normalise(batch.z))
    hooks = [n.register_forward_hook(keep) for n in model.backbone.neurons]
    features = model.backbone(normalise(batch.x))
    for hook in hooks:
        hook.remove()
    neck = (*kernels, model.search_class(features), model.search_box(features))
    maps = model.head(depthwise(neck[2], neck[0]), depthwise(neck[3], neck[1]))
    return Seen(
        type(maps)(*(m.float() for m in maps)), tuple(n.float() for n in neck), tuple(rates)
    )


class Trainer:
    """Network, optimiser and progress of one stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        torch.manual_seed(stage.seed)
        if stage.start is None:
            self.model = SiamFCpp(stage.config)
        else:
            self.model = load(stage.start, stage.config.timesteps)
        if stage.ternary:
            s4_ternary.make_ternary(self.model)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.teacher = self._teacher()
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.model.parameters() if p.ndim > 1], "weight_decay": 0.01},
            {"params": [p for p in self.model.parameters() if p.ndim <= 1]},
        ]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=0.0, lr=stage.rate)
        self.updates, self.seconds = 0, 0.0
        if stage.state.exists():
            found = torch.load(stage.state, weights_only=True)
            self.model.load_state_dict(found["model"])
            self.optimiser.load_state_dict(found["optimiser"])
            self.updates, self.seconds = found["updates"], found["seconds"]

    def _teacher(self) -> SiamFCpp | None:
        if not self.stage.distillation.any:
            return None
        if self.stage.teacher is None:
            raise SystemExit("distillation needs a teacher")
        return load(self.stage.teacher).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    @property
    def done(self) -> float:
        """Part of the stage that is over."""
        if self.stage.updates is not None:
            return self.updates / self.stage.updates
        return self.seconds / (60.0 * (self.stage.minutes or 1.0))

    def save(self) -> None:
        """Write the state."""
        body = {
            "config": self.stage.config.to_mapping(),
            "ternary": self.stage.ternary,
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
            "seconds": self.seconds,
        }
        write_state(self.stage.state, body)

    def step(self, batch: Batch) -> float:
        """One update."""
        done = self.done
        rate = min(1.0, done / 0.02 + 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.stage.rate * rate + 1e-5
        self.model.train()
        if done > FROZEN_FROM:
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        with torch.autocast("cpu", torch.bfloat16):
            seen = see(self.model, batch)
            if self.teacher is not None:
                with torch.no_grad():
                    taught = see(self.teacher, batch)
        loss = label_loss(seen.maps, targets(batch, self.stage.config))
        if self.teacher is not None:
            loss = loss + teacher_loss(seen, taught, self.stage.distillation)
        if seen.rates:
            busy = functional.relu(torch.stack(seen.rates) - ACTIVITY)
            loss = loss + ACTIVITY_WEIGHT * busy.mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimiser.step()
        if self.stage.ternary:
            s4_ternary.bound_biases(self.model)
        self.updates += 1
        return float(loss.detach())


def train(stage: Stage) -> None:
    """Train until the stage is over, writing its state every minute."""
    trainer, pool = Trainer(stage), Pool(stage.pairs, stage.config)
    check = held_out(stage.config, VALIDATION_PAIRS)
    last = saved = time.monotonic()
    told, running = last - TELL_EVERY_S + 30.0, math.nan
    while trainer.done < 1.0:
        rng = np.random.default_rng((stage.seed, 11, trainer.updates))
        loss = trainer.step(pool.draw(rng, stage.batch))
        running = loss if math.isnan(running) else 0.99 * running + 0.01 * loss
        now = time.monotonic()
        trainer.seconds, last = trainer.seconds + now - last, now
        if now - saved > SAVE_EVERY_S:
            trainer.save()
            saved = now
        if now - told > TELL_EVERY_S:
            _tell(trainer, running, check)
            told = last = time.monotonic()
    _tell(trainer, running, check)
    trainer.save()


def _tell(trainer: Trainer, loss: float, check: Batch) -> None:
    found = measure(answers(trainer.model, check))
    name, count = trainer.stage.state.stem, trainer.updates
    LOG.info("%s update %d done %.2f loss %.3f %s", name, count, trainer.done, loss, found)


class Answers(NamedTuple):
    """What a network makes of pairs.

    Attributes:
        near: (N,) 1 where the best place lies within 16 pixels of the object's centre.
        overlap: with the true box, of the pairs whose object has an outline.
        rates: of the spiking layers in the search crops.
    """

    near: torch.Tensor
    overlap: torch.Tensor
    rates: list[float]


@torch.no_grad()
def answers(model: SiamFCpp, check: Batch) -> Answers:
    """Judge the best box of every pair."""
    model.eval()
    near, overlap, rates = [], [], []
    for first in range(0, len(check.z), 32):
        part = slice(first, first + 32)
        batch = Batch(check.z[part], check.x[part], check.boxes[part], check.present[part])
        seen = see(model, batch)
        centre, size = best_boxes(seen, model.config)
        near.append(((centre - batch.boxes[:, :2]).norm(dim=1) <= NEAR_PIXELS).float())
        known = batch.boxes[:, 2].isfinite()
        overlap.append(overlaps(torch.cat([centre, size], 1)[known], batch.boxes[known]))
        rates.append([float(r) for r in seen.rates])
    return Answers(torch.cat(near), torch.cat(overlap), [float(r) for r in np.mean(rates, axis=0)])


def measure(found: Answers) -> dict[str, object]:
    """Figures with standard errors: `hit16`, `iou` and `rates`."""
    return {
        **_with_error("hit16", found.near),
        **_with_error("iou", found.overlap),
        "rates": [round(r, 4) for r in found.rates],
    }


def best_boxes(seen: Seen, config: SiamFCppConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre and size (N, 2) of the box at the place of the highest score, search pixels."""
    score = torch.sigmoid(seen.maps.score) * torch.sigmoid(seen.maps.centre)
    best = score.flatten(1).argmax(1)
    grid = places(config)
    place = torch.stack([grid[best % len(grid)], grid[best // len(grid)]], 1)
    box = seen.maps.box.flatten(2)[torch.arange(len(best)), :, best]
    return place + (box[:, 2:] - box[:, :2]) / 2, box[:, :2] + box[:, 2:]


def _with_error(name: str, values: torch.Tensor) -> dict[str, object]:
    error = float(values.std()) / math.sqrt(len(values))
    return {name: round(float(values.mean()), 4), f"{name}_se": round(error, 4)}
