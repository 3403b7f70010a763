"""Levels to begin the spiking phase with: per layer the percentile that follows the float best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch.nn import functional

from training import losses
from training.network import TrainedSiamFC

PERCENTILES: Final = (0.98, 0.985, 0.99, 0.995)
FIRST: Final = 0.99


@torch.no_grad()
def choose(
    net: TrainedSiamFC, z: torch.Tensor, x: torch.Tensor, steps: Sequence[int]
) -> list[float]:
    """Set `net.levels`, one layer after the other, by the response's measured correlation.

    Args:
        net: in evaluation mode.
        z: normalised exemplar crops.
        x: normalised search crops.
        steps: timesteps to compare at; the mean counts.

    Returns:
        The percentile chosen for every layer.
    """
    activations = net.activations(x)
    fz, fx = net.float_features(z)[0], net.float_features(x)[0]
    floating = functional.conv2d(fx, fz)

    def measured() -> float:
        found = 0.0
        for count in steps:
            sz, _ = net.spiking_features(z, count)
            sx, _ = net.spiking_features(x, count)
            found += float(losses.fidelity(functional.conv2d(sx, sz), floating))
        return found / len(steps)

    chosen = [FIRST] * net.config.layers
    for index, values in enumerate(activations):
        net.levels.data[index] = torch.quantile(values, FIRST)
    best = measured()
    for index, values in enumerate(activations):
        for percentile in PERCENTILES:
            before = float(net.levels[index])
            net.levels.data[index] = torch.quantile(values, percentile)
            found = best if percentile == chosen[index] else measured()
            if found > best:
                best, chosen[index] = found, percentile
            else:
                net.levels.data[index] = before
    return chosen
