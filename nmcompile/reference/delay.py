"""Delayed spike trains of the integer interpreter."""

from __future__ import annotations

import numpy as np

from nmcompile.ir import ops
from nmcompile.reference.executor import I32, Executor, Integers


class Delayer(Executor):
    """A Delay node: keeps the spikes of its last timesteps."""

    takes_bytes = True

    def __init__(self, op: ops.Delay) -> None:
        self._ticks = op.ticks
        self._late: Integers | None = None

    def reset(self) -> None:
        """Nothing on its way."""
        self._late = None

    def step(self, *inputs: I32) -> Integers:
        """The spikes of `ticks` timesteps ago."""
        spikes: Integers = self.advance(1, inputs[0][None])[0]
        return spikes

    def advance(self, steps: int, *trains: Integers) -> Integers:
        """The train, `ticks` timesteps later."""
        train = trains[0]
        if self._late is None:
            self._late = np.zeros((self._ticks, *train.shape[1:]), train.dtype)
        joined = np.concatenate([self._late, train])
        self._late = joined[steps:]
        out: Integers = joined[:steps]
        return out
