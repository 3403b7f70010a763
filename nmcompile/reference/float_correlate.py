"""Matching and read-out of the float interpreter; the integer twins are in `correlate`."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from nmcompile.ir import ops
from nmcompile.matching.bank import TimeWeights


def correlate(op: ops.Correlate, x: torch.Tensor, z: torch.Tensor, t: int) -> torch.Tensor:
    """`(B, groups, H_out, W_out)` from x `(B, C, H, W)`; of a bank, the template of timestep t."""
    template = z[t] if z.ndim == 4 else z
    kernels = template.reshape(op.groups, -1, *template.shape[1:])
    x = _signed(x) if op.signed_pairs else x - op.zero
    return F.conv2d(x, kernels, groups=op.groups)


def decode(op: ops.Decode, spikes: torch.Tensor, before: torch.Tensor | None) -> torch.Tensor:
    """Counts including this timestep, given those before it."""
    step = _signed(spikes) if op.signed_pairs else spikes
    return step if before is None else before + step


def template_bank(op: ops.TemplateBank, train: torch.Tensor) -> torch.Tensor:
    """`(B, T, C, h, w)` from the train so far, `(t, B, C, h, w)`; silence is taken for the rest."""
    exemplar = train
    if op.signed_pairs:
        exemplar = train[:, :, 0::2] - train[:, :, 1::2]
    weights = TimeWeights(op.potential, op.temporal, op.period).matrix(op.timesteps)
    matrix = torch.from_numpy(weights[:, : len(train)]).to(train.dtype)
    return torch.einsum("tm,mbcij->btcij", matrix, exemplar)


def _signed(x: torch.Tensor) -> torch.Tensor:
    """Differences of neighbouring channels."""
    return x[:, 0::2] - x[:, 1::2]
