"""The normalised integer LIF neuron of SpikeTrack: an integer of 0 to D spikes per step.

Source: SpikeTrack (arXiv 2602.23963) and its published code; the neuron is that of
Spike-Driven-Transformer V3 (arXiv 2411.16061).
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import nn

LEVELS: Final = 4
"""D, the most spikes of one step."""
STEPS: Final = 3
"""Decays of a neuron; the first step of a sequence uses none."""
KEEP: Final = 0.25
"""beta at the start of training."""


class _Round(torch.autograd.Function):
    """round(clip(u, 0, D)), half to even; the gradient is 1 inside [0, D] and 0 outside."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(u)
        found: torch.Tensor = torch.clamp(u, 0, LEVELS).round_()
        return found

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (u,) = ctx.saved_tensors
        # One kernel instead of four; it leaves its limits out, so they are the next numbers.
        limits = torch.finfo(u.dtype)
        inside: torch.Tensor = torch.ops.aten.hardtanh_backward(
            grads[0], u, -limits.tiny, LEVELS * (1 + limits.eps)
        )
        return inside


def _spikes(u: torch.Tensor) -> torch.Tensor:
    n: torch.Tensor = _Round.apply(u)  # type: ignore[no-untyped-call]
    return n / LEVELS


class NILIF(nn.Module):
    """Normalised integer LIF, one for a whole layer.

        U[0] = X[0];  U[t] = beta_t (U[t-1] - S[t-1]) + X[t], t = 1 ... 3
        n[t] = round(clip(U[t], 0, D)), half to even;  S[t] = n[t] / D

    The reset takes away n / D, not n. With one step there is no state.
    beta_t = sigmoid(theta_t) is learned.
    """

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.full((STEPS,), math.log(KEEP / (1 - KEEP))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Spikes n / D of `(T, ...)` inputs, step after step; the same shape."""
        if len(x) == 1:  # no state, no copy
            return _spikes(x)
        keep = torch.sigmoid(self.theta)
        u, spikes = x[0], [_spikes(x[0])]
        for t in range(1, len(x)):
            u = keep[t - 1] * (u - spikes[-1].detach()) + x[t]
            spikes.append(_spikes(u))
        return torch.stack(spikes)
