"""NI-LIF neurons of the integer interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import IntegerNILIF
from nmcompile.ir.types import EdgeType
from nmcompile.reference.executor import I32, INT32_MAX, U8, Executor, Integers, parameter_table
from nmcompile.reference.jit import njit
from nmcompile.reference.populations import membrane_refusal

I64 = npt.NDArray[np.int64]
KEEP_BITS = 12


def level_thresholds(one: npt.NDArray[np.integer[Any]], levels: int) -> I64:
    """`(levels, P)`: the smallest integer U that reaches each level of `IntegerNILIF`.

    round half to even: at (k - 1/2) one the even one of k - 1 and k wins.

    Args:
        one: `(P,)` the integer of a current of 1. levels: D.
    """
    halves = (2 * np.arange(1, levels + 1, dtype=np.int64) - 1)[:, None] * one.astype(np.int64)
    odd = (np.arange(1, levels + 1) % 2 == 1)[:, None]
    return np.where(odd, halves // 2 + 1, -(-halves // 2))


@njit
def nilif_step(
    a: I32,
    rest: I64,
    out: U8,
    bias: I64,
    thresholds: I64,
    one: I64,
    keep: I64,
    first: bool,
) -> tuple[int, int]:
    """One step of a population; the equation is in `IntegerNILIF`.

    Args:
        a: `(N,)` accumulated input. rest: `(N,)` levels U - n one of the step before, updated.
        out: `(N,)` counts, overwritten.
        bias: `(P,)` with P dividing N; neuron i uses entry i mod P. Likewise `one`, `keep` and
            `thresholds`, `(levels, P)`.
        first: the step has none before it.

    Returns:
        Counts other than 0, and the largest |U|.
    """
    levels = thresholds.shape[0]
    period = bias.shape[0]
    fired = 0
    largest = np.int64(0)
    for base in range(0, a.shape[0], period):
        for k in range(period):
            i = base + k
            u = np.int64(a[i]) + bias[k]
            if not first:
                # Shifts of negative numbers round down, as `//` does.
                u += (keep[k] * rest[i]) // (np.int64(levels) << KEEP_BITS)
            n = np.int64(0)
            for level in range(levels):
                n += 1 if u >= thresholds[level, k] else 0
            rest[i] = np.int64(levels) * u - n * one[k]
            largest = max(largest, abs(u))
            fired += 1 if n > 0 else 0
            out[i] = n
    return fired, int(largest)


class NormalisedNeurons(Executor):
    """A Neuron node of `IntegerNILIF`.

    Attributes:
        shape: channels last. spikes: counts other than 0 so far.
    """

    def __init__(self, model: IntegerNILIF, edge: EdgeType, node: Node) -> None:
        self._label = node.label
        self._groups = model.stacked
        self.shape = (*edge.shape[1:], edge.shape[0]) if len(edge.shape) == 3 else edge.shape
        self._channels = edge.shape[0] // model.stacked
        bias, one = (self._by_group(parameter_table(p, edge)) for p in (model.bias, model.one))
        self._bias, self._one = bias, np.resize(one, bias.shape)
        self._thresholds = [level_thresholds(row, model.levels) for row in self._one]
        self._keep = model.keep.data.astype(np.int64)
        self.reset()

    def _by_group(self, table: I32) -> I64:
        """`(groups, P)` of a flat table, channels last."""
        if table.size == 1:
            table = np.resize(table, self._groups * self._channels)
        places = table.reshape(-1, self._groups, self._channels).transpose(1, 0, 2)
        return np.ascontiguousarray(places).reshape(self._groups, -1).astype(np.int64)

    def reset(self) -> None:
        """Before the first step."""
        self._step = 0
        self._rest = np.zeros(int(np.prod(self.shape)) // self._groups, np.int64)
        self.spikes = 0

    def step(self, *inputs: I32) -> U8:
        """Counts of one timestep, uint8."""
        counts: U8 = self.advance(1, inputs[0][None])[0]
        return counts

    def advance(self, steps: int, *trains: Integers) -> U8:
        """Counts of several timesteps, uint8."""
        current = trains[0].reshape(len(trains[0]), -1, self._groups, self._channels)
        out = np.empty((steps, current.shape[1], self._groups, self._channels), np.uint8)
        for t in range(steps):
            for group in range(self._groups):
                a = np.ascontiguousarray(current[min(t, len(current) - 1), :, group])
                out[t, :, group] = self._fire(a.reshape(-1), group).reshape(a.shape)
        return out.reshape(steps, *self.shape)

    def _fire(self, a: I32, group: int) -> U8:
        counts = np.empty(a.size, np.uint8)
        bias, first = self._bias[group], self._step == 0
        keep = bias if first else np.resize(self._keep[self._step - 1], bias.shape)
        fired, largest = nilif_step(
            *(a, self._rest, counts, bias, self._thresholds[group], self._one[group], keep, first)
        )
        if largest > INT32_MAX:
            raise NmError(membrane_refusal(self._label))
        self.spikes += fired
        self._step += 1
        return counts
