"""What is asked of a response: near the label, like the teacher's, like the float network's."""

from __future__ import annotations

import torch
from torch.nn import functional

EPSILON = 1e-6


def label_loss(every: torch.Tensor, target: torch.Tensor, foreign_weight: float) -> torch.Tensor:
    """Balanced cross-entropy of the own pairs; foreign exemplars are negative everywhere.

    Args:
        every: logits (search, exemplar, h, w).
        target: soft labels (N, h, w).
        foreign_weight: of the exemplars of other pairs.
    """
    count = every.shape[0]
    own = torch.arange(count)
    logits = every[own, own]
    positive = (target * functional.softplus(-logits)).sum((1, 2)) / target.sum((1, 2))
    rest = 1.0 - target
    negative = (rest * functional.softplus(logits)).sum((1, 2)) / rest.sum((1, 2))
    foreign = functional.softplus(every[~torch.eye(count, dtype=torch.bool)]).mean()
    return 0.5 * (positive + negative).mean() + foreign_weight * foreign


def correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Pearson correlation of two (N, M), row by row."""
    a = first - first.mean(1, keepdim=True)
    b = second - second.mean(1, keepdim=True)
    products: torch.Tensor = (a * b).sum(1)
    lengths: torch.Tensor = a.norm(dim=1) * b.norm(dim=1)
    return products / (lengths + EPSILON)


def own_maps(every: torch.Tensor) -> torch.Tensor:
    """Response of each exemplar in its own search crop, flat: (N, h w)."""
    own = torch.arange(every.shape[0])
    return every[own, own].flatten(1)


def teacher_loss(every: torch.Tensor, taught: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """1 - correlation with the teacher: on the own maps, and of each exemplar over all crops.

    Args:
        every: responses (search, exemplar, h, w).
        taught: the teacher's.
        right: pairs (N,) whose object the teacher finds; on the others its own map is no example.
    """
    own = 1.0 - correlation(own_maps(every), own_maps(taught))
    across = 1.0 - correlation(every.transpose(0, 1).flatten(1), taught.transpose(0, 1).flatten(1))
    return 0.5 * ((own * right).mean() + across.mean())


def fidelity(spiking: torch.Tensor, floating: torch.Tensor) -> torch.Tensor:
    """Mean correlation of the own maps of two networks."""
    return correlation(own_maps(spiking), own_maps(floating)).mean()
