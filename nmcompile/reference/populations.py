"""Populations of the integer interpreter: neurons, spike max pooling, coded inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.types import EdgeType
from nmcompile.reference.executor import I32, INT32_MAX, U8, Executor, Integers, parameter_table
from nmcompile.reference.fanout import fanout
from nmcompile.reference.if_kernel import IfRows, runs_as_rows
from nmcompile.reference.kernels import count_synapses
from nmcompile.reference.neuron_kernel import coded_step, neuron_step
from nmcompile.reference.pool_kernels import pool_step
from nmcompile.reference.running_max import running_max_steps


class Population(Executor):
    """A Neuron node."""

    def __init__(self, model: IntegerNeuron, source: EdgeType, edge: EdgeType, node: Node) -> None:
        self._model = model
        self._label = node.label
        self.shape = (*edge.shape[1:], edge.shape[0]) if len(edge.shape) == 3 else edge.shape
        tables = [parameter_table(a, edge) for a in (model.bias, model.fire_above, model.reset_by)]
        period = max(t.size for t in tables)
        self._bias, self._fire_above, self._reset_by = (_repeat(t, period) for t in tables)
        self._v_init = parameter_table(model.v_init, edge)
        self._payloads = np.array(model.payloads, np.int32)
        rows = (self._bias, self._fire_above, self._reset_by)
        self._rows = IfRows(self.shape, model, rows) if runs_as_rows(model, source) else None
        self.spikes = 0
        self.reset()

    def reset(self) -> None:
        """u = 0, v = v_init, no spikes yet."""
        size = int(np.prod(self.shape))
        self._step = 0
        self._streak = np.zeros(size if self._model.advance == "burst" else 0, np.uint8)
        self.u = np.zeros(size, np.int32)
        self.v = np.empty(size, np.int32)
        self.v.reshape(-1, self._v_init.size)[:] = self._v_init
        self.spikes = 0

    def step(self, *inputs: I32) -> U8:
        """Spikes of one timestep, uint8 payloads."""
        spikes: U8 = self.advance(1, inputs[0][None])[0]
        return spikes

    def advance(self, steps: int, *trains: Integers) -> U8:
        """Spikes of several timesteps, uint8 payloads."""
        current = np.ascontiguousarray(trains[0]).reshape(len(trains[0]), -1)
        out = np.empty((steps, self.v.size), np.uint8)
        if self._rows is not None:
            self._count(self._rows.advance(current, self.u, self.v, out))
        else:
            for t in range(steps):
                self._count(self._fire(current[min(t, len(current) - 1)], out[t]))
                self._step += 1
        return out.reshape(steps, *self.shape)

    def _fire(self, current: I32, out: U8) -> int:
        model = self._model
        arguments: tuple[Any, ...] = (
            *(current, self.u, self.v, out, self._bias, self._fire_above, self._reset_by),
            *(model.u_keep, model.v_keep, model.state_shift, model.state_bits),
            model.reset == "subtract",
        )
        if model.payloads == (1,):
            return neuron_step(*arguments)
        burst = model.advance == "burst"
        arguments += (self._payloads, burst, self._step, self._streak)
        return coded_step(*arguments)

    def _count(self, fired: int) -> None:
        if fired < 0:
            raise NmError(membrane_refusal(self._label))
        self.spikes += fired


class Pool(Executor):
    """A SpikeMaxPool2d node.

    Attributes:
        arrived: windows that the spikes of the last `step` or `advance` belong to.
    """

    takes_bytes = True

    def __init__(self, op: ops.SpikeMaxPool2d, source: EdgeType, edge: EdgeType) -> None:
        self._op = op
        self._in = (*source.shape[1:], source.shape[0])
        self.shape = (*edge.shape[1:], edge.shape[0])
        self.spikes = 0
        # A spike is one access for each window that it belongs to.
        ones = Array(np.ones((source.shape[0], 1, *op.kernel), np.int8))
        zero = Array(np.zeros(source.shape[0], np.int32))
        conv = ops.Conv2d(ones, zero, op.stride, groups=source.shape[0])
        self.fanout = fanout(conv, source, self.shape)
        self.arrived = 0
        self.reset()

    def reset(self) -> None:
        """All counters to zero."""
        self._sums = np.zeros(self._in, np.int32)
        self._best, self._first = (np.zeros(self.shape, np.int32) for _ in range(2))
        self.spikes = 0

    def step(self, *inputs: Integers) -> U8:
        """Spikes of one timestep, uint8 payloads."""
        spikes: U8 = self.advance(1, inputs[0][None])[0]
        return spikes

    def advance(self, steps: int, *trains: Integers) -> U8:
        """Spikes of several timesteps, uint8 payloads."""
        x = trains[0]
        out = np.empty((steps, *self.shape), np.uint8)
        window = (*self._op.kernel, *self._op.stride)
        if self._op.rule == "running_max":
            fired = np.empty(self.shape[0], np.int64)
            sums = np.empty_like(self._sums)
            running_max_steps(x, self._sums, sums, self._best, out, window, fired)
            self._sums = sums
            self.spikes += int(fired.sum())
        else:
            for t in range(steps):
                state = (self._sums, self._best, self._first, out[t])
                self.spikes += pool_step(x[t], *state, self._op.rule == "gate", window)
        accesses = np.empty(x.shape[:2], np.int64)
        count_synapses(x, self.fanout, accesses)
        self.arrived = int(accesses.sum())
        return out


class Encoder(Executor):
    """An Encode node; its equations are in the operator."""

    def __init__(self, op: ops.Encode) -> None:
        self._op = op
        self.reset()

    def reset(self) -> None:
        """Before the first timestep."""
        self._step = 0
        self._v: I32 | None = None
        self._streak: I32 | None = None

    def step(self, *inputs: I32) -> I32:
        """The image, nothing, or the spikes of one timestep."""
        op, x, step = self._op, inputs[0], self._step
        self._step += 1
        if not op.spikes:
            return x if op.mode == "constant" or step == 0 else np.zeros_like(x)
        payloads = np.array(op.payloads, np.int32)
        if self._v is None or self._streak is None:
            self._v, self._streak = np.full_like(x, op.start), np.zeros_like(x)
        if op.mode == "phase":
            self._v = x.copy() if step % len(payloads) == 0 else self._v
        else:
            self._v = self._v + x
        index = self._streak if op.mode == "burst" else step % len(payloads)
        payload = payloads[index]
        fired = (payload > 0) & (self._v >= payload * op.threshold)
        spikes: I32 = np.where(fired, payload, 0).astype(np.int32)
        self._v = self._v - op.threshold * spikes
        self._streak = np.where(fired, np.minimum(self._streak + 1, len(payloads) - 1), 0)
        return spikes


def membrane_refusal(where: str) -> Diagnostic:
    """NM0203 of a state, or of the sum that drives it."""
    return Diagnostic(
        code="NM0203",
        message="a membrane left 32 bits",
        where=where,
        limit=f"{INT32_MAX}",
        help=("use fewer timesteps or fewer weight bits",),
    )


def _repeat(table: I32, period: int) -> I32:
    return np.ascontiguousarray(np.resize(table, period))
