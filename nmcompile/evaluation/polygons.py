"""Overlap of two regions given by polygons, within the bounds of a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["area", "clip", "overlap"]

Points = npt.NDArray[np.float64]


def area(points: Points) -> float:
    """Area of a simple polygon `(N, 2)`, whichever way it turns."""
    if len(points) < 3:
        return 0.0
    x, y = points[:, 0], points[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2.0


def clip(points: Points, box: tuple[float, float, float, float]) -> Points:
    """The part of a polygon within a rectangle (left, top, right, bottom).

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", CACM 17(1), 1974. The polygon
    may be concave: the parts then hang together by edges without area.
    """
    for axis, sign, limit in (
        (0, 1.0, box[0]),
        (1, 1.0, box[1]),
        (0, -1.0, box[2]),
        (1, -1.0, box[3]),
    ):
        points = _half_plane(points, axis, sign, limit)
    return points


def overlap(
    truth: npt.NDArray[np.float64], found: npt.NDArray[np.float64], size: tuple[int, int]
) -> float:
    """Intersection over union of a polygon and a box, both cut at the picture's borders.

    Args:
        truth: x1, y1, ..., x4, y4.
        found: x, y, w, h.
        size: (width, height) of the picture, pixels.

    Returns:
        0..1; 0 when both are empty, NaN when the truth is not known.
    """
    if np.isnan(truth).any():
        return float("nan")
    x, y, w, h = (float(v) for v in found)
    rectangle = (max(x, 0.0), max(y, 0.0), min(x + w, float(size[0])), min(y + h, float(size[1])))
    whole = clip(truth.reshape(-1, 2), (0.0, 0.0, float(size[0]), float(size[1])))
    own = max(rectangle[2] - rectangle[0], 0.0) * max(rectangle[3] - rectangle[1], 0.0)
    shared = area(clip(whole, rectangle)) if own > 0.0 else 0.0
    union = area(whole) + own - shared
    return shared / union if union > 0.0 else 0.0


def _half_plane(points: Points, axis: int, sign: float, limit: float) -> Points:
    """The part of a polygon with sign * coordinate >= sign * limit."""
    kept: list[Points] = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        inside = sign * (start[axis] - limit) >= 0.0
        if inside:
            kept.append(start)
        if inside != (sign * (end[axis] - limit) >= 0.0):
            share = (limit - start[axis]) / (end[axis] - start[axis])
            kept.append(start + share * (end - start))
    return np.array(kept, np.float64).reshape(-1, 2)
