"""Linear operators of the integer interpreter: events times weights, and exact fan-outs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Node
from nmcompile.ir.types import EdgeType
from nmcompile.reference import kernels
from nmcompile.reference.executor import I32, INT32_MAX, Executor


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
