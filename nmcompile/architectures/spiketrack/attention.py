"""Spiking linear attention: no softmax, so that keys and values are multiplied first."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from nmcompile.architectures.spiketrack.layers import MLP, ConvBN, SepConv, spiking
from nmcompile.architectures.spiketrack.neuron import NILIF

HEADS: Final = 8
TEMPLATES: Final = 4
"""Template steps that have positions of their own."""
VALUE_RATIO: Final = 4
"""Channels of the values for every channel of the keys."""


def key_scale(channels: int) -> float:
    """2 / sqrt(channels of a head): factor on every product of query, key and value."""
    return float(2 * (channels // HEADS) ** -0.5)


def by_head(x: torch.Tensor) -> torch.Tensor:
    """`(T, N, C, H, W)` as `(T, N, heads, H W, C / heads)`."""
    steps, count, _, height, width = x.shape
    return x.reshape(steps, count, HEADS, -1, height * width).transpose(3, 4)


def as_maps(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The inverse of `by_head`."""
    return x.transpose(3, 4).reshape(*x.shape[:2], -1, height, width)


class SpikingAttention(nn.Module):
    """y = q (k^T v) per head; q, k, v are spikes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = VALUE_RATIO * channels
        self.neuron = NILIF()
        self.query, self.query_neuron = ConvBN(channels, channels), NILIF()
        self.key, self.key_neuron = ConvBN(channels, channels), NILIF()
        self.value, self.value_neuron = ConvBN(channels, wide), NILIF()
        self.project = spiking(ConvBN(wide, channels))
        self.scale = key_scale(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Membranes of the same shape."""
        spikes = self.neuron(x)
        query = by_head(self.query_neuron(self.query(spikes)))
        key = by_head(self.key_neuron(self.key(spikes)))
        value = by_head(self.value_neuron(self.value(spikes)))
        found = query @ (key.transpose(3, 4) @ value) * self.scale
        y: torch.Tensor = self.project(as_maps(found, *x.shape[3:]))
        return y


class Positions(nn.Module):
    """Learned values of every place of a map: one map for the search, one per template step."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.search = nn.Parameter(torch.zeros(1, 1, channels, side, side))
        self.template = nn.Parameter(torch.zeros(TEMPLATES, 1, channels, side, side))

    def forward(self, x: torch.Tensor, *, template: bool) -> torch.Tensor:
        """Membranes `(T, N, C, P, P)` with their positions."""
        return x + (self.template[: len(x)] if template else self.search)


class TransformerBlock(nn.Module):
    """Separable 3x3 convolution, attention at learned positions, MLP.

    Args:
        channels: of the map. side: of the map.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.mix = SepConv(channels, 3)
        self.positions = Positions(channels, side)
        self.attention = SpikingAttention(channels)
        self.mlp = MLP(channels)

    def forward(self, x: torch.Tensor, *, template: bool) -> torch.Tensor:
        """Membranes of the same shape."""
        x = x + self.mix(x)
        x = x + self.attention(self.positions(x, template=template))
        y: torch.Tensor = x + self.mlp(x)
        return y
