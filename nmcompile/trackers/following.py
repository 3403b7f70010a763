"""One box per frame from a tracker that starts with the first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Box", "Image", "Tracker", "follow"]

Image = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float64]


class Tracker(Protocol):
    """One track; it was started with the first frame and its box."""

    def step(self, image: Image) -> Box:
        """Find the object in the next frame: x, y, w, h in pixels counted from 0."""


def follow(
    start: Callable[[Image], Tracker], frames: Iterable[Image], box: Sequence[float]
) -> Iterator[Box]:
    """Follow an object through frames.

    Args:
        start: a track of the first frame and its box.
        frames: a `VideoSequence` or anything that yields RGB frames; `box` is in the first.
        box: x, y, w, h in pixels counted from 0.

    Yields:
        One box per frame, as soon as it is known; the first is `box`.
    """
    tracker: Tracker | None = None
    for image in frames:
        if tracker is None:
            tracker = start(image)
            yield np.asarray(box, np.float64)
        else:
            yield tracker.step(image)
