"""SiamFC: one fully convolutional backbone for exemplar and search crop, joined by correlation.

A chain of convolutions without padding, each optionally followed by batch normalisation, a ReLU
and a 3x3 stride-2 max pool; five of them in AlexNet's shape as published. Source: Bertinetto et
al., "Fully-convolutional siamese networks for object tracking", ECCV 2016 workshops (arXiv
1606.09549), table 1.

Submodules are called `backbone.conv{1..}.{0,1}` (convolution, batch normalisation), as in the
common PyTorch ports, so that their state dicts load strictly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures import config_values
from nmcompile.architectures.config_values import bad, booleans, integers, number, size

__all__ = ["SiamFC", "SiamFCConfig", "build"]

MAX_LAYERS: Final = 32
"""Far more than any published tracker has: a longer list is a mistake."""
POOL_KERNEL: Final = 3
POOL_STRIDE: Final = 2


def _layers(channels: object) -> int:
    """Number of layers, which the list of channels decides, or NM0111."""
    if isinstance(channels, list | tuple) and 1 <= len(channels) <= MAX_LAYERS:
        return len(channels)
    raise bad("channels", f"expected 1 to {MAX_LAYERS} positive integers", channels)


@dataclass(frozen=True, slots=True)
class SiamFCConfig:
    """Everything that fixes a SiamFC's shape; the defaults are the shipped spiking network's.

    Attributes:
        channels: Output channels of the convolutions; as many as there are layers.
        kernels: Kernel sizes (square).
        strides: Strides.
        groups: Groups of each convolution.
        pools: Whether a 3x3 stride-2 max pool (floor) follows the layer.
        batch_norm: Whether batch normalisation follows the convolution.
        bn_eps: Epsilon of every batch normalisation.
        relu: Whether a ReLU follows (after batch normalisation, before the pool).
        exemplar_size: Side of the exemplar crop, pixels.
        search_size: Side of the search crop, pixels.
        response_scale: Factor on the correlation.
        response_bias: Added to the scaled correlation.
    """

    channels: tuple[int, ...] = (32, 64, 64, 64, 32)
    kernels: tuple[int, ...] = (7, 5, 3, 3, 3)
    strides: tuple[int, ...] = (4, 2, 1, 1, 1)
    groups: tuple[int, ...] = (1, 1, 1, 1, 1)
    pools: tuple[bool, ...] = (False, False, False, False, False)
    batch_norm: tuple[bool, ...] = (True, True, True, True, True)
    bn_eps: float = 1e-5
    relu: tuple[bool, ...] = (True, True, True, True, True)
    exemplar_size: int = 127
    search_size: int = 255
    response_scale: float = 1e-3
    response_bias: float = 0.0

    def __post_init__(self) -> None:
        """Check types, group divisibility and that both crops leave a feature map."""
        count = _layers(self.channels)
        for name in ("channels", "kernels", "strides", "groups"):
            object.__setattr__(self, name, integers(name, getattr(self, name), count))
        for name in ("pools", "batch_norm", "relu"):
            object.__setattr__(self, name, booleans(name, getattr(self, name), count))
        for name in ("bn_eps", "response_scale", "response_bias"):
            object.__setattr__(self, name, number(name, getattr(self, name)))
        for name in ("exemplar_size", "search_size"):
            size(name, getattr(self, name))
        if self.bn_eps <= 0:
            raise bad("bn_eps", "expected a positive number", self.bn_eps)
        inputs = (3, *self.channels[:-1])
        for index, (n_in, n_out, group) in enumerate(
            zip(inputs, self.channels, self.groups, strict=True)
        ):
            if n_in % group or n_out % group:
                raise bad(
                    "groups",
                    f"conv{index + 1} cannot split {n_in} inputs and {n_out} outputs into groups",
                    group,
                )
        if self.search_size < self.exemplar_size:
            raise bad(
                "search_size",
                f"the search crop is smaller than the exemplar ({self.exemplar_size})",
                self.search_size,
            )
        _ = self.exemplar_features  # raises when the crop is too small for the kernels

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> SiamFCConfig:
        """Read a checkpoint's `config`; unknown keys are refused (NM0111)."""
        return config_values.read(cls, config)

    def to_mapping(self) -> dict[str, object]:
        """Return the configuration in JSON types (lists, numbers, booleans)."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @property
    def layers(self) -> int:
        """Number of convolutions."""
        return len(self.channels)

    @property
    def total_stride(self) -> int:
        """Crop pixels per step of the response."""
        total = 1
        for stride, pool in zip(self.strides, self.pools, strict=True):
            total *= stride * (POOL_STRIDE if pool else 1)
        return total

    def feature_size(self, crop_size: int) -> int:
        """Side of the feature map of a crop of side `crop_size` pixels."""
        size = crop_size
        for index, (kernel, stride, pool) in enumerate(
            zip(self.kernels, self.strides, self.pools, strict=True)
        ):
            size = (size - kernel) // stride + 1
            if pool:
                size = (size - POOL_KERNEL) // POOL_STRIDE + 1
            if size < 1:
                raise bad(
                    "exemplar_size",
                    f"nothing is left of a {crop_size} pixel crop after conv{index + 1}",
                    size,
                )
        return size

    @property
    def exemplar_features(self) -> int:
        """Side of the exemplar's feature map."""
        return self.feature_size(self.exemplar_size)

    @property
    def search_features(self) -> int:
        """Side of the search crop's feature map."""
        return self.feature_size(self.search_size)

    @property
    def response_size(self) -> int:
        """Side of the response (valid correlation)."""
        return self.search_features - self.exemplar_features + 1


def _layer(config: SiamFCConfig, index: int) -> nn.Sequential:
    """Convolution, then what the configuration puts behind it."""
    n_in = 3 if index == 0 else config.channels[index - 1]
    n_out = config.channels[index]
    layer = nn.Sequential(
        nn.Conv2d(
            n_in,
            n_out,
            config.kernels[index],
            stride=config.strides[index],
            groups=config.groups[index],
        )
    )
    if config.batch_norm[index]:
        layer.append(nn.BatchNorm2d(n_out, eps=config.bn_eps))
    if config.relu[index]:
        layer.append(nn.ReLU())
    if config.pools[index]:
        layer.append(nn.MaxPool2d(POOL_KERNEL, POOL_STRIDE))
    return layer


class SiamFC(nn.Module):
    """The siamese network: `forward(z, x)` gives the response of exemplar z in search crop x.

    Crops are RGB, NCHW, float; whatever normalisation the weights expect is the caller's.

    Args:
        config: The shape.
    """

    def __init__(self, config: SiamFCConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = nn.Sequential()
        for index in range(config.layers):
            self.backbone.add_module(f"conv{index + 1}", _layer(config, index))

    def features(self, crops: torch.Tensor) -> torch.Tensor:
        """Feature maps (N, C, h, w) of crops (N, 3, H, W)."""
        result: torch.Tensor = self.backbone(crops)
        return result

    def correlate(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Valid cross-correlation of feature maps, summed over channels.

        `r[n, i, j] = response_scale * sum_{c,u,v} z[n,c,u,v] x[n,c,i+u,j+v] + response_bias`

        Args:
            z: Exemplar features, (N, C, h, w), or (1, C, h, w) for one exemplar in N crops.
            x: Search features, (N, C, H, W).

        Returns:
            Response (N, 1, H - h + 1, W - w + 1).
        """
        count, channels, height, width = x.shape
        if z.shape[0] == 1:
            response = functional.conv2d(x, z)
        else:
            flat = functional.conv2d(x.reshape(1, count * channels, height, width), z, groups=count)
            response = flat.transpose(0, 1)
        return response * self.config.response_scale + self.config.response_bias

    def forward(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Response of exemplar crops z in search crops x, (N, 1, h, w)."""
        return self.correlate(self.features(z), self.features(x))


def build(config: Mapping[str, object]) -> SiamFC:
    """Build a SiamFC from a checkpoint's `config`."""
    return SiamFC(SiamFCConfig.from_mapping(config))
