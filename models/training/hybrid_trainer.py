"""The training of one of DashNet's two networks, limited by time and resumable."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from torch import nn

from nmcompile.architectures.dashnet import Ann, DashNet, DashNetConfig, Snn
from training.box_loss import box_loss, overlaps
from training.hybrid_pairs import Pool
from training.state import TimedTraining

LOG = logging.getLogger("train")
CHECK_SECONDS: Final = 90.0
START_RATE: Final = 0.15
"""Share of a spiking layer's neurons that fire per timestep before the training."""

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """One training.

    Attributes:
        config: shape of the networks. network: which of them.
        minutes: of wall-clock time, earlier runs of the same training counted in.
        state: file from which the training goes on, or a new one.
        seed: of weights and examples. batch: examples per update.
        anew: take weights and optimiser from the state, but begin the schedule once more.
        rate: peak learning rate.
        decay: lambda of eqs. 4 and 6.
        activity: share of input spikes per synapse and timestep above which it is penalised.
        sparsity: weight of that penalty.
    """

    config: DashNetConfig
    network: Literal["ann", "snn"]
    minutes: float
    state: Path
    seed: int = 0
    anew: bool = False
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-6
    activity: float = 0.08
    sparsity: float = 0.003


class Trainer(TimedTraining):
    """A network, its optimiser, the best weights so far.

    Args:
        settings: of the training. pool: its examples, which also set the SNN's first weights.
    """

    def __init__(self, settings: Settings, pool: Pool) -> None:
        super().__init__()
        torch.manual_seed(settings.seed)
        self.settings, self.pool = settings, pool
        net = DashNet(settings.config)
        self.net: Ann | Snn = net.ann if settings.network == "ann" else net.snn
        if isinstance(self.net, Snn):
            start_spiking(self.net, pool.windows(32)[0])
        else:
            start_lively(self.net)
        start_still(self.net.layer("fc2"))
        self.net.to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.Adam(self.net.parameters(), lr=settings.rate)
        if settings.state.exists():
            self.resume(settings.state)
            self.elapsed_s = 0.0 if settings.anew else self.elapsed_s

    def step(self) -> float:
        """One update; returns its loss."""
        settings = self.settings
        if isinstance(self.net, Ann):
            images, boxes = self.pool.frames(settings.batch)
            found, active = answers(self.net, images)
        else:
            windows, boxes = self.pool.windows(settings.batch)
            found, active = answers(self.net, windows)
        loss = box_loss(found, boxes, weights(self.net), settings.decay)
        excess = torch.relu(active / settings.activity - 1.0)
        self.set_rate(settings.rate, settings.minutes, 100.0)
        self.optimiser.zero_grad(set_to_none=True)
        (loss + settings.sparsity * excess).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.updates += 1
        return float(loss.detach())

    @torch.no_grad()
    def check(self, held_out: Pool) -> dict[str, float]:
        """Mean overlap on held-out examples; keeps the weights where it is the highest."""
        ann = isinstance(self.net, Ann)
        inputs, boxes = held_out.all_frames() if ann else held_out.all_windows()
        parts = [answers(self.net, part) for part in inputs.split(64, dim=0 if ann else 1)]
        overlap = float(overlaps(torch.cat([found for found, _ in parts]), boxes).mean())
        if overlap > self.best[0]:
            state = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
            self.best = (overlap, state)
        activity = float(torch.stack([active for _, active in parts]).mean())
        return {"overlap": overlap, "best": self.best[0], "activity": activity}

    def save(self) -> None:
        """Write the state from which the training can go on."""
        self.save_to(self.settings.state)


def answers(net: Ann | Snn, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (B, 4) and the share of dense additions that were done (the SNN's; 0 for the ANN).

    Args:
        net: either network.
        inputs: images (B, 2, S, S) of 0..1, or pooled windows (T, B, 2, S / 2, S / 2).
    """
    if isinstance(net, Ann):
        return net(inputs.contiguous(memory_format=torch.channels_last)), torch.zeros(())
    spikes = populations(net, inputs)
    return net.read_out(spikes[-1]), activity(net, inputs, spikes)


def weights(net: Ann | Snn) -> list[torch.Tensor]:
    """The weights of all layers, without biases."""
    return [p for p in net.parameters() if p.ndim > 1]


def populations(snn: Snn, pooled: torch.Tensor) -> list[torch.Tensor]:
    """Spikes of all populations for pooled windows (T, B, 2, S / 2, S / 2)."""
    flat = pooled.flatten(0, 1).contiguous(memory_format=torch.channels_last)
    return snn.populations(flat, len(pooled))


def activity(snn: Snn, pooled: torch.Tensor, spikes: list[torch.Tensor]) -> torch.Tensor:
    """Mean share of a timestep's dense additions that spikes cause, borders aside."""
    layers = [layer.weight for name, layer in snn.named_children() if name != "lif"]
    sizes = [spike[0, 0].numel() for spike in spikes] + [4]
    work = [w[0].numel() * size for w, size in zip(layers, sizes, strict=True)]  # type: ignore[index]
    parts = [s.mean() * (w / sum(work)) for s, w in zip([pooled, *spikes], work, strict=True)]
    return torch.stack(parts).sum()


@torch.no_grad()
def start_spiking(snn: Snn, pooled: torch.Tensor) -> None:
    """Scale every spiking layer's first weights so that `START_RATE` of its neurons fire."""
    for index, name in enumerate([n for n, _ in snn.named_children() if n not in ("lif", "fc2")]):
        weight = snn.layer(name).weight
        assert isinstance(weight, torch.Tensor)
        low, high = 1e-2, 1e3
        original = weight.clone()
        for _ in range(18):
            middle = math.sqrt(low * high)
            weight.copy_(original * middle)
            rate = float(populations(snn, pooled)[index].mean())
            low, high = (middle, high) if rate < START_RATE else (low, middle)


@torch.no_grad()
def start_lively(ann: Ann) -> None:
    """Have activations keep their size from layer to layer (He et al. 2015)."""
    for layer in ann.children():
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def start_still(layer: nn.Module) -> None:
    """Have a read-out begin with the box of an object that has not moved."""
    assert isinstance(layer, nn.Linear)
    layer.weight.mul_(0.1)
    layer.bias.copy_(torch.tensor([0.5, 0.5, 1 / 3, 1 / 3]))


def train(settings: Settings, pool: Pool, held_out: Pool) -> Trainer:
    """Train until the time is used up; the best held-out weights are in `Trainer.best`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    trainer = Trainer(settings, pool)
    begun, before, checked = time.monotonic(), trainer.elapsed_s, 0.0
    running = 0.0
    while trainer.elapsed_s < 60.0 * settings.minutes:
        loss = trainer.step()
        running = 0.98 * running + 0.02 * loss if running else loss
        now = time.monotonic()
        trainer.elapsed_s = before + now - begun
        if now - checked > CHECK_SECONDS:
            _tell(trainer, running, trainer.check(held_out))
            trainer.save()
            checked = time.monotonic()
    _tell(trainer, running, trainer.check(held_out))
    trainer.save()
    return trainer


def _tell(trainer: Trainer, loss: float, told: dict[str, float]) -> None:
    figures = {"loss": round(loss, 4), **{k: round(v, 4) for k, v in told.items()}}
    LOG.info("minute %.1f updates %d %s", trainer.elapsed_s / 60.0, trainer.updates, figures)
