"""NI-LIF neurons and the operators of `nmcompile.ir.membrane_ops` in the float interpreter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch.nn import functional as F

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import (
    Bilinear,
    ChannelGate,
    KeyValue,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.neurons import NILIF

Lookup = Callable[[Array], torch.Tensor]
Inputs = list[torch.Tensor]


def nilif_step(
    model: NILIF, current: torch.Tensor, before: torch.Tensor | None, step: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Spikes n / D of one timestep, and what the next one keeps of the membrane: U - S.

    Args:
        model: the neuron. current: `(B, stacked C, ...)`.
        before: what the last timestep returned; None at the first one. step: its number, from 0.
    """
    spikes = []
    for index, x in enumerate(current.chunk(model.stacked, dim=1)):
        u = x
        if before is not None:
            keep = torch.from_numpy(model.keep.data[step + index - 1, ...].astype("float64"))
            keep = keep.to(x.dtype).reshape(-1, *[1] * (x.ndim - 2))
            u = keep * before + x
        s = torch.round(u.clamp(0, model.levels)) / model.levels
        before = u - s
        spikes.append(s)
    if before is None:
        raise ValueError("a neuron without steps")
    return torch.cat(spikes, dim=1), before


def offset(op: Offset, x: torch.Tensor, t: int, get: Lookup) -> torch.Tensor:
    """One timestep of `Offset`."""
    value = get(op.value)
    if value.ndim == 4:
        value = value[t]
    return x + (value[:, None, None] if value.ndim == 1 and x.ndim == 4 else value)


def _repeat(op: Repeat, x: Inputs, _: Lookup) -> torch.Tensor:
    return x[0].repeat(1, op.times, *[1] * (x[0].ndim - 2))


def _bilinear(op: Bilinear, x: Inputs, _: Lookup) -> torch.Tensor:
    large = F.interpolate(x[0], scale_factor=op.factor, mode="bilinear", align_corners=False)
    return large * op.denominator if op.scaled else large


def _key_value(op: KeyValue, x: Inputs, _: Lookup) -> torch.Tensor:
    keys, values = (a.reshape(len(a), op.heads, -1, a.shape[2] * a.shape[3]) for a in x)
    return keys @ values.transpose(2, 3)


def _query(op: Query, x: Inputs, __: Lookup) -> torch.Tensor:
    batch, _, height, width = x[0].shape
    queries: torch.Tensor = x[0].reshape(batch, op.heads, -1, height * width)
    return (x[1].transpose(-1, -2) @ queries).reshape(batch, -1, height, width)


def _gate(op: ChannelGate, x: Inputs, get: Lookup) -> torch.Tensor:
    maps = x[0].flatten(2)
    hidden, _ = nilif_step(
        NILIF(op.keep, op.levels, op.steps),
        F.linear(maps, get(op.reduce), get(op.reduce_bias)),
        None,
        0,
    )
    score = hidden @ get(op.score) + get(op.score_bias)
    steps = score.reshape(len(maps), op.steps, -1, 1, 1).softmax(dim=1)
    return (steps * x[0].reshape(len(maps), op.steps, -1, *x[0].shape[2:])).sum(dim=1)


def _channels(op: ops.Channels, x: Inputs, _: Lookup) -> torch.Tensor:
    grouped = x[0].reshape(len(x[0]), op.groups, -1, *x[0].shape[2:])
    return grouped[:, :, op.first : op.first + op.count].flatten(1, 2)


PURE: Final[Mapping[type, Callable[[Any, Inputs, Lookup], torch.Tensor]]] = {
    Repeat: _repeat,
    Bilinear: _bilinear,
    KeyValue: _key_value,
    Query: _query,
    Store: lambda _, x, __: x[0],
    ChannelGate: _gate,
    ops.Channels: _channels,
}
"""Operators without state: what one timestep computes of its inputs."""
