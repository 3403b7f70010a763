"""One-pass evaluation: overlap, success, precision.

Source: Wu, Lim, Yang, "Online object tracking: a benchmark", CVPR 2013. A tracker starts from the
true box of the first frame and is not restarted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.evaluation.estimates import series_error

__all__ = [
    "PRECISION_PIXELS",
    "PRECISION_THRESHOLDS",
    "SUCCESS_THRESHOLDS",
    "OpeResult",
    "center_error",
    "evaluate",
    "iou",
    "precision_curve",
    "static_boxes",
    "success_auc",
    "success_curve",
]

Boxes = npt.NDArray[np.float64]

PRECISION_PIXELS: Final = 20.0
"""The threshold of the one-figure precision."""
SUCCESS_THRESHOLDS: Final = tuple(i / 20 for i in range(21))
"""Overlaps of the success curve, 0 to 1."""
PRECISION_THRESHOLDS: Final = tuple(float(i) for i in range(51))
"""Centre errors of the precision curve, pixels."""


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


def success_curve(overlaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of frames with an overlap above each of 21 thresholds."""
    return np.array([(overlaps > t).mean() for t in SUCCESS_THRESHOLDS])


def precision_curve(errors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of frames with a centre error of at most 0, 1, ... 50 pixels."""
    return np.array([(errors <= t).mean() for t in PRECISION_THRESHOLDS])


def success_auc(overlaps: npt.NDArray[np.float64]) -> float:
    """Area under the success curve: the mean over its 21 thresholds."""
    return float(success_curve(overlaps).mean())


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
        iou_standard_error=series_error(overlaps) or 0.0,
        success_auc=success_auc(overlaps),
        precision_20px=float((errors <= PRECISION_PIXELS).mean()),
    )


def static_boxes(truth: Boxes) -> Boxes:
    """The baseline that never moves: the first true box in every frame."""
    known = np.flatnonzero(np.isfinite(truth).all(axis=1))
    if not known.size:
        raise ValueError("no frame has a true box")
    return np.repeat(truth[known[:1]], len(truth), axis=0)
