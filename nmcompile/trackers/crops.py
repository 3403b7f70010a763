"""Square crops around a point, padded with the frame's mean colour, resized to the network's."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["crop_square"]

Image = npt.NDArray[np.uint8]


def crop_square(
    image: Image,
    center: tuple[float, float],
    side: float,
    out_size: int,
    fill: npt.NDArray[np.float64],
) -> Image:
    """Cut a square of `side` pixels around `center` and resize it bilinearly.

    Args:
        image: RGB (H, W, 3).
        center: x, y, pixel indices counted from 0.
        side: Side of the region, rounded to whole pixels.
        out_size: Side of the result.
        fill: Colour outside the frame, (3,), usually the frame's mean.

    Returns:
        (out_size, out_size, 3) uint8.
    """
    size = max(2, round(side))
    left = round(center[0] - (size - 1) / 2.0)
    top = round(center[1] - (size - 1) / 2.0)
    height, width = image.shape[:2]
    x0, x1 = min(max(left, 0), width), min(max(left + size, 0), width)
    y0, y1 = min(max(top, 0), height), min(max(top + size, 0), height)
    if (x0, y0, x1, y1) == (left, top, left + size, top + size):
        region = image[y0:y1, x0:x1]
    else:
        region = np.empty((size, size, 3), np.uint8)
        region[:] = np.clip(np.round(fill), 0, 255)
        region[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    resized = cv2.resize(region, (out_size, out_size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)
