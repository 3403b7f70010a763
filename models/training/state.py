"""A training limited by time that goes on where it was stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn


def write_state(path: Path, body: dict[str, Any]) -> None:
    """Write all of it, or leave the file that is there."""
    part = path.with_name(path.name + ".part")
    torch.save(body, part)
    part.replace(path)


class TimedTraining:
    """What a training has to remember.

    Attributes:
        net: with its present weights. optimiser: of these.
        best: highest overlap on held-out examples so far, and its weights.
        elapsed_s: time that went by. updates: so far.
    """

    net: nn.Module
    optimiser: torch.optim.Optimizer

    def __init__(self) -> None:
        self.best: tuple[float, dict[str, torch.Tensor]] = (-1.0, {})
        self.elapsed_s = 0.0
        self.updates = 0

    def set_rate(self, peak: float, minutes: float, warm_updates: float) -> None:
        """The learning rate of now: warmed up, then down to a hundredth along a cosine."""
        done = min(1.0, self.elapsed_s / (60.0 * minutes))
        warm = min(1.0, (self.updates + 1) / warm_updates)
        rate = peak * warm * (0.01 + 0.99 * (0.5 + 0.5 * math.cos(math.pi * done)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def save_to(self, path: Path) -> None:
        """Write the state from which the training can go on."""
        body = {
            "net": self.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "best": self.best,
            "elapsed_s": self.elapsed_s,
            "updates": self.updates,
        }
        write_state(path, body)

    def resume(self, path: Path) -> None:
        """Go on from a state."""
        body = torch.load(path, weights_only=True)
        self.net.load_state_dict(body["net"])
        self.optimiser.load_state_dict(body["optimiser"])
        self.best = (body["best"][0], body["best"][1])
        self.elapsed_s, self.updates = body["elapsed_s"], body["updates"]
