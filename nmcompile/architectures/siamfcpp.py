"""SiamFC++ with AlexNet's backbone, as an ANN or with spiking neurons in the backbone.

Exemplar and search crop go through one backbone. Four convolutions make of its features one pair
for classification and one for regression; each pair is correlated channel by channel, and a tower
of three convolutions turns the result into class and centre scores, or into box distances. No
convolution pads. Sources: Xu et al., "SiamFC++" (arXiv 1911.06188) for the network; Xiang et al.,
"Spiking SiamFC++" (arXiv 2209.12010) for spiking neurons in its backbone; S4-KD (Neural Networks
188:107478, 2025) prunes its timesteps. The spiking papers print no neuron: leak and threshold of
every layer are learned here, the reset subtracts the threshold, and features are the mean of the
last layer's spikes over time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures import config_values
from nmcompile.architectures.config_values import bad, integers, size

POOL_KERNEL: Final = 3
POOL_STRIDE: Final = 2
KERNELS: Final = (11, 5, 3, 3, 3)
STRIDES: Final = (2, 1, 1, 1, 1)
GROUPS: Final = (1, 1, 1, 1, 1)
POOLED: Final = 2
"""Layers with a pool behind them."""
LEAK: Final = 0.5
THRESHOLD: Final = 1.0
"""Kept part of the membrane, and threshold, at the start of training."""


@dataclass(frozen=True, slots=True)
class SiamFCppConfig:
    """The defaults are the published AlexNet; with `timesteps` = 0 it is the ANN.

    Attributes:
        channels: of the five convolutions.
        head: channels of neck and towers.
        exemplar_size: side of the exemplar crop, pixels.
        search_size: side of the search crop, pixels.
        timesteps: T of the spiking backbone, 0 for ReLU.
        kernels: sides of the convolutions' kernels.
        strides: of the convolutions.
        groups: of the convolutions: output channels see their own part of the inputs only.
    """

    channels: tuple[int, ...] = (96, 256, 384, 384, 256)
    head: int = 256
    exemplar_size: int = 127
    search_size: int = 303
    timesteps: int = 0
    kernels: tuple[int, ...] = KERNELS
    strides: tuple[int, ...] = STRIDES
    groups: tuple[int, ...] = GROUPS

    def __post_init__(self) -> None:
        """Check types, and that both crops leave something for the last layer."""
        for name in ("channels", "kernels", "strides", "groups"):
            object.__setattr__(self, name, integers(name, getattr(self, name), len(KERNELS)))
        for name in ("head", "exemplar_size", "search_size"):
            size(name, getattr(self, name))
        inputs = (3, *self.channels[:-1])
        for layer, parts in enumerate(zip(inputs, self.channels, self.groups, strict=True)):
            if parts[0] % parts[2] or parts[1] % parts[2]:
                raise bad("groups", f"conv{layer + 1}'s channels do not divide into", parts[2])
        steps = self.timesteps
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            raise bad("timesteps", "expected 0 or a positive integer", steps)
        if self.score_size < 1:
            raise bad("search_size", "nothing is left of the search crop", self.search_size)

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> SiamFCppConfig:
        """Read a checkpoint's `config`; unknown keys are refused (NM0111)."""
        return config_values.read(cls, config)

    def to_mapping(self) -> dict[str, object]:
        """Return the configuration in JSON types."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def feature_size(self, crop_size: int) -> int:
        """Side of the backbone's last map for a crop of side `crop_size` pixels."""
        side = crop_size
        for layer, (kernel, stride) in enumerate(zip(self.kernels, self.strides, strict=True)):
            side = (side - kernel) // stride + 1
            if layer < POOLED:
                side = -(-(side - POOL_KERNEL) // POOL_STRIDE) + 1
            if side < 1:
                raise bad("exemplar_size", f"too small for conv{layer + 1}", crop_size)
        return side

    @property
    def stride(self) -> int:
        """Search pixels from one score to the next: 8 as published."""
        return math.prod(self.strides) * POOL_STRIDE**POOLED

    @property
    def score_size(self) -> int:
        """Side of the maps of scores and boxes: 17 as published."""
        exemplar = self.feature_size(self.exemplar_size) - 2
        search = self.feature_size(self.search_size) - 2
        if exemplar < 1:
            raise bad("exemplar_size", "too small for the neck", self.exemplar_size)
        return search - exemplar + 1 - 6


class Maps(NamedTuple):
    """What the head says at every place, `(N, channels, S, S)`.

    Attributes:
        score: logit of being the target. centre: logit of being near its centre.
        box: distances to the left, top, right and bottom side, search pixels.
    """

    score: torch.Tensor
    centre: torch.Tensor
    box: torch.Tensor


Steps = tuple[torch.Tensor, ...]
"""`(N, C, H, W)` of every timestep. No tensor of five axes: its slices would lose the memory format
in which convolutions are fast."""


class _Spike(torch.autograd.Function):
    """1 where u >= 1; the derivative is that of an arc tangent (alpha = 2)."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(u)
        return (u >= 1).to(u.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (u,) = ctx.saved_tensors
        above = u - 1
        width = torch.addcmul(torch.ones(()), above, above, value=math.pi**2)
        slope: torch.Tensor = grads[0] / width
        return slope


class LIF(nn.Module):
    """Leaky integrate-and-fire with one learned leak and threshold.

    u[t] = leak u[t-1] + I[t];  s[t] = u[t] >= threshold;  u[t] -= threshold s[t]
    """

    def __init__(self) -> None:
        super().__init__()
        self.leak = nn.Parameter(torch.logit(torch.tensor(LEAK)))
        self.threshold = nn.Parameter(torch.tensor(THRESHOLD).log())

    def forward(self, currents: Steps) -> Steps:
        """Spikes of the currents of every timestep."""
        leak = torch.sigmoid(self.leak)
        # Membranes and currents in thresholds: one multiplication instead of three.
        gain = torch.exp(-self.threshold)
        u = currents[0] * gain
        spikes = [_fired(u)]
        for current in currents[1:]:
            u = leak * (u - spikes[-1]) + current * gain
            spikes.append(_fired(u))
        return tuple(spikes)


def _fired(u: torch.Tensor) -> torch.Tensor:
    """Spikes of membranes in thresholds."""
    spikes: torch.Tensor = _Spike.apply(u)  # type: ignore[no-untyped-call]
    return spikes


class Backbone(nn.Module):
    """Five convolutions with batch normalisation; a max pool (ceil) behind the first two.

    The ANN's last convolution has no ReLU behind it.
    """

    def __init__(self, config: SiamFCppConfig) -> None:
        super().__init__()
        self.timesteps = config.timesteps
        inputs = (3, *config.channels[:-1])
        shapes = zip(
            inputs, config.channels, config.kernels, config.strides, config.groups, strict=True
        )
        self.convs = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(n_in, n_out, kernel, stride, groups=groups), nn.BatchNorm2d(n_out)
            )
            for n_in, n_out, kernel, stride, groups in shapes
        )
        neurons = len(KERNELS) if config.timesteps else 0
        self.neurons = nn.ModuleList(LIF() for _ in range(neurons))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Features `(N, C, h, w)` of crops; spikes are averaged over time."""
        if not self.timesteps:
            return self._ann(crops)
        # The first convolution sees the same image at every timestep: it is computed once.
        first, *others = self.convs
        spikes = self.neurons[0]((first(crops),) * self.timesteps)
        for layer, conv in enumerate(others, start=1):
            if layer <= POOLED:
                spikes = _each_step(_pool, spikes)
            spikes = self.neurons[layer](_each_step(conv, spikes))
        mean: torch.Tensor = torch.stack(spikes).mean(0)
        return mean

    def _ann(self, x: torch.Tensor) -> torch.Tensor:
        for layer, conv in enumerate(self.convs):
            x = conv(x)
            if layer + 1 < len(self.convs):
                x = functional.relu(x)
            if layer < POOLED:
                x = _pool(x)
        return x


def _each_step(layer: Callable[[torch.Tensor], torch.Tensor], steps: Steps) -> Steps:
    """A layer without memory on every timestep, all in one batch."""
    return layer(torch.cat(steps)).chunk(len(steps))


def _pool(x: torch.Tensor) -> torch.Tensor:
    return functional.max_pool2d(x, POOL_KERNEL, POOL_STRIDE, ceil_mode=True)


def _neck(channels: int, head: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, head, 3), nn.BatchNorm2d(head))


def _tower(head: int) -> nn.Sequential:
    """Three convolutions with ReLU; batch normalisation behind the third only."""
    layers: list[nn.Module] = []
    for layer in range(3):
        layers.append(nn.Conv2d(head, head, 3))
        layers += [nn.BatchNorm2d(head)] if layer == 2 else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def _out(head: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(head, outputs, 1), nn.BatchNorm2d(outputs))


class SiamFCpp(nn.Module):
    """`forward(z, x)` gives the maps of exemplar crops z in search crops x, `(N, 3, H, W)` RGB."""

    def __init__(self, config: SiamFCppConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        channels, head = config.channels[-1], config.head
        self.exemplar_class, self.exemplar_box = _neck(channels, head), _neck(channels, head)
        self.search_class, self.search_box = _neck(channels, head), _neck(channels, head)
        self.class_tower, self.box_tower = _tower(head), _tower(head)
        self.score, self.centre, self.box = _out(head, 1), _out(head, 1), _out(head, 4)
        self.box_scale = nn.Parameter(torch.ones(1))
        self.box_bias = nn.Parameter(torch.zeros(1))

    def exemplar(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the search needs of exemplar crops: once per sequence."""
        features = self.backbone(crops)
        return self.exemplar_class(features), self.exemplar_box(features)

    def search(self, crops: torch.Tensor, kernels: tuple[torch.Tensor, torch.Tensor]) -> Maps:
        """The maps of search crops; `kernels` from `exemplar`."""
        features = self.backbone(crops)
        return self.head(
            depthwise(self.search_class(features), kernels[0]),
            depthwise(self.search_box(features), kernels[1]),
        )

    def head(self, classes: torch.Tensor, boxes: torch.Tensor) -> Maps:
        """The maps of both correlations."""
        found = self.class_tower(classes)
        box = self.box(self.box_tower(boxes))
        distances = torch.exp(self.box_scale * box + self.box_bias) * self.config.stride
        return Maps(self.score(found), self.centre(found), distances)

    def forward(self, z: torch.Tensor, x: torch.Tensor) -> Maps:
        """Both, one after the other."""
        return self.search(x, self.exemplar(z))


def depthwise(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Valid correlation of every channel of x with its own channel of the kernel."""
    count, channels, height, width = x.shape
    flat = x.reshape(1, count * channels, height, width)
    kernels = kernel.reshape(count * channels, 1, *kernel.shape[2:])
    y = functional.conv2d(flat, kernels, groups=count * channels)
    return y.reshape(count, channels, *y.shape[2:])


def build(config: Mapping[str, object]) -> SiamFCpp:
    """Build a SiamFC++ from a checkpoint's `config`."""
    return SiamFCpp(SiamFCppConfig.from_mapping(config))
