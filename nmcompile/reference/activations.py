"""8-bit activations of the integer interpreter, and the compiled step that simulators share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir.neurons import PAYLOAD_MAX, ReLU8
from nmcompile.ir.types import EdgeType
from nmcompile.reference.executor import I32, U8, Executor, Integers, parameter_table
from nmcompile.reference.jit import njit


@njit
def relu8_step(a: I32, out: U8, bias: I32, multiplier: I32, shift: int) -> int:
    """One timestep of a population; the equation is in `ReLU8`.

    Args:
        a: `(N,)` accumulated input. out: `(N,)` activations, overwritten.
        bias: `(P,)` with P dividing N; neuron i uses entry i mod P. Likewise `multiplier`.
        shift: see `ReLU8`.

    Returns:
        Number of activations other than 0.
    """
    half = np.int64(1) << np.int64(shift - 1)
    count = 0
    period = bias.shape[0]
    for base in range(0, a.shape[0], period):
        for k in range(period):
            total = np.int64(a[base + k]) + np.int64(bias[k])
            y = (total * np.int64(multiplier[k]) + half) >> np.int64(shift)
            y = min(max(y, np.int64(0)), np.int64(PAYLOAD_MAX))
            out[base + k] = y
            count += 1 if y != 0 else 0
    return count


class Activations(Executor):
    """A Neuron node of `ReLU8`.

    Attributes:
        shape: channels last. spikes: activations other than 0 so far.
    """

    def __init__(self, model: ReLU8, edge: EdgeType) -> None:
        self._shift, self._largest = model.shift, model.largest
        self.shape = (*edge.shape[1:], edge.shape[0]) if len(edge.shape) == 3 else edge.shape
        tables = [parameter_table(a, edge) for a in (model.bias, model.multiplier)]
        period = max(t.size for t in tables)
        self._bias, self._multiplier = (
            np.ascontiguousarray(np.resize(t, period).astype(np.int32)) for t in tables
        )
        self.reset()

    def reset(self) -> None:
        """Only the count."""
        self.spikes = 0

    def step(self, *inputs: I32) -> U8:
        """Activations of one timestep, uint8."""
        activations: U8 = self.advance(1, inputs[0][None])[0]
        return activations

    def advance(self, steps: int, *trains: Integers) -> npt.NDArray[np.uint8]:
        """Activations of several timesteps, uint8."""
        current = np.ascontiguousarray(trains[0]).reshape(len(trains[0]), -1)
        out = np.empty((steps, current.shape[1]), np.uint8)
        for t in range(steps):
            a = current[min(t, len(current) - 1)]
            self.spikes += relu8_step(a, out[t], self._bias, self._multiplier, self._shift)
        return np.minimum(out, np.uint8(self._largest)).reshape(steps, *self.shape)
