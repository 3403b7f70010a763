"""Ground truth files of tracking benchmarks: text lines to axis-aligned boxes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["Boxes", "box_to_polygon", "polygon_to_box", "read_boxes", "read_polygons"]

Boxes = npt.NDArray[np.float64]

_SEPARATOR: Final = re.compile(r"[,;\s]+")
_RECTANGLE: Final = 4
_POLYGON: Final = 8


def polygon_to_box(polygon: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Axis-aligned box (x, y, w, h) around the polygon's mean point, with the polygon's area.

    The polygon's bounding box is shrunk about its corners' mean by sqrt(A_polygon / A_bounds), as
    the VOT toolkits do (`get_axis_aligned_bbox`), because the bounds of a turned rectangle are
    too large. The area is that of the parallelogram of the first three corners.

    Args:
        polygon: x1, y1, ..., x4, y4.
    """
    points = polygon.reshape(4, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    first, second = points[1] - points[0], points[2] - points[1]
    area = float(np.hypot(*first) * np.hypot(*second))
    bounds = float(np.prod(high - low))
    shrink = np.sqrt(area / bounds) if bounds > 0 else 1.0
    size = shrink * (high - low)
    return np.concatenate([points.mean(axis=0) - size / 2.0, size])


def box_to_polygon(box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corners x1, y1, ..., x4, y4 of a box x, y, w, h, in turn around it."""
    x, y, w, h = box
    return np.array([x, y, x + w, y, x + w, y + h, x, y + h], np.float64)


def _malformed(path: Path, line: int, message: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0513",
            message=message,
            where=f"{path}:{line}",
            found=found[:60],
            help=("a line is `x,y,w,h` or the four corners `x1,y1,...,x4,y4`; NaN for no box",),
        )
    )


def read_boxes(path: Path, origin: float = 0.0) -> Boxes:
    """Read a ground truth file: one line per frame, commas, tabs or spaces.

    Args:
        path: Four numbers (x, y, w, h) or eight (polygon) per line; `NaN` or an empty box
            (no width or height) stands for a frame in which the object is not visible.
        origin: Coordinates of the first pixel in the file: 1 for OTB, 0 otherwise. It is
            subtracted, so that boxes count from 0.

    Returns:
        (N, 4) float64: x, y, w, h in pixels; NaN rows for frames without a box.

    Raises:
        NmError: NM0513, with file and line, for anything else.
    """
    rows = [_box_of(values) for values in _rows(path)]
    return np.array(rows, np.float64).reshape(-1, 4) - [origin, origin, 0.0, 0.0]


def read_polygons(path: Path) -> npt.NDArray[np.float64]:
    """Read a ground truth file as polygons `(N, 8)`; rectangles become their four corners.

    NaN rows for frames without a box. Raises NM0513 as `read_boxes` does.
    """
    corners = []
    for values in _rows(path):
        box = _box_of(values)
        if np.isnan(box).any():
            corners.append(np.full(_POLYGON, np.nan))
        else:
            corners.append(values if len(values) == _POLYGON else box_to_polygon(box))
    return np.array(corners, np.float64).reshape(-1, _POLYGON)


def _box_of(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """x, y, w, h of a line's four or eight numbers; NaN when it stands for no box."""
    box = polygon_to_box(values) if len(values) == _POLYGON else values
    if np.isfinite(box).all() and (box[2:] > 0).all():
        return box
    return np.full(_RECTANGLE, np.nan)


def _rows(path: Path) -> list[npt.NDArray[np.float64]]:
    """Four or eight numbers per line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise _malformed(path, 1, "the ground truth is not a text file", "binary data") from None
    rows = []
    for number, line in enumerate(text.rstrip().splitlines(), start=1):
        fields = [field for field in _SEPARATOR.split(line.strip()) if field]
        try:
            values = np.array([float(field) for field in fields])
        except ValueError:
            raise _malformed(path, number, "a box is not made of numbers", line) from None
        if len(values) not in (_RECTANGLE, _POLYGON):
            raise _malformed(path, number, f"expected 4 or 8 numbers, got {len(values)}", line)
        rows.append(values)
    return rows
