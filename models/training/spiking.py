"""What integrate-and-fire populations make of their input, step by step, with a gradient.

Forward is the converted network itself: membranes start at half a threshold, fire at the
threshold, and are reset by subtraction. Backward takes each population for a clipped ReLU of
its mean input ("tandem learning", Wu et al., arXiv 1907.01167).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from training.weights import straight_through

START = 0.5
"""Membrane at the start of a frame, in thresholds."""


def spikes_of_constant(current: torch.Tensor, level: torch.Tensor, steps: int) -> torch.Tensor:
    """Spikes (T, ...) of a population that gets the same current at every step."""
    share = (current / level).clamp(0.0, 1.0)
    time = torch.arange(steps + 1, dtype=share.dtype).reshape(-1, *[1] * share.ndim)
    return torch.diff(torch.floor(START + time * share), dim=0)


def spikes_of_spikes(
    spikes: torch.Tensor,
    conv: nn.Conv2d,
    weight: torch.Tensor,
    bias: torch.Tensor,
    level: torch.Tensor,
) -> torch.Tensor:
    """Spikes (T, N, ...) of a population behind a convolution of spikes (T, N, ...).

    Args:
        spikes: of the population before.
        conv: stride and groups.
        weight: already multiplied by what a spike stands for.
        bias: added at every step.
        level: threshold.
    """
    steps, count = spikes.shape[:2]
    current = functional.conv2d(
        spikes.flatten(0, 1), weight, bias, stride=conv.stride, groups=conv.groups
    )
    current = current.reshape(steps, count, *current.shape[1:])
    membrane = torch.full_like(current[0], START) * level
    fired = torch.empty_like(current)
    for step in range(steps):
        membrane += current[step]
        torch.ge(membrane, level, out=fired[step])
        membrane -= fired[step] * level
    return fired


def even_rate(current: torch.Tensor, level: torch.Tensor, steps: int) -> torch.Tensor:
    """Rate of a population whose input arrives evenly, give or take a third of a spike."""
    share = (current / level).clamp(0.0, 1.0) * steps
    dither = (torch.rand_like(share) - 0.5) * 0.6
    return (share + dither + START).floor().clamp(0, steps) / steps


def passed_on(current: torch.Tensor, level: torch.Tensor, rate: torch.Tensor) -> torch.Tensor:
    """What the next layer gets on average: the simulated rate, with a clipped ReLU's gradient.

    The gradient with respect to the level is that of learned step size quantisation.
    """
    exact = (current / level).clamp(0.0, 1.0)
    return level * straight_through(exact, rate)
