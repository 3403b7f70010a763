"""DashNet: a convolutional network on frames and a spiking one on events, each giving one box.

    ANN  32C3S3-MP2-64C3S1-MP2-128C3S1-128C1S1-MP2-256C2S2-FC1024-FC4
    SNN  MP2-32C3S3-64C3S1-128C3S1-128C3S2-256C3S2-FC1024-FC4

nCkSs: n filters, k x k, stride s, padding k // 2; MP2: 2 x 2 max pool (floor). Source: Yang et al.,
"DashNet: a hybrid artificial and spiking neural network for high-speed object tracking" (arXiv
1909.12942), section 4. The paper prints neither input size nor padding: 152 x 152 with k // 2 and
two input channels are the ones that give its 32.3 M multiplications.

Both networks answer with four values: centre x, centre y, width and height of the box in parts
of the view's sides (`nmcompile.trackers.dashnet.view`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures import config_values
from nmcompile.architectures.config_values import bad, number

__all__ = ["DashNet", "DashNetConfig", "LayerSize", "build"]

POOL: Final = 2
CHANNELS: Final = 2
"""Of the ANN: image and attention-masked image; of the SNN: events that darken and brighten."""
VALUES: Final = 4
SURROGATE_WIDTH: Final = 1.0
"""Width of the surrogate derivative's rectangle, in thresholds."""
MAX_SIZE: Final = 4096
MAX_TIMESTEPS: Final = 1024


@dataclass(frozen=True, slots=True)
class _Conv:
    """nCkSs: filters, kernel, stride."""

    filters: int
    kernel: int
    stride: int


_MP2: Final = "MP2"
_ANN: Final = (
    *(_Conv(32, 3, 3), _MP2, _Conv(64, 3, 1), _MP2, _Conv(128, 3, 1), _Conv(128, 1, 1), _MP2),
    _Conv(256, 2, 2),
)
_SNN: Final = (
    *(_MP2, _Conv(32, 3, 3), _Conv(64, 3, 1), _Conv(128, 3, 1), _Conv(128, 3, 2)),
    _Conv(256, 3, 2),
)
_HIDDEN: Final = 1024


@dataclass(frozen=True, slots=True)
class LayerSize:
    """What one layer with weights costs.

    Attributes:
        name: of the layer. macs: products of one pass (of one timestep in the SNN).
        neurons: outputs. weights: weights without biases.
    """

    name: str
    macs: int
    neurons: int
    weights: int


@dataclass(frozen=True, slots=True)
class DashNetConfig:
    """Everything that fixes a DashNet's shape; the defaults are the published networks.

    Attributes:
        input_size: side of both networks' square input, pixels.
        ann_width: factor on the ANN's filters and hidden neurons.
        snn_width: likewise, of the SNN.
        timesteps: T of one event window.
        timestep_s: dt of eq. 1, and the length of one event bin, seconds.
        tau_s: time constant of the membrane, seconds.
        threshold: V_th of eq. 2.
    """

    input_size: int = 152
    ann_width: float = 1.0
    snn_width: float = 1.0
    timesteps: int = 4
    timestep_s: float = 1e-3
    tau_s: float = 2e-3
    threshold: float = 1.0

    def __post_init__(self) -> None:
        """Check types and ranges, and that the input leaves a feature map (NM0111)."""
        for name, limit in (("input_size", MAX_SIZE), ("timesteps", MAX_TIMESTEPS)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
                raise bad(name, f"expected an integer from 1 to {limit}", value)
        for name in ("ann_width", "snn_width", "timestep_s", "tau_s", "threshold"):
            value = getattr(self, name)
            object.__setattr__(self, name, number(name, value))
            if not (math.isfinite(value) and value > 0):
                raise bad(name, "expected a positive number", value)
        for name in ("ann_width", "snn_width"):
            if not 1 / 32 <= getattr(self, name) <= 8:
                raise bad(name, "expected a factor from 1/32 to 8", getattr(self, name))
        _ = self.ann_layers, self.snn_layers  # raise when nothing is left of the input

    @classmethod
    def from_mapping(cls, config: Mapping[str, object]) -> DashNetConfig:
        """Read a checkpoint's `config`; unknown keys are refused (NM0111)."""
        return config_values.read(cls, config)

    def to_mapping(self) -> dict[str, object]:
        """Return the configuration in JSON types."""
        return asdict(self)

    @property
    def decay(self) -> float:
        """Part of the membrane kept per timestep, exp(-dt / tau) of eq. 1."""
        return math.exp(-self.timestep_s / self.tau_s)

    @property
    def window_s(self) -> float:
        """Length of one event window, seconds."""
        return self.timesteps * self.timestep_s

    @property
    def ann_layers(self) -> tuple[LayerSize, ...]:
        """The ANN's layers with weights, in order."""
        return _sizes(_ANN, self.input_size, self.ann_width)

    @property
    def snn_layers(self) -> tuple[LayerSize, ...]:
        """The SNN's layers with weights, in order."""
        return _sizes(_SNN, self.input_size, self.snn_width)


def _scaled(number: int, width: float) -> int:
    return max(1, round(number * width))


def _sizes(layers: tuple[_Conv | str, ...], input_size: int, width: float) -> tuple[LayerSize, ...]:
    """Sizes of a chain of convolutions and pools and the two layers behind it."""
    found: list[LayerSize] = []
    side, channels = input_size, CHANNELS
    for layer in layers:
        if isinstance(layer, str):
            side //= POOL
        else:
            padding = layer.kernel // 2
            side = (side + 2 * padding - layer.kernel) // layer.stride + 1
            filters = _scaled(layer.filters, width)
            weights = filters * channels * layer.kernel**2
            name = f"conv{len(found) + 1}"
            found.append(LayerSize(name, side * side * weights, side * side * filters, weights))
            channels = filters
        if side < 1:
            raise bad("input_size", "nothing is left of the input after a layer", input_size)
    hidden = _scaled(_HIDDEN, width)
    flat = channels * side * side
    found.append(LayerSize("fc1", flat * hidden, hidden, flat * hidden))
    found.append(LayerSize("fc2", hidden * VALUES, VALUES, hidden * VALUES))
    return tuple(found)


class _Lif(torch.autograd.Function):
    """All timesteps of a population (eqs. 1 to 3), with backpropagation through time.

    The derivative of a spike is taken for a rectangle around the threshold, of area 1 (Wu et al.
    2018, "Spatio-temporal backpropagation", eq. 24); the reset passes no gradient.
    """

    @staticmethod
    def forward(ctx: Any, currents: torch.Tensor, decay: float, threshold: float) -> torch.Tensor:
        """Spikes of currents, both (T, B, ...)."""
        membranes = torch.empty_like(currents)
        spikes = torch.empty_like(currents)
        kept = torch.zeros_like(currents[0])
        for current, membrane, fired in zip(currents, membranes, spikes, strict=True):
            torch.add(current, kept, alpha=decay, out=membrane)
            torch.gt(membrane, threshold, out=fired)
            kept = membrane * (1.0 - fired)
        ctx.save_for_backward(membranes, spikes)
        ctx.decay, ctx.threshold = decay, threshold
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Gradients of the currents, the last timestep first."""
        membranes, spikes = ctx.saved_tensors
        width = SURROGATE_WIDTH * ctx.threshold
        found = (membranes - ctx.threshold).abs_().lt_(width / 2).mul_(gradients[0]).div_(width)
        for t in range(len(found) - 2, -1, -1):
            found[t].addcmul_(found[t + 1], 1.0 - spikes[t], value=ctx.decay)
        return found, None, None


class LifLayer(nn.Module):
    """Leaky integrate-and-fire neurons over a whole window (eqs. 1 to 3).

        u[t] = decay * u[t-1] + I[t];  o[t] = u[t] > threshold;  u[t] = 0 where o[t]

    A membrane exactly at the threshold does not fire (eq. 2; eq. 3 would reset it all the same).

    Args:
        decay: part of the membrane kept per timestep.
        threshold: V_th.
    """

    def __init__(self, decay: float, threshold: float) -> None:
        super().__init__()
        self.decay = decay
        self.threshold = threshold

    def forward(self, currents: torch.Tensor) -> torch.Tensor:
        """Spikes (T, B, ...) of currents (T, B, ...); every window starts at 0."""
        spikes: torch.Tensor = _Lif.apply(  # type: ignore[no-untyped-call]
            currents, self.decay, self.threshold
        )
        return spikes


class Ann(nn.Module):
    """The network on frames (eq. 5): convolutions, ReLU, max pools, two dense layers.

    Submodules are called `conv1` ... `conv5`, `fc1` and `fc2`.
    """

    def __init__(self, config: DashNetConfig) -> None:
        super().__init__()
        self._order = _add_layers(self, _ANN, config.ann_layers, bias=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Boxes (B, 4) of images (B, 2, S, S): the view and the view times its mask."""
        x = images
        for name in self._order:
            x = functional.max_pool2d(x, POOL) if name == _MP2 else torch.relu(self.layer(name)(x))
        hidden = torch.relu(self.layer("fc1")(x.flatten(1)))
        boxes: torch.Tensor = self.layer("fc2")(hidden)
        return boxes

    def layer(self, name: str) -> nn.Module:
        """The submodule called `name`."""
        return self.get_submodule(name)


class Snn(nn.Module):
    """The network on events: LIF neurons behind every layer, a linear read-out of spike counts.

    The read-out is eq. 4's: y = W sum_t o(t) + b over the spikes o of `fc1`. The spiking layers
    have no bias (eq. 1): without events nothing fires. The max pool of the input is an OR.
    """

    def __init__(self, config: DashNetConfig) -> None:
        super().__init__()
        order = _add_layers(self, _SNN, config.snn_layers, bias=False)
        self._order = tuple(name for name in order if name != _MP2)  # only the input is pooled
        self.lif = LifLayer(config.decay, config.threshold)

    def forward(self, events: torch.Tensor) -> torch.Tensor:
        """Boxes (B, 4) of event windows (T, B, 2, S, S), each element 0 or 1."""
        return self.read_out(self.spikes(events)[-1])

    def spikes(self, events: torch.Tensor) -> list[torch.Tensor]:
        """Spikes (T, B, ...) of every population, `conv1` to `fc1`."""
        return self.populations(functional.max_pool2d(events.flatten(0, 1), POOL), len(events))

    def populations(self, pooled: torch.Tensor, timesteps: int) -> list[torch.Tensor]:
        """The same of events that are pooled already: (T B, 2, S / 2, S / 2)."""
        x, found = pooled, []
        for name in (*self._order, "fc1"):
            # All timesteps at once: a layer's currents depend on its input's spikes only.
            currents = self.layer(name)(x.flatten(1) if name == "fc1" else x)
            spikes = self.lif(currents.unflatten(0, (timesteps, -1)))
            found.append(spikes)
            x = spikes.flatten(0, 1)
        return found

    def read_out(self, spikes: torch.Tensor) -> torch.Tensor:
        """Boxes (B, 4) of the spikes (T, B, N) of `fc1`."""
        boxes: torch.Tensor = self.layer("fc2")(spikes.sum(0))
        return boxes

    def layer(self, name: str) -> nn.Module:
        """The submodule called `name`."""
        return self.get_submodule(name)


def _add_layers(
    module: nn.Module, layers: tuple[_Conv | str, ...], sizes: tuple[LayerSize, ...], *, bias: bool
) -> tuple[str, ...]:
    """Add the layers with weights to `module`; returns the order of convolutions and pools."""
    order = []
    channels = CHANNELS
    rows = iter(sizes)
    for layer in layers:
        if isinstance(layer, str):
            order.append(layer)
            continue
        row = next(rows)
        filters = row.weights // (channels * layer.kernel**2)
        conv = nn.Conv2d(
            *(channels, filters, layer.kernel, layer.stride, layer.kernel // 2), bias=bias
        )
        module.add_module(row.name, conv)
        order.append(row.name)
        channels = filters
    hidden, last = rows
    inputs = hidden.weights // hidden.neurons
    module.add_module(hidden.name, nn.Linear(inputs, hidden.neurons, bias=bias))
    module.add_module(last.name, nn.Linear(hidden.neurons, last.neurons))
    return tuple(order)


class DashNet(nn.Module):
    """Both networks under one name: `ann` and `snn` share nothing but the configuration.

    Args:
        config: the shape.
    """

    def __init__(self, config: DashNetConfig) -> None:
        super().__init__()
        self.config = config
        self.ann = Ann(config)
        self.snn = Snn(config)


def build(config: Mapping[str, object]) -> DashNet:
    """Build a DashNet from a checkpoint's `config`."""
    return DashNet(DashNetConfig.from_mapping(config))
