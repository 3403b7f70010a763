"""The attention mask of DashNet (arXiv 1909.12942, eqs. 10 to 12)."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["JITTER", "Prefactor", "attended", "attention_mask", "jittered", "prefactor"]

Prefactor = Literal["printed", "normalised"]
Box = npt.NDArray[np.float64]

JITTER: Final = 0.1
"""Standard deviation of alpha and beta in eq. 12."""
_SMALLEST: Final = 1 / 6


def prefactor(sigma: float, reading: Prefactor = "printed") -> float:
    """Height of the mask's Gaussian outside the box.

    "printed" is eq. 11 as it stands, 1 / (2 pi sqrt(sigma)). "normalised" takes the square root
    for a slip and has the Gaussian integrate to 1, 1 / (2 pi sigma^2). The printed one is the
    default: at the sizes of a view the other is below half a grey level everywhere (sigma above
    9 pixels), so that an 8-bit masked image would show nothing outside the box.
    Neither is 1 at the box: the step at its border is in the paper.

    Args:
        sigma: of the Gaussian, pixels of the view (the paper states none).
        reading: see above.
    """
    if reading == "printed":
        return 1.0 / (2.0 * math.pi * math.sqrt(sigma))
    return 1.0 / (2.0 * math.pi * sigma * sigma)


def attention_mask(
    box: Box, size: int, sigma: float, reading: Prefactor = "printed"
) -> npt.NDArray[np.float64]:
    """M of eq. 11: 1 inside the box, a Gaussian around its centre outside.

    Args:
        box: `(4,)` centre x, centre y, width, height in parts of the view's sides.
        size: side of the view, pixels.
        sigma: of the Gaussian, pixels.
        reading: of the Gaussian's height, see `prefactor`.

    Returns:
        `(size, size)`, rows first.
    """
    centre_x, centre_y, width, height = np.asarray(box, np.float64) * size
    middle = np.arange(size) + 0.5
    dx, dy = middle[None, :] - centre_x, middle[:, None] - centre_y
    inside = (np.abs(dx) <= width / 2.0) & (np.abs(dy) <= height / 2.0)
    gauss = prefactor(sigma, reading) * np.exp(-(dx**2 + dy**2) / (2.0 * sigma * sigma))
    return np.where(inside, 1.0, np.minimum(gauss, 1.0))


def attended(
    image: npt.NDArray[np.uint8], box: Box, sigma: float, reading: Prefactor = "printed"
) -> npt.NDArray[np.uint8]:
    """The ANN's input: a view and the view times its mask, rounded to 8 bits.

    Args:
        image: `(S, S)` grey view.
        box: where the object was last, in parts of the view's sides.
        sigma: see `attention_mask`. reading: likewise.

    Returns:
        `(2, S, S)`.
    """
    mask = attention_mask(box, image.shape[0], sigma, reading)
    return np.stack([image, np.rint(image * mask).astype(np.uint8)])


def jittered(box: Box, rng: np.random.Generator, deviation: float = JITTER) -> Box:
    """h' = (1 + alpha)(a + beta), alpha and beta from N(0, 0.1) (eq. 12).

    Stands for the tracker's last box while training, in parts of the view's sides. The four
    values draw their own alpha and beta. The paper gives beta no unit: here it counts in the
    box's own sides, so that neither size nor place of the object decides how hard an example is.
    Widths and heights below a sixth of the true ones are taken for that.

    Args:
        box: `(4,)` true box. rng: where alpha and beta come from. deviation: their spread.
    """
    alpha, beta = rng.normal(0.0, deviation, size=(2, 4))
    true = np.asarray(box, np.float64)
    found = (1.0 + alpha) * (true + beta * np.tile(true[2:], 2))
    found[2:] = np.maximum(found[2:], true[2:] * _SMALLEST)
    return np.asarray(found, np.float64)
