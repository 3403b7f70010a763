"""Events of a stretch of time as an array that a network reads: [T, 2, H, W]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.stream import EventStream
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["Window", "count_tensor", "spike_tensor", "spike_tensors"]


@dataclass(frozen=True, slots=True)
class Window:
    """How a stretch of events becomes an array.

    Attributes:
        duration_us: length of the window, microseconds; a multiple of `steps` gives steps of
            equal length, otherwise they differ by a microsecond.
        steps: T, timesteps per window.
        height: rows of the array.
        width: columns of the array.
        crop: region of the sensor that fills the array: left, top, width, height in pixels; by
            default the whole sensor. Pixels of it that fall on one element are pooled, parts
            outside the sensor stay empty.
    """

    duration_us: int
    steps: int
    height: int
    width: int
    crop: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            NmError: NM0548.
        """
        region = self.crop is None or (
            all(np.isfinite(self.crop)) and self.crop[2] > 0 and self.crop[3] > 0
        )
        checks = (
            (self.steps >= 1, "a window has at least 1 step", self.steps),
            (self.duration_us >= self.steps, "a step lasts at least 1 us", self.duration_us),
            (
                self.height >= 1 and self.width >= 1,
                "a tensor has at least 1 element per axis",
                f"{self.width} x {self.height}",
            ),
            (region, "a crop has a width and a height", self.crop),
        )
        for good, limit, found in checks:
            if not good:
                raise NmError(
                    Diagnostic(
                        code="NM0548",
                        message="there is no such window of events",
                        where="window",
                        limit=limit,
                        found=str(found),
                    )
                )


def count_tensor(events: EventStream, start_us: int, window: Window) -> npt.NDArray[np.int32]:
    """Events per timestep, polarity (0 OFF, 1 ON) and element: [T, 2, H, W] int32.

    Args:
        events: any stream that covers the window.
        start_us: the window is [start_us, start_us + duration_us).
        window: its length and the array's shape.
    """
    part = events.between(start_us, start_us + window.duration_us)
    left, top, width, height = window.crop or (0.0, 0.0, float(events.width), float(events.height))
    # a pixel belongs to the element that its centre falls on; dividing last is exact for integers
    column = np.floor((part.x + 0.5 - left) * window.width / width).astype(np.int64)
    row = np.floor((part.y + 0.5 - top) * window.height / height).astype(np.int64)
    step = (part.t_us - start_us) * window.steps // window.duration_us
    inside = (column >= 0) & (column < window.width) & (row >= 0) & (row < window.height)
    shape = (window.steps, 2, window.height, window.width)
    index = (step[inside], part.p[inside].astype(np.int64), row[inside], column[inside])
    places = np.ravel_multi_index(index, shape)
    counts = np.bincount(places, minlength=int(np.prod(shape))).reshape(shape)
    return counts.astype(np.int32)


def spike_tensor(events: EventStream, start_us: int, window: Window) -> npt.NDArray[np.uint8]:
    """1 where `count_tensor` counts any event: [T, 2, H, W] uint8 of zeros and ones."""
    return (count_tensor(events, start_us, window) > 0).astype(np.uint8)


def spike_tensors(
    events: EventStream, starts_us: Sequence[int], window: Window
) -> npt.NDArray[np.uint8]:
    """`spike_tensor` of several windows: [N, T, 2, H, W]."""
    shape = (len(starts_us), window.steps, 2, window.height, window.width)
    found = np.zeros(shape, np.uint8)
    for index, start_us in enumerate(starts_us):
        found[index] = spike_tensor(events, int(start_us), window)
    return found
