"""Sigma-delta neurons of the integer interpreter, and the compiled step that simulators share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import SigmaDelta
from nmcompile.ir.types import EdgeType
from nmcompile.reference.executor import I32, INT32_MAX, Executor, Integers, parameter_table
from nmcompile.reference.jit import njit
from nmcompile.reference.populations import membrane_refusal

LEFT_INT32, LEFT_MESSAGE = -1, -2
"""Instead of a count: a state left int32, or a message the width that it is sent in."""


@njit
def sigma_delta_step(
    a: I32,
    sigma: I32,
    y: I32,
    residue: I32,
    out: I32,
    threshold: I32,
    bias: I32,
    sums: bool,
    sends_changes: bool,
    relu: bool,
    spike_exp: int,
    state_exp: int,
    message_bits: int,
) -> int:
    """One timestep of a population; equations in `SigmaDelta`.

    Args:
        a: `(N,)` accumulated input. sigma, y, residue: `(N,)` states, updated.
        out: `(N,)` messages, overwritten.
        threshold: `(P,)` with P dividing N; neuron i uses entry i mod P. Likewise `bias`.
        sums: receives changes, else values. sends_changes: likewise. relu: the activation.
        spike_exp, state_exp, message_bits: see `SigmaDelta`.

    Returns:
        Number of messages, or `LEFT_INT32` or `LEFT_MESSAGE`.
    """
    count = 0
    left: Any = False
    wide: Any = False
    limit = np.int64(INT32_MAX)
    most = (np.int64(1) << (message_bits - 1)) - 1
    period = bias.shape[0]
    for base in range(0, a.shape[0], period):
        for k in range(period):
            i = base + k
            if sums:
                total = np.int64(sigma[i]) + np.int64(a[i])
            else:
                total = np.int64(a[i]) << (spike_exp + state_exp)
            new = total + np.int64(bias[k])
            if relu and new < 0:
                new = np.int64(0)
            sent = new
            rest = np.int64(0)
            if sends_changes:
                change = new - np.int64(y[i]) + np.int64(residue[i])
                sent = change if abs(change) >= np.int64(threshold[k]) else np.int64(0)
                rest = change - sent
                left |= abs(change) > limit
                sent >>= state_exp
            left |= abs(total) > limit or abs(new) > limit
            wide |= sent > most or sent < -most - 1
            sigma[i], y[i], residue[i] = total, new, rest
            out[i] = sent
            count += 1 if sent != 0 else 0
    if left:
        return LEFT_INT32
    return LEFT_MESSAGE if wide else count


class SigmaDeltas(Executor):
    """A Neuron node of sigma-delta neurons.

    Attributes:
        shape: channels last. spikes: messages sent so far.
        v: `(N,)` values y after the last timestep.
    """

    def __init__(self, model: SigmaDelta, edge: EdgeType, node: Node) -> None:
        self._model = model
        self._label = node.label
        self.shape = (*edge.shape[1:], edge.shape[0]) if len(edge.shape) == 3 else edge.shape
        tables = [parameter_table(a, edge) for a in (model.threshold, model.bias)]
        period = max(t.size for t in tables)
        self._threshold, self._bias = (
            np.ascontiguousarray(np.resize(t, period).astype(np.int32)) for t in tables
        )
        self.reset()

    def reset(self) -> None:
        """sigma = y = residue = 0."""
        size = int(np.prod(self.shape))
        self._sigma, self.v, self._residue = (np.zeros(size, np.int32) for _ in range(3))
        self.spikes = 0

    def step(self, *inputs: I32) -> I32:
        """Messages of one timestep."""
        messages: I32 = self.advance(1, inputs[0][None])[0]
        return messages

    def advance(self, steps: int, *trains: Integers) -> I32:
        """Messages of several timesteps, int32."""
        model = self._model
        current = np.ascontiguousarray(trains[0]).reshape(len(trains[0]), -1)
        out = np.empty((steps, self.v.size), np.int32)
        for t in range(steps):
            sent = sigma_delta_step(
                *(current[min(t, len(current) - 1)], self._sigma, self.v, self._residue, out[t]),
                *(self._threshold, self._bias),
                *(model.receives == "changes", model.sends == "changes"),
                model.activation == "relu",
                *(model.spike_exp, model.state_exp, model.message_bits),
            )
            if sent == LEFT_INT32:
                raise NmError(membrane_refusal(self._label))
            if sent == LEFT_MESSAGE:
                raise NmError(message_refusal(self._label, model.message_bits))
            self.spikes += sent
        return out.reshape(steps, *self.shape)


def message_refusal(where: str, message_bits: int) -> Diagnostic:
    """NM0217 of a message."""
    return Diagnostic(
        code="NM0217",
        message="a message does not fit the width that it is sent in",
        where=where,
        limit=f"{message_bits} bits, two's complement",
        help=("use wider messages, or fewer fractional bits in them",),
    )
