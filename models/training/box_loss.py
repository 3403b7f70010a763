"""The losses of DashNet (arXiv 1909.12942, eqs. 4 and 6), and overlap for reports."""

from __future__ import annotations

from collections.abc import Iterable

import torch


def box_loss(
    predicted: torch.Tensor, truth: torch.Tensor, weights: Iterable[torch.Tensor], decay: float
) -> torch.Tensor:
    """Mean over the batch of |truth - predicted|^2, plus decay times the sum of |W|^2.

    The paper prints norms and calls the loss a mean square error: both terms are squared here.

    Args:
        predicted: boxes (B, 4). truth: likewise.
        weights: of all layers. decay: lambda.
    """
    error = (truth - predicted).square().sum(1).mean()
    return error + decay * torch.stack([w.square().sum() for w in weights]).sum()


def overlaps(predicted: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Intersection over union (B,) of boxes given as centre x, centre y, width, height."""
    low = torch.maximum(predicted[:, :2] - predicted[:, 2:] / 2, truth[:, :2] - truth[:, 2:] / 2)
    high = torch.minimum(predicted[:, :2] + predicted[:, 2:] / 2, truth[:, :2] + truth[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(1)
    both = predicted[:, 2:].clamp(min=0).prod(1) + truth[:, 2:].prod(1)
    result: torch.Tensor = shared / (both - shared)
    return result
