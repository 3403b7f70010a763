"""The events of one recording in columns, ordered by time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EventStream", "concatenated"]


@dataclass(frozen=True, eq=False)
class EventStream:
    """Events of a DVS, oldest first. The columns are read-only.

    Attributes:
        t_us: (N,) int64, microseconds, never decreasing.
        x: (N,) uint16, column of the pixel, counted from 0 at the left.
        y: (N,) uint16, row of the pixel, counted from 0 at the top.
        p: (N,) bool, True for ON (brighter), False for OFF.
        width: columns of the sensor.
        height: rows of the sensor.
    """

    t_us: npt.NDArray[np.int64]
    x: npt.NDArray[np.uint16]
    y: npt.NDArray[np.uint16]
    p: npt.NDArray[np.bool_]
    width: int
    height: int

    def __post_init__(self) -> None:
        """Fix the column types and check the order.

        Raises:
            ValueError: for columns of different lengths, times that decrease, pixels outside the
                sensor. Readers check what they read first and raise diagnostics.
        """
        columns = (("t_us", np.int64), ("x", np.uint16), ("y", np.uint16), ("p", np.bool_))
        for name, kind in columns:
            column = np.ascontiguousarray(getattr(self, name), kind).view()
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        if not self.t_us.shape == self.x.shape == self.y.shape == self.p.shape == (len(self),):
            raise ValueError("the columns of an event stream differ in length")
        if np.any(self.t_us[1:] < self.t_us[:-1]):
            raise ValueError("the times of an event stream decrease")
        if len(self) and (self.x.max() >= self.width or self.y.max() >= self.height):
            raise ValueError(f"an event lies outside {self.width} x {self.height} pixels")

    def __len__(self) -> int:
        return len(self.t_us)

    @property
    def duration_us(self) -> int:
        """From the first to the last event; 0 for fewer than two."""
        return int(self.t_us[-1] - self.t_us[0]) if len(self) else 0

    @property
    def on_share(self) -> float | None:
        """Share of ON events; None without events."""
        return float(self.p.mean()) if len(self) else None

    def between(self, start_us: int, end_us: int) -> EventStream:
        """The events with `start_us` <= t < `end_us`; the columns are views."""
        first, last = np.searchsorted(self.t_us, [start_us, end_us], side="left")
        part = slice(int(first), int(last))
        return EventStream(
            self.t_us[part], self.x[part], self.y[part], self.p[part], self.width, self.height
        )

    def shifted(self, offset_us: int) -> EventStream:
        """The same events `offset_us` later."""
        return EventStream(self.t_us + offset_us, self.x, self.y, self.p, self.width, self.height)

    def counts(self) -> npt.NDArray[np.int64]:
        """Events per polarity and pixel, [2, height, width]; channel 0 is OFF, 1 is ON."""
        shape = (2, self.height, self.width)
        places = np.ravel_multi_index((self.p.astype(np.intp), self.y, self.x), shape)
        return np.bincount(places, minlength=2 * self.height * self.width).reshape(shape)

    def digest(self) -> str:
        """SHA-256 over sensor size and columns, the same on every machine."""
        content = hashlib.sha256(f"{self.width}x{self.height}".encode())
        for column, kind in ((self.t_us, "<i8"), (self.x, "<u2"), (self.y, "<u2"), (self.p, "u1")):
            content.update(column.astype(kind).tobytes())
        return content.hexdigest()


def concatenated(parts: Iterable[EventStream], width: int, height: int) -> EventStream:
    """Streams of one sensor, each later than the one before it, as one stream."""
    streams = [part for part in parts if len(part)]
    if not streams:
        none = np.zeros(0, np.int64)
        return EventStream(
            none, none.astype(np.uint16), none.astype(np.uint16), none.astype(bool), width, height
        )
    return EventStream(
        np.concatenate([s.t_us for s in streams]),
        np.concatenate([s.x for s in streams]),
        np.concatenate([s.y for s in streams]),
        np.concatenate([s.p for s in streams]),
        width,
        height,
    )
