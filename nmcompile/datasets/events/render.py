"""Events as pictures that people can look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.stream import EventStream
from nmcompile.datasets.frames import Image

__all__ = ["OFF", "ON", "event_picture", "event_pictures", "picture_times"]

ON: Final = (255, 120, 40)
OFF: Final = (60, 150, 255)
BOX: Final = (255, 230, 0)
_EMPTY: Final = 24
_SATURATION: Final = 3
"""Events at a pixel that give the full colour."""
_SMALLEST_SIDE: Final = 240
"""Sensors smaller than this are enlarged, pixels."""


def event_picture(events: EventStream, underlay: Image | None = None) -> Image:
    """All events of a stream in one RGB picture (H, W, 3): ON orange, OFF blue.

    Args:
        events: a short stretch.
        underlay: a frame, shown dim and grey behind them; dark without.
    """
    counts = events.counts()
    if underlay is None:
        base = np.full((events.height, events.width, 3), _EMPTY, np.float32)
    else:
        grey = underlay if underlay.ndim == 2 else cv2.cvtColor(underlay, cv2.COLOR_RGB2GRAY)
        base = np.repeat(np.asarray(grey, np.float32)[..., None] * 0.5, 3, axis=2)
    newest = counts[1] >= counts[0]
    strength = np.minimum(counts.max(axis=0), _SATURATION) / _SATURATION
    strength = np.where(strength > 0, 0.4 + 0.6 * strength, 0.0)[..., None]
    colour = np.where(newest[..., None], np.array(ON), np.array(OFF))
    return np.asarray(np.rint(base + strength * (colour - base)), np.uint8)


def picture_times(sequence: HybridSequence, exposure_us: int) -> list[int]:
    """When the pictures of `event_pictures` begin, microseconds."""
    times = sequence.events.t_us
    if not len(times):
        return []
    return list(range(int(times[0]), int(times[-1]) + 1, exposure_us))


def event_pictures(
    sequence: HybridSequence, exposure_us: int, *, underlay: bool = True, boxes: bool = True
) -> Iterator[Image]:
    """One picture for every `exposure_us` of the recording, with its time in milliseconds.

    Args:
        sequence: frames and boxes are optional.
        exposure_us: events of how long a time one picture shows.
        underlay: show the newest frame behind the events, where there are frames.
        boxes: draw the box at the end of each picture's time, where it is known.
    """
    times = picture_times(sequence, exposure_us)
    events = sequence.events
    scale = max(1, -(-_SMALLEST_SIDE // max(1, min(events.width, events.height))))
    ends = np.array(times, np.int64) + exposure_us
    known = sequence.boxes_at(ends)
    frame: Image | None = None
    index: int | None = None
    for start_us, end_us, box in zip(times, ends, known, strict=True):
        newest = sequence.frame_before(start_us) if underlay and sequence.frames else None
        if newest is not None and newest != index:
            frame, index = sequence.frames[newest], newest
        picture = event_picture(events.between(start_us, int(end_us)), frame)
        picture = np.repeat(np.repeat(picture, scale, axis=0), scale, axis=1)
        if boxes and np.isfinite(box).all():
            _box(picture, box * scale)
        _label(picture, f"{(start_us - times[0]) / 1000:.1f} ms")
        yield picture


def _box(picture: Image, box: npt.NDArray[np.float64]) -> None:
    left, top, right, bottom = (round(float(v)) for v in (*box[:2], *(box[:2] + box[2:])))
    cv2.rectangle(picture, (left, top), (right, bottom), BOX, 1, cv2.LINE_AA)


def _label(picture: Image, text: str) -> None:
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(
            picture, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, thickness, cv2.LINE_AA
        )
