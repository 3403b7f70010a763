"""The convolutional blocks of SpikeTrack; all shortcuts add membrane values, before a neuron.

Tensors are `(T, N, C, H, W)`. Neurons stand in front of the convolutions that they feed.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures.spiketrack.neuron import NILIF

MLP_RATIO: Final = 4


class FrozenBN(nn.Module):
    """Batch normalisation with the statistics and factors of the pretrained backbone."""

    weight: torch.Tensor
    bias: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.eps = 1e-5
        for name, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.register_buffer(name, torch.full((channels,), float(value)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(N, C, H, W)` membranes."""
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class ConvBN(nn.Module):
    """Convolution and batch normalisation of every step."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        bias: bool = False,
        frozen: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias
        )
        self.bn = FrozenBN(outputs) if frozen else nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`(T, N, C, H, W)` membranes."""
        y: torch.Tensor = self.bn(self.conv(x.flatten(0, 1)))
        return y.reshape(*x.shape[:2], *y.shape[1:])


def spiking(*layer: nn.Module) -> nn.Sequential:
    """A layer with its neuron in front."""
    return nn.Sequential(NILIF(), *layer)


class SepConv(nn.Sequential):
    """1x1 to twice the channels, depthwise k x k, 1x1 back."""

    def __init__(self, channels: int, kernel: int) -> None:
        wide = 2 * channels
        super().__init__(
            spiking(ConvBN(channels, wide)),
            spiking(ConvBN(wide, wide, kernel, groups=wide)),
            spiking(ConvBN(wide, channels)),
        )


class ConvBlock(nn.Module):
    """Separable 7x7 convolution, then 3x3 to four times the channels and back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = MLP_RATIO * channels
        self.mix = SepConv(channels, 7)
        self.expand = spiking(ConvBN(channels, wide, 3))
        self.project = spiking(ConvBN(wide, channels, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Membranes of the same shape."""
        x = x + self.mix(x)
        y: torch.Tensor = x + self.project(self.expand(x))
        return y


class MLP(nn.Sequential):
    """1x1 to four times the channels and back."""

    def __init__(self, channels: int, *, frozen: bool = True) -> None:
        wide = MLP_RATIO * channels
        super().__init__(
            spiking(ConvBN(channels, wide, bias=True, frozen=frozen)),
            spiking(ConvBN(wide, channels, bias=True, frozen=frozen)),
        )
