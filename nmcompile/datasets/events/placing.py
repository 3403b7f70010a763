"""Numbers of events per pixel, laid out one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.stream import EventStream

__all__ = ["numbered", "placed"]

Indices = npt.NDArray[np.int64]


def numbered(counts: npt.NDArray[Any]) -> tuple[Indices, Indices]:
    """Flat index of the pixel of every event, and its number at that pixel, from 0.

    Args:
        counts: (H, W) events per pixel, whole numbers.
    """
    flat = counts.ravel()
    pixels = np.flatnonzero(flat)
    repeats = flat[pixels].astype(np.int64)
    pixel = np.repeat(pixels, repeats)
    number = np.arange(len(pixel)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return pixel, number


def placed(
    t_us: Indices, pixel: Indices, on: npt.NDArray[np.bool_], width: int, height: int
) -> EventStream:
    """A stream of events in any order; events of one time keep their order.

    Args:
        t_us: times, microseconds.
        pixel: flat index of each event's pixel.
        on: True for ON.
        width: columns of the sensor.
        height: rows of the sensor.
    """
    order = np.argsort(t_us, kind="stable")
    y, x = np.divmod(pixel[order], width)
    return EventStream(
        t_us[order], x.astype(np.uint16), y.astype(np.uint16), on[order], width, height
    )
