"""Populations of the integer interpreter: neurons and spike max pooling."""

from __future__ import annotations

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.types import EdgeType
from nmcompile.reference import kernels
from nmcompile.reference.executor import I32, INT32_MAX, Executor, last
from nmcompile.reference.neuron_kernel import neuron_step
from nmcompile.reference.synapses import fanout


class Population(Executor):
    """A Neuron node."""

    def __init__(self, model: IntegerNeuron, edge: EdgeType, node: Node) -> None:
        self._model = model
        self._label = node.label
        self.shape = (*edge.shape[1:], edge.shape[0]) if len(edge.shape) == 3 else edge.shape
        tables = [_table(a, edge) for a in (model.bias, model.fire_above, model.reset_by)]
        period = max(t.size for t in tables)
        self._bias, self._fire_above, self._reset_by = (_repeat(t, period) for t in tables)
        self._v_init = _table(model.v_init, edge)
        self.spikes = 0
        self.reset()

    def reset(self) -> None:
        """u = 0, v = v_init."""
        size = int(np.prod(self.shape))
        self.u = np.zeros(size, np.int32)
        self.v = np.resize(self._v_init, size).astype(np.int32)
        self.spikes = 0

    def step(self, *inputs: I32) -> I32:
        """Spikes of one timestep, int32 0 or 1."""
        model = self._model
        out = np.empty(self.u.size, np.uint8)
        count = neuron_step(
            np.ascontiguousarray(inputs[0]).reshape(-1),
            self.u,
            self.v,
            out,
            self._bias,
            self._fire_above,
            self._reset_by,
            model.u_keep,
            model.v_keep,
            model.state_shift,
            model.state_bits,
            model.reset == "subtract",
        )
        if count < 0:
            raise NmError(
                Diagnostic(
                    code="NM0203",
                    message="a membrane left 32 bits",
                    where=self._label,
                    limit=f"{INT32_MAX}",
                    help=("use fewer timesteps or fewer weight bits",),
                )
            )
        self.spikes += count
        return out.reshape(self.shape).astype(np.int32)


class Pool(Executor):
    """A SpikeMaxPool2d node."""

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
        self.reset()

    def reset(self) -> None:
        """All counters to zero."""
        self._counts = np.zeros(self._in, np.int32)
        self._best = np.zeros(self.shape, np.int32)
        self.spikes = 0

    def step(self, *inputs: I32) -> I32:
        """Spikes of one timestep, int32 0 or 1."""
        out = np.empty(self.shape, np.uint8)
        window = (*self._op.kernel, *self._op.stride)
        if self._op.rule == "running_max":
            self.spikes += kernels.pool_running_max(
                inputs[0], self._counts, self._best, out, *window
            )
        else:
            self.spikes += kernels.pool_or(inputs[0], out, *window)
        return out.astype(np.int32)


def _table(array: Array, edge: EdgeType) -> I32:
    data = array.data.astype(np.int32)
    if data.ndim == 3:
        data = last(data)  # type: ignore[assignment]
    elif data.ndim == 1 and len(edge.shape) == 3 and data.shape != edge.shape[:1]:
        raise ValueError("a parameter table has the wrong length")
    return np.ascontiguousarray(data.reshape(-1))


def _repeat(table: I32, period: int) -> I32:
    return np.ascontiguousarray(np.resize(table, period))
