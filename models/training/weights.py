"""Weights as the chip will hold them, with a straight-through gradient."""

from __future__ import annotations

import torch
from torch import nn

TERNARY = 2
"""Weight bits of {-s, 0, +s}."""


def fold(
    conv: nn.Conv2d, norm: nn.BatchNorm2d | None, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution that does the frozen batch normalisation behind it too."""
    bias = conv.bias if conv.bias is not None else torch.zeros(conv.out_channels)
    if norm is None:
        return weight, bias
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise TypeError("batch normalisation without running statistics")
    factor = norm.weight / torch.sqrt(variance + norm.eps)
    return weight * factor[:, None, None, None], norm.bias + (bias - mean) * factor


def ternary(weight: torch.Tensor) -> torch.Tensor:
    """{-s, 0, +s} per output channel.

    Source: Li, Zhang & Liu, "Ternary weight networks", arXiv 1605.04711: everything below 0.7 of
    the mean magnitude is zero, s is the mean magnitude of the rest.
    """
    magnitude = weight.detach().abs()
    axes = (1, 2, 3)
    keep = magnitude > 0.7 * magnitude.mean(axes, keepdim=True)
    scale = (magnitude * keep).sum(axes, keepdim=True) / keep.sum(axes, keepdim=True).clamp(min=1)
    return straight_through(weight, weight.detach().sign() * keep * scale)


def rounded(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Multiples of one step per layer that fit into `bits` with a sign."""
    step = weight.detach().abs().max() / (2 ** (bits - 1) - 1)
    return straight_through(weight, (weight.detach() / step).round() * step)


def straight_through(value: torch.Tensor, instead: torch.Tensor) -> torch.Tensor:
    """`instead` with the gradient of `value`."""
    return value + (instead - value).detach()
