"""Spiking similarity matching as SiamSNN prints it, in real numbers (arXiv 2003.07584, III-C).

z is the exemplar's spike train `(T, C, h, w)`, x the search crop's `(T, C, H, W)`; results are
response maps `(H - h + 1, W - w + 1)`. These functions are the yardstick: what runs is the bank of
`nmcompile.matching.bank`, which tests compare with them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Train = npt.NDArray[Any]


def correlate(z: Train, x: Train) -> Real:
    """z * x of eq. 1: valid cross-correlation, summed over the channels.

        y[i, j] = sum_{c, a, b} z[c, a, b] x[c, i + a, j + b]

    Args:
        z: `(C, h, w)`. x: `(C, H, W)`.
    """
    rows, columns = _extent(z[None], x[None])
    out = np.zeros((rows, columns))
    for a, b in np.ndindex(*z.shape[1:]):
        window = x[:, a : a + rows, b : b + columns].astype(np.float64)
        out += np.einsum("cij,c->ij", window, z[:, a, b].astype(np.float64))
    return out


def potential(z: Train, x: Train) -> Real:
    """PSM, eq. 6: M_V = 1/(2T) (sum_t z_t) * (sum_t x_t)."""
    return correlate(z.sum(axis=0), x.sum(axis=0)) / (2 * len(x))


def temporal(z: Train, x: Train, period: int) -> Real:
    """TSM, eq. 8: M_D = 1/(2T) sum_t sum_{m = t - tau}^{t + tau} (z_m * x_t) / (2 |t - m| + 1).

    With tau = 0 this is eq. 7. Timesteps outside 1..T hold no spikes.

    Args:
        z: exemplar. x: search crop.
        period: response period tau, timesteps.
    """
    steps = len(x)
    total = np.zeros(_extent(z, x))
    for t in range(steps):
        for m in range(max(0, t - period), min(steps, t + period + 1)):
            total += correlate(z[m], x[t]) / (2 * abs(t - m) + 1)
    return total / (2 * steps)


def hybrid(
    z: Train,
    x: Train,
    period: int,
    potential_weight: float,
    temporal_weight: float,
    bias: float = 0.0,
) -> Real:
    """HSM, eq. 9: f = lambda_v M_V + lambda_t M_D + b."""
    return potential_weight * potential(z, x) + temporal_weight * temporal(z, x, period) + bias


def _extent(z: Train, x: Train) -> tuple[int, int]:
    return x.shape[2] - z.shape[2] + 1, x.shape[3] - z.shape[3] + 1
