"""Linear operators of the integer interpreter: events or matrices times weights, both exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import infer, sum_bound
from nmcompile.ir.network import Node
from nmcompile.ir.types import EdgeType
from nmcompile.reference import kernels
from nmcompile.reference.dense import EXACT_LIMIT, dense_conv
from nmcompile.reference.executor import I32, INT32_MAX, Executor, Integers
from nmcompile.reference.fanout import fanout

COST_NARROW, COST_WIDE, COST_GRADED = 1.0, 1.4, 2.0
"""What one event costs per weight, in multiply-adds of the dense kernel: with accumulators of 16
bits, of 32 bits, and with values other than 1 (layers of SiamFC-3s, one Zen 4 core, AVX-512)."""

INT16_MAX = 2**15 - 1


@dataclass(frozen=True)
class Packed:
    """The events of N images.

    Attributes:
        events, values, start: see `kernels.pack_events`; no values when all are 1.
        counts: `(N,)` events.
        synapses: synapses behind all of them.
        graded: whether any value is not 1.
    """

    events: I32
    values: I32
    start: I32
    counts: npt.NDArray[np.int64]
    synapses: int
    graded: bool


class Synapses(Executor):
    """A linear operator: events times weights, plus the bias once per timestep.

    The kernel of every timestep is chosen by `dense_pays` from counted activity. Both kernels are
    exact, so the choice shows in time only.

    Attributes:
        shape: of the currents, `(H_out, W_out, C_out)` or `(N_out,)`.
        fanout: synapses behind every input element.
        arrived: synaptic operations of the last `step` or `advance`.
        float32_is_exact: whether no sum can leave the integers that float32 represents.
    """

    takes_bytes = True

    def __init__(self, op: ops.Conv2d | ops.Linear | ops.SumPool2d, source: EdgeType, node: Node):
        conv = as_conv(op, source)
        self._bias = _checked(conv, source, node)
        self._linear = isinstance(op, ops.Linear)
        image = (source.shape[0], 1, 1) if self._linear else source.shape
        edge = EdgeType("values", image, source.bits, source.signed)
        channels, height, width = infer(conv, (edge,), node.label).shape
        self._out = (height, width, channels)
        self._image = (*image[1:], image[0])
        self.shape: tuple[int, ...] = (channels,) if self._linear else self._out
        self.fanout = fanout(conv, source, self.shape)
        self._behind = self.fanout.reshape(self._image)
        self._source = source
        self._label = node.label
        self._window = (*conv.stride, *conv.padding, *conv.dilation, conv.weight.shape[3])
        self._weight = _grouped(conv)
        self._float: npt.NDArray[np.floating[Any]] | None = None
        self._depthwise = self._weight.shape[2] == conv.weight.shape[3] and channels == conv.groups
        self._accumulator = np.zeros(0, np.int16 if _fits_int16(conv.weight) else np.int32)
        self._row_sum = sum_bound(conv.weight, None, EdgeType("values", image, 1))
        self.float32_is_exact = self._row_sum * source.largest <= EXACT_LIMIT
        self.arrived = 0

    def step(self, *inputs: Integers) -> I32:
        """`(H_out, W_out, C_out)` or `(N_out,)` currents."""
        currents: I32 = self.advance(1, inputs[0][None])[0]
        return currents

    def advance(self, steps: int, *trains: Integers) -> I32:
        """`(T, H_out, W_out, C_out)` or `(T, N_out)` currents of a train of T timesteps."""
        x = np.ascontiguousarray(trains[0]).reshape(-1, *self._image)
        out = np.empty((len(x), *self._out), np.int32)
        if self._source.wide and self._may_overflow(x):
            self.pack(x)
            self.by_matrix(x, out, np.arange(len(x)), np.float64)
        elif self._depthwise:
            self.by_channel(x, out)
        else:
            self._by_activity(x, out)
        return out.reshape(-1, *self.shape)

    def _by_activity(self, x: Integers, out: I32) -> None:
        packed = self.pack(x)
        activity = packed.counts / (x.size / len(x))
        wide = packed.graded or self._accumulator.dtype != np.int16
        dense = np.array([dense_pays(a, graded=packed.graded, wide=wide) for a in activity])
        if dense.any() and not self._dense_is_exact(x):
            dense[:] = False
        self.by_events(packed, out, np.flatnonzero(~dense))
        self.by_matrix(x, out, np.flatnonzero(dense))

    def pack(self, x: Integers) -> Packed:
        """List the events of `(N, H, W, C)` inputs, and count the synapses behind them."""
        packed = self._pack(x, keep_values=self._source.bits > 1)
        if packed.graded and not packed.values.size:
            packed = self._pack(x, keep_values=True)
        self.arrived = packed.synapses
        return packed

    def by_events(self, packed: Packed, out: I32, which: npt.NDArray[np.int64]) -> None:
        """Fill the currents of some of the images, event by event."""
        if not which.size:
            return
        narrow = np.zeros(0, np.int32) if packed.graded else self._accumulator
        values = packed.values if packed.graded else packed.events
        kernels.conv_events(
            *(packed.events, values, packed.start, self._weight, self._bias, narrow, out, which),
            *(self._window, numba.get_num_threads(), packed.graded),
        )

    def by_matrix(
        self,
        x: Integers,
        out: I32,
        which: npt.NDArray[np.int64],
        precision: type[np.floating[Any]] = np.float32,
    ) -> None:
        """Fill the currents of some of the images by matrix products of floats.

        Raises:
            NmError: NM0203 when a sum left 32 bits (in double precision).
        """
        if not which.size:
            return
        if self._float is None or self._float.dtype != precision:
            groups, k_y, across, per_out = self._weight.shape
            taps = self._weight.reshape(groups, k_y * across, per_out)
            self._float = taps.astype(precision)
        threads = numba.get_num_threads()
        for i in which:
            largest = dense_conv(x[i], self._float, self._bias, out[i], self._window, threads)
            if largest > INT32_MAX:
                raise NmError(_too_large(self._label, largest))

    def by_channel(self, x: Integers, out: I32) -> None:
        """Fill the currents where every channel has a kernel of its own."""
        synapses = np.empty(x.shape[:2], np.int64)
        kernels.count_synapses(x, self._behind, synapses)
        self.arrived = int(synapses.sum())
        groups, k_y, k_x, _ = self._weight.shape
        weight = self._weight.reshape(groups, k_y, k_x).transpose(1, 2, 0).astype(np.int32)
        kernels.depthwise(x, np.ascontiguousarray(weight), self._bias, out, self._window)

    def _pack(self, x: Integers, *, keep_values: bool) -> Packed:
        images, height, width, channels = x.shape
        groups = len(self._weight)
        events = np.empty((images, height, groups, width * channels // groups), np.int32)
        values = np.empty(events.shape if keep_values else (0, 0, 0, 0), np.int32)
        start = np.empty((images, height, groups, width + 1), np.int32)
        synapses, graded = (np.empty((images, height), np.int64) for _ in range(2))
        lists = (events, values, start)
        kernels.pack_events(x, self._behind, *lists, synapses, graded, keep_values)
        counts = start[..., -1].sum(axis=(1, 2), dtype=np.int64)
        return Packed(*lists, counts, int(synapses.sum()), bool(graded.any()))

    def _dense_is_exact(self, x: Integers) -> bool:
        """Whether no sum of these inputs leaves the integers that float32 represents."""
        return self._row_sum * _largest(x) <= EXACT_LIMIT

    def _may_overflow(self, x: Integers) -> bool:
        """Whether the bound of these inputs' sums leaves int32; narrow ones are proven before."""
        return self._row_sum * _largest(x) + int(np.abs(self._bias).max(initial=0)) > INT32_MAX


def dense_pays(activity: float, *, graded: bool, wide: bool) -> bool:
    """Whether the dense kernel is expected to be faster than the events.

    The dense kernel's time does not depend on the input, that of the events is proportional to it.

    Args:
        activity: share of non-zero inputs.
        graded: whether inputs other than 0 and 1 occur.
        wide: whether the accumulators need 32 bits.
    """
    cost = COST_GRADED if graded else COST_WIDE if wide else COST_NARROW
    return activity * cost > 1.0


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


def _checked(conv: ops.Conv2d, source: EdgeType, node: Node) -> I32:
    """The bias, of an operator whose sums fit int32."""
    bound = sum_bound(conv.weight, conv.bias, source)
    if bound > INT32_MAX and not source.wide:  # sums of wide inputs are watched as they run
        raise NmError(_too_large(node.label, bound))
    bias: I32 = conv.bias.data.astype(np.int32)
    return bias


def _too_large(label: str, found: int) -> Diagnostic:
    return Diagnostic(
        code="NM0203",
        message="a sum of this layer may leave 32 bits",
        where=label,
        limit=f"{INT32_MAX}",
        found=f"{found}",
        help=("use fewer weight bits or a narrower input",),
    )


def _largest(x: Integers) -> int:
    """Largest magnitude."""
    return max(int(x.max(initial=0)), -int(x.min(initial=0)))


def _grouped(conv: ops.Conv2d) -> Integers:
    """`(C_out, C_in/g, K_y, K_x)` -> `(G, K_y, K_x * C_in/g, C_out/g)`, int8 where it fits."""
    out, per_in, k_y, k_x = conv.weight.shape
    grouped = conv.weight.data.reshape(conv.groups, out // conv.groups, per_in, k_y, k_x)
    rows = grouped.transpose(0, 3, 4, 2, 1).reshape(conv.groups, k_y, k_x * per_in, -1)
    narrow = rows.min(initial=0) >= -128 and rows.max(initial=0) <= 127
    return np.ascontiguousarray(rows.astype(np.int8 if narrow else np.int32))


def _fits_int16(weight: Array) -> bool:
    """Whether no set of binary spikes sums to more than 16 bits hold.

    Sums that leave 16 bits on the way come back by wrapping around; only the last one counts, and
    it lies between the sum of the negative and the sum of the positive weights.
    """
    rows = weight.data.reshape(weight.shape[0], -1).astype(np.int64)
    most = np.maximum(rows, 0).sum(axis=1).max(initial=0)
    least = np.minimum(rows, 0).sum(axis=1).min(initial=0)
    return bool(most <= INT16_MAX and least >= -INT16_MAX)
