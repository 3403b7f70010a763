"""Every matching rule as a bank of integer weights: response = scale * sum_t w_t * x_t.

PSM needs one set of weights for all timesteps (P = 1), w = sum_m z_m. TSM and HSM have one for
every timestep (P = T): the exemplar, filtered over time once per template,

    w_t = lambda_v L sum_m z_m + lambda_t sum_{|t - m| <= tau} (L / (2 |t - m| + 1)) z_m

with L = lcm(1, 3, .., 2 tau + 1), so that everything is an integer. TSM is lambda_v = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TimeWeights:
    """How strongly spikes at different timesteps count.

    Attributes:
        potential: lambda_v, integer. temporal: lambda_t, integer; not both are 0.
        period: tau, timesteps.
    """

    potential: int
    temporal: int
    period: int

    @property
    def denominator(self) -> int:
        """L, the least common multiple of the divisors 2d + 1 for d = 0..tau."""
        return lcm(*(2 * d + 1 for d in range(self.period + 1)))

    @property
    def taps(self) -> tuple[int, ...]:
        """L / (2d + 1) for d = 0..tau."""
        return tuple(self.denominator // (2 * d + 1) for d in range(self.period + 1))

    def matrix(self, timesteps: int) -> Ints:
        """`(T, T)` weight of an exemplar spike at m (column) for search spikes at t (row)."""
        steps = np.arange(timesteps)
        distance = np.abs(steps[:, None] - steps[None, :])
        near = np.zeros((timesteps, timesteps), np.int64)
        for d, tap in enumerate(self.taps):
            near[distance == d] = tap
        return self.potential * self.denominator + self.temporal * near

    def largest(self, timesteps: int) -> int:
        """The largest weight of a bank whose exemplar spikes at every timestep."""
        return int(self.matrix(timesteps).sum(axis=1).max())

    def operations(self, timesteps: int) -> int:
        """Multiply-adds that one element of the exemplar takes to become T weights."""
        steps = range(timesteps)
        band = sum(abs(t - m) <= self.period for t in steps for m in steps)
        return (band if self.temporal else 0) + (2 * timesteps if self.potential else 0)

    def gain(self, timesteps: int) -> float:
        """Mean entry of `matrix`: what a bank's response is of PSM's when spikes ignore time.

        Dividing by it puts every rule on PSM's scale. This is our convention: only the shape of
        TSM's and HSM's responses has a meaning in the paper.
        """
        return float(self.matrix(timesteps).mean())


def bank(train: npt.NDArray[Any], weights: TimeWeights) -> Ints:
    """The weights of every timestep.

    Args:
        train: exemplar spikes (or signed differences of them) `(T, ...)`, integers.
        weights: of potential and temporal similarity.

    Returns:
        `(T, ...)`.
    """
    flat = train.reshape(len(train), -1).astype(np.int64)
    return (weights.matrix(len(train)) @ flat).reshape(train.shape)


def signed(train: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """x+ - x- where the channels of `axis` hold x+ and x- in turn."""
    moved = np.moveaxis(train, axis, -1)
    return np.moveaxis(moved[..., 0::2] - moved[..., 1::2], -1, axis)
