"""Pictures between two pictures of a film, as grey levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["INTERPOLATIONS", "Grey", "flow", "linear"]

Grey = npt.NDArray[np.float32]

_SMALLEST_SIDE: Final = 16


def linear(before: Grey, after: Grey, count: int) -> list[Grey]:
    """Blend: every pixel goes on a straight line from one grey level to the other."""
    return [before + np.float32(k / (count + 1)) * (after - before) for k in range(1, count + 1)]


def flow(before: Grey, after: Grey, count: int) -> list[Grey]:
    """Move both pictures along the optical flow between them and blend them.

    The flow comes from OpenCV's DIS (Kroeger et al., ECCV 2016), in both directions. The flow from
    the picture between to its two neighbours is combined from them as Super SloMo does
    (Jiang et al., CVPR 2018, eq. 4); the nearer neighbour weighs more.
    """
    if count == 0:
        return []
    forward, backward = _dis(before, after), _dis(after, before)
    height, width = before.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    grid = np.stack([x, y], axis=-1)
    found = []
    for k in range(1, count + 1):
        t = np.float32(k / (count + 1))
        to_before = -(1 - t) * t * forward + t * t * backward
        to_after = (1 - t) * (1 - t) * forward - t * (1 - t) * backward
        moved = (1 - t) * _sampled(before, grid + to_before) + t * _sampled(after, grid + to_after)
        found.append(moved.astype(np.float32))
    return found


def _dis(before: Grey, after: Grey) -> npt.NDArray[np.float32]:
    """Dense displacement (H, W, 2) of every pixel of `before`, pixels."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    height, width = before.shape
    # DIS refuses pictures without room for its patches; their borders are continued
    right, below = max(0, _SMALLEST_SIDE - width), max(0, _SMALLEST_SIDE - height)
    first, second = (
        cv2.copyMakeBorder(
            np.rint(picture).astype(np.uint8), 0, below, 0, right, cv2.BORDER_REPLICATE
        )
        for picture in (before, after)
    )
    found = method.calc(first, second, np.zeros((*first.shape, 2), np.float32))
    return np.asarray(found, np.float32)[:height, :width]


def _sampled(picture: Grey, places: npt.NDArray[np.float32]) -> Grey:
    found = cv2.remap(
        picture,
        places[..., 0],
        places[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found, np.float32)


INTERPOLATIONS: Final[dict[str, Callable[[Grey, Grey, int], list[Grey]]]] = {
    "linear": linear,
    "flow": flow,
}
"""By name: picture before, picture after, how many between -> those, in order."""
