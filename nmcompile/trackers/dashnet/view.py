"""The view: the part of the sensor that both networks see, and its coordinates.

A view is a rectangle around the last box, `CONTEXT` times as wide and as high, resized to the
networks' square input. In its coordinates the box of an object that has not moved is
(.5, .5, 1 / CONTEXT, 1 / CONTEXT), whatever its shape: both networks answer relative to what was
known, as in Held et al. 2016 (GOTURN). The DashNet paper does not say what its inputs show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.stream import EventStream
from nmcompile.datasets.events.windows import Window, spike_tensor

__all__ = ["CONTEXT", "SMALLEST_PX", "View"]

CONTEXT: Final = 3.0
"""Sides of a view in sides of the box."""
SMALLEST_PX: Final = 6.0
"""Sides of a box below this are taken for this when a view is made, sensor pixels."""

Box = npt.NDArray[np.float64]
Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class View:
    """A rectangle on the sensor, pixels; x to the right, y down, pixel i covers [i, i + 1).

    Attributes:
        left: of its left edge. top: of its upper edge. width: of the view. height: likewise.
    """

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def around(cls, box: Sequence[float] | Box) -> View:
        """The view of a box x, y, w, h (left upper corner, sensor pixels)."""
        x, y, w, h = (float(v) for v in box)
        width, height = CONTEXT * max(w, SMALLEST_PX), CONTEXT * max(h, SMALLEST_PX)
        return cls(x + w / 2.0 - width / 2.0, y + h / 2.0 - height / 2.0, width, height)

    def inward(self, box: Sequence[float] | Box) -> Box:
        """A box x, y, w, h on the sensor -> centre x, centre y, w, h in parts of the view."""
        x, y, w, h = (float(v) for v in box)
        return np.array(
            [
                (x + w / 2.0 - self.left) / self.width,
                (y + h / 2.0 - self.top) / self.height,
                w / self.width,
                h / self.height,
            ]
        )

    def outward(self, values: Sequence[float] | Box) -> Box:
        """The reverse of `inward`; sizes below a pixel become a pixel."""
        cx, cy, w, h = (float(v) for v in values)
        width, height = max(1.0, w * self.width), max(1.0, h * self.height)
        x = self.left + cx * self.width - width / 2.0
        y = self.top + cy * self.height - height / 2.0
        return np.array([x, y, width, height])

    def look(self, frame: Gray, size: int) -> Gray:
        """What a frame shows in the view, `(size, size)`; black outside the sensor.

        Args:
            frame: `(H, W)` grey. size: side of the result, pixels.
        """
        scale_x, scale_y = size / self.width, size / self.height
        # OpenCV counts from the middle of a pixel, a view from its edge.
        matrix = np.array(
            [
                [scale_x, 0.0, (0.5 - self.left) * scale_x - 0.5],
                [0.0, scale_y, (0.5 - self.top) * scale_y - 0.5],
            ]
        )
        seen = cv2.warpAffine(
            np.ascontiguousarray(frame), matrix, (size, size), flags=cv2.INTER_LINEAR
        )
        return np.asarray(seen, np.uint8)

    def spikes(
        self, events: EventStream, end_us: int, duration_us: int, timesteps: int, size: int
    ) -> npt.NDArray[np.uint8]:
        """Events in the view as the SNN's input, `(timesteps, 2, size, size)` of 0 and 1.

        Args:
            events: any stream that covers the window.
            end_us: the window is [end_us - duration_us, end_us).
            duration_us: its length. timesteps: T. size: side of the input, pixels.
        """
        crop = (self.left, self.top, self.width, self.height)
        window = Window(duration_us, timesteps, size, size, crop)
        return spike_tensor(events, end_us - duration_us, window)
