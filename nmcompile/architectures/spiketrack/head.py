"""The centre head: where the target's centre is, how far off the grid, and how large it is."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

from nmcompile.architectures.spiketrack.layers import ConvBN
from nmcompile.architectures.spiketrack.neuron import NILIF

SCORE_MIN = 1e-4
"""Scores and sizes keep this distance from 0 and 1."""


class Maps(NamedTuple):
    """What the head says at every place of the search map.

    Attributes:
        score: `(N, 1, P, P)` of being the target's centre, 0..1.
        offset: `(N, 2, P, P)` x and y from the place to the centre, in places.
        size: `(N, 2, P, P)` width and height in parts of the crop, 0..1.
    """

    score: torch.Tensor
    offset: torch.Tensor
    size: torch.Tensor


class Branch(nn.Sequential):
    """Four 3x3 convolutions with neurons behind, every one half as wide, then 1x1."""

    def __init__(self, channels: int, width: int, outputs: int) -> None:
        widths = (channels, width, width // 2, width // 4, width // 8)
        super().__init__()
        for inputs, wide in pairwise(widths):
            self.append(ConvBN(inputs, wide, 3, bias=True, frozen=False)).append(NILIF())
        self.out = nn.Conv2d(widths[-1], outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, outputs, P, P)`, the mean over the steps."""
        *layers, out = self
        for layer in layers:
            x = layer(x)
        y: torch.Tensor = out(x.flatten(0, 1))
        return y.reshape(*x.shape[:2], *y.shape[1:]).mean(0)


class CentreHead(nn.Module):
    """Three branches behind one neuron."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.neuron = NILIF()
        self.score = Branch(channels, width, 1)
        self.offset = Branch(channels, width, 2)
        self.size = Branch(channels, width, 2)

    def forward(self, x: torch.Tensor) -> Maps:
        """Maps of `(T, N, C, P, P)` membranes."""
        spikes = self.neuron(x)
        score, size = torch.sigmoid(self.score(spikes)), torch.sigmoid(self.size(spikes))
        low, high = SCORE_MIN, 1 - SCORE_MIN
        return Maps(score.clamp(low, high), self.offset(spikes), size.clamp(low, high))
