"""A SiamFC that can be run as a float network and as the spiking one it will be converted to."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures.siamfc import SiamFC, SiamFCConfig
from training import weights
from training.spiking import (
    even_rate,
    passed_on,
    spikes_of_constant,
    spikes_of_spikes,
)

LEVEL_PERCENTILE = 0.995
OVERFLOW_STRIDE = 4
SAMPLE = 400_000
BIAS_LIMIT = 1.9  # largest bias of a ternary layer, in what a spike adds through its largest weight


@dataclass
class Activity:
    """Of one forward pass, layer by layer.

    Attributes:
        rates: mean of activation / level: spikes per neuron and timestep.
        overflow: mean of what exceeds the level, in levels.
    """

    rates: list[torch.Tensor] = field(default_factory=list)
    overflow: list[torch.Tensor] = field(default_factory=list)


class TrainedSiamFC(nn.Module):
    """The network with one level (real value of a spike per timestep) for each layer.

    Args:
        config: shape; every layer has a ReLU and no pool.
        weight_bits: of every layer; `weights.TERNARY` is trained from the start of the ternary
            phase, other widths in the spiking phase alone.
    """

    def __init__(self, config: SiamFCConfig, weight_bits: tuple[int, ...]) -> None:
        super().__init__()
        if any(config.pools) or not all(config.relu):
            raise ValueError("every layer needs a ReLU and no pool")
        self.config = config
        self.weight_bits = weight_bits
        self.model = SiamFC(config)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.levels = nn.Parameter(torch.ones(config.layers))
        self.ternary = False
        self.follow_levels = True

    def parts(self, index: int) -> tuple[nn.Conv2d, nn.BatchNorm2d | None]:
        """Convolution and batch normalisation of a layer."""
        layer = list(self.model.backbone.children())[index]
        conv, norm = layer[0], layer[1]  # type: ignore[index]
        return conv, norm if isinstance(norm, nn.BatchNorm2d) else None

    def weight(self, index: int) -> torch.Tensor:
        """Weight of a layer before batch normalisation, ternary where it shall be."""
        conv, _ = self.parts(index)
        if self.ternary and self.weight_bits[index] == weights.TERNARY:
            return weights.ternary(conv.weight)
        return conv.weight

    def float_features(self, x: torch.Tensor) -> tuple[torch.Tensor, Activity]:
        """Features of the float network; batch normalisation as its mode says."""
        activity = Activity()
        for index in range(self.config.layers):
            conv, norm = self.parts(index)
            x = functional.conv2d(
                x, self.weight(index), conv.bias, stride=conv.stride, groups=conv.groups
            )
            x = functional.relu(x if norm is None else norm(x))
            if self.training and self.follow_levels:
                self._follow(index, x.detach())
            level = self.levels[index].detach()
            activity.rates.append(x.float().mean() / level)
            above = functional.relu(x[::OVERFLOW_STRIDE].float() - level)
            activity.overflow.append(above.mean() / level)
        return x, activity

    def spiking_features(
        self, x: torch.Tensor, steps: int, *, simulate: bool = True
    ) -> tuple[torch.Tensor, Activity]:
        """Features of the spiking network after `steps` timesteps, as real values.

        Without `simulate` spikes are taken to arrive evenly, which is several times faster.
        """
        activity = Activity()
        spikes: torch.Tensor | None = None
        for index in range(self.config.layers):
            conv, norm = self.parts(index)
            weight, bias = weights.fold(conv, norm, self.weight(index))
            bits = self.weight_bits[index]
            if bits != weights.TERNARY:
                weight = weights.rounded(weight, bits)
            current = functional.conv2d(x, weight, bias, stride=conv.stride, groups=conv.groups)
            level = self.levels[index]
            with torch.no_grad():
                if not simulate:
                    rate = even_rate(current, level, steps)
                elif spikes is None:
                    spikes = spikes_of_constant(current, level, steps)
                    rate = spikes.mean(0)
                else:
                    unit = self.levels[index - 1]
                    spikes = spikes_of_spikes(spikes, conv, weight * unit, bias, level)
                    rate = spikes.mean(0)
            x = passed_on(current, level, rate)
            activity.rates.append(x.mean() / level.detach())
            above = functional.relu(current[::OVERFLOW_STRIDE] - level.detach())
            activity.overflow.append(above.mean() / level.detach())
        return x, activity

    @torch.no_grad()
    def activations(self, x: torch.Tensor) -> list[torch.Tensor]:
        """A sample of the non-zero float activations of every layer."""
        samples = []
        for index in range(self.config.layers):
            conv, norm = self.parts(index)
            x = functional.conv2d(
                x, self.weight(index), conv.bias, stride=conv.stride, groups=conv.groups
            )
            x = functional.relu(x if norm is None else norm(x))
            sample = x.flatten()[:: max(1, x.numel() // SAMPLE)]
            samples.append(sample[sample > 0])
        return samples

    @torch.no_grad()
    def bound_biases(self) -> None:
        """Keep the bias of ternary layers small beside their weights: leaks have few bits."""
        for index, bits in enumerate(self.weight_bits):
            conv, norm = self.parts(index)
            if bits != weights.TERNARY or norm is None or not self.ternary:
                continue
            weight, bias = weights.fold(conv, norm, self.weight(index))
            unit = self.levels[index - 1] if index else torch.ones(())
            limit = float(BIAS_LIMIT * weight.abs().max() * unit)
            norm.bias.add_(bias.clamp(-limit, limit) - bias)

    def _follow(self, index: int, values: torch.Tensor) -> None:
        """Follow a high percentile of the non-zero activations."""
        sample = values.flatten()[:: max(1, values.numel() // 20000)]
        sample = sample[sample > 0].float()
        if sample.numel() > 100:
            self.levels.data[index].lerp_(torch.quantile(sample, LEVEL_PERCENTILE), 0.1)

    def synaptic_share(self) -> list[float]:
        """Synaptic operations of one search crop per unit of rate and timestep, layer by layer."""
        size, share = self.config.search_size, []
        for index in range(1, self.config.layers):
            first = (size - self.config.kernels[index - 1]) // self.config.strides[index - 1] + 1
            size = first
            second = (size - self.config.kernels[index]) // self.config.strides[index] + 1
            inputs = self.config.channels[index - 1] // self.config.groups[index]
            share.append(
                float(second**2 * self.config.channels[index] * inputs)
                * self.config.kernels[index] ** 2
            )
        return share

    def operations(self, activity: Activity, steps: int) -> torch.Tensor:
        """Synaptic operations of one search crop (without borders: as if spikes were even)."""
        share = self.synaptic_share()
        total = torch.zeros(())
        for rate, macs in zip(activity.rates, share, strict=False):
            total = total + rate * macs * steps
        return total
