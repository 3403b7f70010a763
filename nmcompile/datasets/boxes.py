"""Ground truth files of tracking benchmarks: text lines to axis-aligned boxes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["Boxes", "polygon_to_box", "read_boxes"]

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
        if len(values) == _POLYGON:
            values = polygon_to_box(values)
        elif len(values) != _RECTANGLE:
            raise _malformed(path, number, f"expected 4 or 8 numbers, got {len(values)}", line)
        if np.isfinite(values).all() and (values[2:] > 0).all():
            rows.append(values - [origin, origin, 0.0, 0.0])
        else:
            rows.append(np.full(4, np.nan))
    return np.array(rows, np.float64).reshape(-1, 4)
