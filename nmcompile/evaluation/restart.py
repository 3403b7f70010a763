"""Restart evaluation: short runs from the true box, so that one early error cannot decide all.

One long closed loop amplifies every small difference; configurations that are equally good end far
apart. Here the tracker starts from the truth every 25 frames. The runs are many, nearly independent
and the same for every configuration, so that their paired differences have a small, honest error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.evaluation.ope import PRECISION_PIXELS, center_error, iou

__all__ = [
    "SHORTEST",
    "Segment",
    "SegmentScore",
    "follow_segments",
    "score_segments",
    "segments_of",
]

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]
Start = Callable[[Image, Boxes], Callable[[Image], Boxes]]

SEGMENT_FRAMES: Final = 25
SHORTEST: Final = 5
"""Fewest judged frames of a segment: a rest of the sequence below it is left out."""


@dataclass(frozen=True)
class Segment:
    """Frames [first, last) of a sequence; the tracker starts from the true box of `first`."""

    first: int
    last: int


@dataclass(frozen=True)
class SegmentScore:
    """One segment, without its first frame, in which the box is given.

    Attributes:
        mean_iou: mean overlap. precision_20px: share of frames within 20 pixels.
        frames: frames that count.
    """

    mean_iou: float
    precision_20px: float
    frames: int


def segments_of(boxes: Boxes, length: int = SEGMENT_FRAMES) -> tuple[Segment, ...]:
    """Cut a sequence into segments that begin with a true box.

    Args:
        boxes: `(frames, 4)`, NaN where the object is not to be seen.
        length: frames per segment; the last may be shorter.
    """
    known = np.isfinite(boxes).all(axis=1)
    segments = []
    for begin in range(0, len(boxes), length):
        last = min(begin + length, len(boxes))
        inside = np.flatnonzero(known[begin:last])
        if len(inside) > SHORTEST:
            segments.append(Segment(begin + int(inside[0]), last))
    return tuple(segments)


def follow_segments(
    start: Start,
    frames: Sequence[Image],
    boxes: Boxes,
    length: int = SEGMENT_FRAMES,
    tick: Callable[[], None] = lambda: None,
) -> Boxes:
    """Track every segment of a sequence.

    Returns:
        `(frames, 4)`: the true box where a segment starts, NaN outside segments.
    """
    found = np.full(boxes.shape, np.nan)
    for segment in segments_of(boxes, length):
        for index, box in _run(start, frames, boxes, segment):
            found[index] = box
            tick()
    return found


def score_segments(
    found: Boxes, truth: Boxes, length: int = SEGMENT_FRAMES
) -> tuple[SegmentScore, ...]:
    """Judge the boxes of `follow_segments`, one score per segment."""
    scores = []
    for segment in segments_of(truth, length):
        part = slice(segment.first + 1, segment.last)
        known = np.isfinite(truth[part]).all(axis=1)
        overlaps = iou(found[part][known], truth[part][known])
        errors = center_error(found[part][known], truth[part][known])
        near = float((errors <= PRECISION_PIXELS).mean())
        scores.append(SegmentScore(float(overlaps.mean()), near, len(overlaps)))
    return tuple(scores)


def _run(
    start: Start, frames: Sequence[Image], boxes: Boxes, segment: Segment
) -> Iterator[tuple[int, Boxes]]:
    step = start(frames[segment.first], boxes[segment.first])
    yield segment.first, boxes[segment.first]
    for index in range(segment.first + 1, segment.last):
        yield index, step(frames[index])
