"""When a layer of an emitted network works."""

from __future__ import annotations

from typing import NamedTuple


class Window(NamedTuple):
    """The ticks in which a layer works; ticks count from 1, frames and steps from 0.

    A layer `delay` ticks behind the input is active in the ticks `1 + delay ... timesteps +
    delay` of every frame of `frame_ticks` ticks.
    """

    delay: int
    timesteps: int
    frame_ticks: int

    def at(self, tick: int) -> tuple[int, int] | None:
        """Frame and timestep that the layer works on, or None when it rests."""
        since = tick - 1 - self.delay
        if since < 0:
            return None
        frame, step = divmod(since, self.frame_ticks)
        return (frame, step) if step < self.timesteps else None

    def before(self, frame: int) -> int:
        """The tick before the first one of a frame (counted from 0)."""
        return frame * self.frame_ticks + self.delay

    def last(self, frame: int) -> int:
        """The last tick of a frame."""
        return self.before(frame) + self.timesteps
