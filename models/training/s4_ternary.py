"""A SiamFC++ backbone for crossbar cores: ternary weights, small biases, membranes that keep all.

The first layer turns pixels into spikes on the host and keeps its weights. Training holds real
weights; what the convolutions see of them is ternary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import nn
from torch.nn.utils import parametrize

from nmcompile.architectures.siamfcpp import SiamFCpp
from training.network import BIAS_LIMIT
from training.weights import fold, ternary

KEEP_ALL: Final = 32.0
"""A leak whose sigmoid is 1 in single precision: an integrate-and-fire neuron."""


class _Ternary(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return ternary(weight)


def make_ternary(model: SiamFCpp) -> None:
    """Make the backbone's weights behind the first layer ternary, and its leaks 1 for good."""
    for conv, _ in _on_cores(model):
        if not parametrize.is_parametrized(conv):
            parametrize.register_parametrization(conv, "weight", _Ternary())
    for neuron in model.backbone.neurons:
        leak: Any = neuron.leak
        leak.data.fill_(KEEP_ALL)
        leak.requires_grad_(False)


@torch.no_grad()
def bound_biases(model: SiamFCpp) -> None:
    """Keep every folded bias small beside its channel's weight: leaks have few bits."""
    for conv, norm in _on_cores(model):
        weight, bias = fold(conv, norm, conv.weight)
        limit = BIAS_LIMIT * weight.abs().amax((1, 2, 3))
        norm.bias.add_(torch.maximum(torch.minimum(bias, limit), -limit) - bias)


def settle(model: SiamFCpp) -> bool:
    """Put the ternary weights, if there are any, in the place of the real ones."""
    found = [conv for conv, _ in _on_cores(model) if parametrize.is_parametrized(conv)]
    for conv in found:
        parametrize.remove_parametrizations(conv, "weight", leave_parametrized=True)
    return bool(found)


def _on_cores(model: SiamFCpp) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    for block in list(model.backbone.convs)[1:]:
        conv, norm = list(block.children())
        if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
            raise TypeError("a convolution and its normalisation")
        yield conv, norm
