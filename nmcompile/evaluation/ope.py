"""One-pass evaluation: overlap, success, precision.

Source: Wu, Lim, Yang, "Online object tracking: a benchmark", CVPR 2013. A tracker starts from the
true box of the first frame and is not restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["OpeResult", "center_error", "evaluate", "iou", "static_boxes", "success_auc"]

Boxes = npt.NDArray[np.float64]

PRECISION_PIXELS: Final = 20.0
_THRESHOLDS: Final = np.linspace(0.0, 1.0, 21)


def iou(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of boxes (N, 4) x, y, w, h; NaN where a box is NaN."""
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=1)
    union = np.prod(a[:, 2:], axis=1) + np.prod(b[:, 2:], axis=1) - shared
    with np.errstate(invalid="ignore", divide="ignore"):
        result: npt.NDArray[np.float64] = np.where(union > 0.0, shared / union, 0.0)
    result[np.isnan(a).any(axis=1) | np.isnan(b).any(axis=1)] = np.nan
    return result


def center_error(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Distance of the boxes' centres, pixels."""
    difference = a[:, :2] + a[:, 2:] / 2.0 - b[:, :2] - b[:, 2:] / 2.0
    distance: npt.NDArray[np.float64] = np.hypot(difference[:, 0], difference[:, 1])
    return distance


def success_auc(overlaps: npt.NDArray[np.float64]) -> float:
    """Area under the success curve: mean over 21 thresholds of the share of overlaps above."""
    return float(np.mean([(overlaps > threshold).mean() for threshold in _THRESHOLDS]))


@dataclass(frozen=True, slots=True)
class OpeResult:
    """What a tracker scored on one sequence.

    Attributes:
        frames: Frames that count: those with a true box, the first one included.
        mean_iou: Mean overlap.
        iou_standard_error: Standard error of the mean overlap. Frames of a video are not
            independent: the variance is multiplied by (1 + r) / (1 - r), r the correlation of
            neighbouring frames.
        success_auc: Area under the success curve.
        precision_20px: Share of frames whose centre is within 20 pixels.
    """

    frames: int
    mean_iou: float
    iou_standard_error: float
    success_auc: float
    precision_20px: float


def _standard_error(values: npt.NDArray[np.float64]) -> float:
    """Standard error of the mean of a first-order autoregressive series."""
    count = len(values)
    deviation = values - values.mean()
    power = float(deviation @ deviation)
    if count < 3 or power == 0.0:
        return 0.0
    neighbour = min(max(float(deviation[1:] @ deviation[:-1]) / power, 0.0), 0.99)
    return float(np.sqrt(power / (count - 1) / count * (1.0 + neighbour) / (1.0 - neighbour)))


def evaluate(predicted: Boxes, truth: Boxes) -> OpeResult:
    """Score a tracker's boxes against the true ones.

    Args:
        predicted: (N, 4) x, y, w, h, one per frame.
        truth: (N, 4), NaN rows are left out.

    Raises:
        ValueError: The lengths differ, or no frame has a true box.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"{len(predicted)} boxes for {len(truth)} frames")
    counted = np.isfinite(truth).all(axis=1)
    if not counted.any():
        raise ValueError("no frame has a true box")
    overlaps = iou(predicted[counted], truth[counted])
    errors = center_error(predicted[counted], truth[counted])
    return OpeResult(
        frames=int(counted.sum()),
        mean_iou=float(overlaps.mean()),
        iou_standard_error=_standard_error(overlaps),
        success_auc=success_auc(overlaps),
        precision_20px=float((errors <= PRECISION_PIXELS).mean()),
    )


def static_boxes(truth: Boxes) -> Boxes:
    """The baseline that never moves: the first true box in every frame."""
    known = np.flatnonzero(np.isfinite(truth).all(axis=1))
    if not known.size:
        raise ValueError("no frame has a true box")
    return np.repeat(truth[known[:1]], len(truth), axis=0)
