"""Per-operator executors of the integer interpreter: weights laid out once, state per run.

Everything inside is channels-last: `(H, W, C)` or `(N,)`, int32.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.types import EdgeType
from nmcompile.reference import kernels
from nmcompile.reference.neuron_kernel import neuron_step

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
INT32_MAX = 2**31 - 1


def last(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """`(..., C, H, W)` -> `(..., H, W, C)`; vectors stay."""
    return np.ascontiguousarray(np.moveaxis(array, -3, -1)) if array.ndim >= 3 else array


def first(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """`(..., H, W, C)` -> `(..., C, H, W)`; vectors stay."""
    return np.ascontiguousarray(np.moveaxis(array, -1, -3)) if array.ndim >= 3 else array


class Executor(ABC):
    """One operator made ready to run."""

    def reset(self) -> None:  # noqa: B027 - most operators have no state
        """Return to the state at the start of a frame."""

    @abstractmethod
    def step(self, *inputs: I32) -> I32:
        """The output of one timestep."""


class Synapses(Executor):
    """A linear operator: events times weights, plus the bias once per timestep."""

    def __init__(self, op: ops.Conv2d | ops.Linear | ops.SumPool2d, source: EdgeType, node: Node):
        conv = as_conv(op, source)
        self._linear = isinstance(op, ops.Linear)
        bound = sum_bound(conv.weight, conv.bias, source)
        if bound > INT32_MAX:
            raise NmError(
                Diagnostic(
                    code="NM0203",
                    message="a sum of this layer may leave 32 bits",
                    where=node.label,
                    limit=f"{INT32_MAX}",
                    found=f"{bound}",
                    help=("use fewer weight bits or a narrower input",),
                )
            )
        weight = conv.weight.data.astype(np.int32)
        self._bias = conv.bias.data.astype(np.int32)
        self._conv = conv
        if self._linear:
            self._weight = np.ascontiguousarray(op.weight.data.T.astype(np.int32))  # type: ignore[union-attr]
            self.shape: tuple[int, ...] = (weight.shape[0],)
        else:
            self._weight = np.ascontiguousarray(_by_input_channel(weight, conv.groups))
            channels, height, width = _conv_shape(conv, source)
            self.shape = (height, width, channels)
            self._taps = kernels.window_taps(
                source.shape[2],
                width,
                weight.shape[3],
                conv.stride[1],
                conv.padding[1],
                conv.dilation[1],
            )
        self.fanout = fanout(conv, source, self.shape)

    def step(self, *inputs: I32) -> I32:
        """`(H_out, W_out, C_out)` or `(N_out,)` currents."""
        out = np.empty(self.shape, np.int32)
        out[:] = self._bias
        if self._linear:
            kernels.linear_events(inputs[0], self._weight, out)
        else:
            conv = self._conv
            kernels.conv_events(
                inputs[0],
                self._weight,
                out,
                conv.stride[0],
                conv.padding[0],
                conv.dilation[0],
                *self._taps,
                conv.groups,
            )
        return out


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


class Pure(Executor):
    """Operators without weights and state: add, shift, flatten, correlate, pass-through."""

    def __init__(self, op: ops.Op) -> None:
        self._op = op

    def step(self, *inputs: I32) -> I32:
        """See the operator's equation."""
        op = self._op
        if isinstance(op, ops.Add):
            total = inputs[0].copy()
            for other in inputs[1:]:
                total += other
            return total
        if isinstance(op, ops.Shift):
            return inputs[0] >> op.bits
        if isinstance(op, ops.Flatten):
            flat: I32 = first(inputs[0]).reshape(-1)  # type: ignore[assignment]
            return flat
        return inputs[0]


def make_executor(node: Node, network: Network) -> Executor:
    """The executor of one node of an integer-level network."""
    op, sources = node.op, [network.types[i] for i in node.inputs]
    if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
        return Synapses(op, sources[0], node)
    if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
        return Population(op.model, network.types[node.name], node)
    if isinstance(op, ops.SpikeMaxPool2d):
        return Pool(op, sources[0], network.types[node.name])
    return Pure(op)


def as_conv(op: ops.Conv2d | ops.Linear | ops.SumPool2d, source: EdgeType) -> ops.Conv2d:
    """Any linear operator as a convolution (sum pooling is depthwise, Linear is 1x1 on 1x1)."""
    if isinstance(op, ops.Conv2d):
        return op
    if isinstance(op, ops.Linear):
        return ops.Conv2d(Array(op.weight.data[:, :, None, None]), op.bias)
    channels = source.shape[0]
    ones = Array(np.ones((channels, 1, *op.kernel), np.int8))
    return ops.Conv2d(
        ones, Array(np.zeros(channels, np.int32)), op.stride, op.padding, (1, 1), channels
    )


@lru_cache(maxsize=16)  # one build lays out the same layers for several runners
def fanout(conv: ops.Conv2d, source: EdgeType, out: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Non-zero synapses behind every input element, exact at borders, strides and groups.

    Returns:
        `(H, W, C)` (or `(N,)`) counts, read-only; the sum over spikes is the SOP count.
    """
    nonzero = _by_input_channel((conv.weight.data != 0).astype(np.int64), conv.groups).sum(axis=3)
    if len(source.shape) == 1:
        return np.asarray(nonzero[0, 0], np.int64)
    channels, height, width = source.shape
    counts = np.zeros((height, width, channels), np.int64)
    axes = zip(source.shape[1:], out[:2], nonzero.shape[:2], range(2), strict=True)
    (ys, xs) = (
        kernels.window_taps(size, o, k, conv.stride[a], conv.padding[a], conv.dilation[a])
        for size, o, k, a in axes
    )
    for y in range(height):
        rows = nonzero[ys[1][ys[0][y] : ys[0][y + 1]]].sum(axis=0)
        for x in range(width):
            counts[y, x] = rows[xs[1][xs[0][x] : xs[0][x + 1]]].sum(axis=0)
    counts.setflags(write=False)
    return counts


def _by_input_channel(weight: npt.NDArray[np.generic], groups: int) -> npt.NDArray[np.int64]:
    """`(C_out, C_in/g, K_y, K_x)` -> `(K_y, K_x, C_in, C_out/g)`."""
    out, per_in, k_y, k_x = weight.shape
    grouped = weight.reshape(groups, out // groups, per_in, k_y, k_x)
    moved = grouped.transpose(3, 4, 0, 2, 1)
    return moved.reshape(k_y, k_x, groups * per_in, out // groups)  # type: ignore[return-value]


def _conv_shape(conv: ops.Conv2d, source: EdgeType) -> tuple[int, int, int]:
    from nmcompile.ir.infer import infer

    shape = infer(conv, (source,), "").shape
    return shape[0], shape[1], shape[2]


def _table(array: Array, edge: EdgeType) -> I32:
    data = array.data.astype(np.int32)
    if data.ndim == 3:
        data = last(data)  # type: ignore[assignment]
    elif data.ndim == 1 and len(edge.shape) == 3 and data.shape != edge.shape[:1]:
        raise ValueError("a parameter table has the wrong length")
    return np.ascontiguousarray(data.reshape(-1))


def _repeat(table: I32, period: int) -> I32:
    return np.ascontiguousarray(np.resize(table, period))
