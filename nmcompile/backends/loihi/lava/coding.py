"""How the host turns an image into spikes, for networks whose input is coded."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]


class Coding(NamedTuple):
    """A coding of unsigned integers, timestep by timestep.

    From v[0] = `start`:

        v[t] = v[t-1] + x;  y[t] = p[t] where p[t] > 0 and v[t] >= p[t] * threshold, else 0
        v[t] -= threshold * y[t]

    p[t] is an entry of `payloads`: the next one at every timestep ("rate", "phase"), or the next
    one after every spike and the first one after a silence ("burst"). In mode "phase" v[t] = x at
    the first timestep of every period, and nothing is added in between.
    """

    mode: str
    payloads: tuple[int, ...]
    threshold: int
    start: int

    def train(self, frames: Ints, timesteps: int) -> Ints:
        """`(F, ...)` images as `(F, T, ...)` spikes, int32."""
        x = frames.astype(np.int64)
        v, streak = np.full_like(x, self.start), np.zeros_like(x)
        payloads = np.array(self.payloads, np.int64)
        steps = []
        for step in range(timesteps):
            if self.mode != "phase":
                v = v + x
            elif step % len(payloads) == 0:
                v = x.copy()
            payload = payloads[streak if self.mode == "burst" else step % len(payloads)]
            fires = (payload > 0) & (v >= payload * self.threshold)
            spikes = np.where(fires, payload, 0)
            v = v - self.threshold * spikes
            streak = np.where(fires, np.minimum(streak + 1, len(payloads) - 1), 0)
            steps.append(spikes.astype(np.int32))
        return np.stack(steps, axis=1)
