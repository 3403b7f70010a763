"""Frames, events and boxes of one recording, as a DAVIS camera delivers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.boxes import Boxes
from nmcompile.datasets.events.stream import EventStream
from nmcompile.datasets.frames import Image
from nmcompile.datasets.sequence import VideoSequence

__all__ = ["HybridSequence", "events_alone"]


@dataclass(frozen=True, eq=False)
class HybridSequence:
    """One recording.

    Attributes:
        name: of the recording.
        frames: RGB uint8 (H, W, 3), read when asked for; none where only events are known.
        frame_times_us: (F,) int64, increasing: when each frame is taken, microseconds.
        events: on the same clock and the same pixels.
        boxes: (B, 4) float64: x, y, w, h in pixels counted from 0 at `box_times_us`, NaN rows
            where the object is not visible; None without ground truth.
        box_times_us: (B,) int64, increasing; every frame's time is among them, where there are
            frames.
    """

    name: str
    frames: Sequence[Image]
    frame_times_us: npt.NDArray[np.int64]
    events: EventStream
    boxes: Boxes | None
    box_times_us: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def frame_boxes(self) -> Boxes | None:
        """(F, 4) boxes at the frames' times; None without ground truth."""
        return None if self.boxes is None else self.boxes_at(self.frame_times_us)

    def boxes_at(self, times_us: Sequence[int] | npt.NDArray[np.int64]) -> Boxes:
        """Boxes on straight lines between the known ones, (N, 4).

        NaN before the first and after the last known time, where a neighbour has no box, and
        everywhere when there is no ground truth.
        """
        times = np.asarray(times_us, np.int64)
        found = np.full((len(times), 4), np.nan)
        if self.boxes is None or not len(self.boxes):
            return found
        known = self.box_times_us
        inside = (times >= known[0]) & (times <= known[-1])
        after = np.searchsorted(known, times[inside], side="left")
        before = np.where(known[after] == times[inside], after, after - 1)
        length = np.maximum(known[after] - known[before], 1)
        share = ((times[inside] - known[before]) / length)[:, None]
        found[inside] = self.boxes[before] + share * (self.boxes[after] - self.boxes[before])
        return found

    def frame_before(self, time_us: int) -> int | None:
        """Index of the newest frame taken at or before `time_us`; None when there is none."""
        index = int(np.searchsorted(self.frame_times_us, time_us, side="right")) - 1
        return index if index >= 0 else None

    def as_video(self) -> VideoSequence:
        """The frames alone, with the boxes at their times."""
        return VideoSequence(self.name, self.frames, self.frame_boxes)


def events_alone(name: str, events: EventStream) -> HybridSequence:
    """A recording of an event camera that has no frames and no boxes."""
    none = np.zeros(0, np.int64)
    return HybridSequence(name, (), none, events, None, none)
