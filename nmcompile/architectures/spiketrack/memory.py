"""The memory retrieval module: what the template left at one depth, asked by the search crop."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures.spiketrack.attention import (
    VALUE_RATIO,
    Positions,
    as_maps,
    by_head,
    key_scale,
)
from nmcompile.architectures.spiketrack.layers import MLP, ConvBN
from nmcompile.architectures.spiketrack.neuron import NILIF

_layer = partial(ConvBN, frozen=False)


class ChannelGate(nn.Module):
    """One weight for every step and channel, from all positions of a map."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(positions, positions // 2)
        self.neuron = NILIF()
        self.score = nn.Linear(positions // 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(1, N, C, H, W)` sum over the steps of `(T, N, C, H, W)`."""
        score = self.score(self.neuron(self.reduce(x.flatten(3))))
        return (torch.softmax(score, dim=0)[..., None] * x).sum(0, keepdim=True)


class MemoryRetrieval(nn.Module):
    """M = K^T V of the template, cached; the search map asks it twice and adds what it finds.

    Search and template share the neuron in front. One template step needs no gate; its weights
    are there, as in the published checkpoints.

    Args:
        channels: of the map. side: P, of the map that asks. steps: T, of the template.
    """

    def __init__(self, channels: int, side: int, steps: int) -> None:
        super().__init__()
        wide = VALUE_RATIO * channels
        self.side, self.scale = side, key_scale(channels)
        self.positions, self.neuron = Positions(channels, side), NILIF()
        self.key, self.key_neuron = _layer(channels, channels), NILIF()
        self.value, self.value_neuron = _layer(channels, wide), NILIF()
        self.query, self.query_neuron = _layer(channels, channels), NILIF()
        self.local = nn.ModuleList(_layer(wide, wide, 3, groups=wide) for _ in range(steps))
        self.reduce = nn.ModuleList(_layer(wide, channels) for _ in range(steps))
        self.local_neuron, self.reduce_neuron = NILIF(), NILIF()
        self.refine, self.refine_neuron = _layer(channels, channels), NILIF()
        self.gate, self.gate_neuron = ChannelGate(side * side), NILIF()
        self.project = nn.Sequential(NILIF(), _layer(wide, channels))
        self.mlp = MLP(channels, frozen=False)

    def memorise(self, template: torch.Tensor) -> torch.Tensor:
        """`(T, N, heads, C / heads, 4 C / heads)` memory of `(T, N, C, H, W)` membranes."""
        spikes = self.neuron(self.positions(self._pooled(template), template=True))
        key = by_head(self.key_neuron(self.key(spikes)))
        value = by_head(self.value_neuron(self.value(spikes)))
        return key.transpose(3, 4) @ value

    def forward(self, x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """`(1, N, C, H, W)` membranes with what the memory knows about them."""
        asked = self.query(self.neuron(self.positions(self._pooled(x), template=False)))
        query = self.query_neuron(asked.expand(len(memory), -1, -1, -1, -1))
        local = self._each(self.local, self.query_neuron(self._ask(query, memory)))
        reduced = asked + self._each(self.reduce, self.local_neuron(local))
        again = self.refine_neuron(self.refine(self.reduce_neuron(reduced)))
        spikes, project = self.project
        answer = spikes(self._ask(again, memory))
        if len(memory) > 1:
            answer = self.gate_neuron(self.gate(answer))
        x = x + self._enlarged(project(answer), x.shape[3:])
        y: torch.Tensor = x + self.mlp(x)
        return y

    def _each(self, layers: nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
        """Every step through its own layer."""
        return torch.cat([layer(x[t : t + 1]) for t, layer in enumerate(layers)])

    def _ask(self, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        return as_maps(by_head(query) @ memory * self.scale, self.side, self.side)

    def _pooled(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[-1] == self.side:
            return x
        pooled = functional.adaptive_avg_pool2d(x.flatten(0, 1), self.side)
        return pooled.reshape(*x.shape[:3], self.side, self.side)

    def _enlarged(self, x: torch.Tensor, size: torch.Size) -> torch.Tensor:
        if x.shape[3:] == size:
            return x
        large = functional.interpolate(
            x.flatten(0, 1), list(size), mode="bilinear", align_corners=False
        )
        return large.reshape(*x.shape[:3], *size)
