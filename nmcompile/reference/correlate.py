"""Matching and read-out of the integer interpreter: decode, template bank, correlate, accumulate.

Everything is channels-last. A correlation runs in float64: integers below 2^53 stay exact in any
order of summation, and BLAS is an order of magnitude faster than integer products.
"""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Node
from nmcompile.ir.types import EdgeType
from nmcompile.matching.bank import TimeWeights, bank, signed
from nmcompile.reference.executor import I32, INT32_MAX, Executor, parameter_table

I64 = npt.NDArray[np.int64]


class Decoder(Executor):
    """A Decode node: counts, or differences of counts, so far."""

    def __init__(self, op: ops.Decode) -> None:
        self._pairs = op.signed_pairs
        self._total: I32 | None = None

    def reset(self) -> None:
        """Nothing counted yet."""
        self._total = None

    def step(self, *inputs: I32) -> I32:
        """Counts including this timestep."""
        spikes = signed(inputs[0], -1) if self._pairs else inputs[0]
        self._total = spikes.copy() if self._total is None else self._total + spikes
        return self._total


class BankBuilder(Executor):
    """A TemplateBank node: collects the exemplar's train, filters it at the last timestep."""

    def __init__(self, op: ops.TemplateBank, edge: EdgeType) -> None:
        self._op = op
        steps, channels, height, width = edge.shape
        self._empty = np.zeros((steps, height, width, channels), np.int32)
        self._train: list[I32] = []

    def reset(self) -> None:
        """No spikes yet."""
        self._train = []

    def step(self, *inputs: I32) -> I32:
        """`(T, h, w, C)`: zero before the last timestep, then the bank."""
        op = self._op
        self._train.append(signed(inputs[0], -1) if op.signed_pairs else inputs[0])
        if len(self._train) < op.timesteps:
            return self._empty
        return bank(np.stack(self._train), time_weights(op)).astype(np.int32)


class Correlator(Executor):
    """A Correlate node; of a bank it takes the next template at every timestep.

    Attributes:
        sops: non-zero inputs x non-zero synapses that they meet, so far.
    """

    def __init__(self, op: ops.Correlate, template: EdgeType) -> None:
        self._pairs = op.signed_pairs
        self._largest = op.largest
        self._groups = op.groups
        self._zero = op.zero
        self._banked = len(template.shape) == 4
        self.reset()

    def reset(self) -> None:
        """Back to the first template."""
        self._t = 0
        self.sops = 0

    def step(self, *inputs: I32) -> I32:
        """`(H_out, W_out, groups)` int64."""
        x, z = inputs
        if self._banked:
            z = z[self._t]
        self._t += 1
        x = x - self._zero if self._zero else x
        self.sops += _events(x, _synapses(z, self._largest), pairs=self._pairs)
        x = signed(x, -1) if self._pairs else x
        parts = zip(*(np.split(a, self._groups, axis=-1) for a in (x, z)), strict=True)
        return np.concatenate([correlation(a, b) for a, b in parts], axis=-1)


class Accumulator(Executor):
    """An Accumulate node."""

    def __init__(self, op: ops.Accumulate, source: EdgeType, node: Node) -> None:
        self._op = op
        shape = (*source.shape[1:], source.shape[0])
        start = parameter_table(op.start, source).astype(np.int64)
        self._start = np.broadcast_to(start, (prod(shape) // start.size, start.size))
        self._start = self._read(self._start.reshape(shape))
        self._label = node.label
        self.reset()

    def _read(self, values: I64) -> I64:
        return values if self._op.apart else values.sum(axis=-1, keepdims=True)

    def reset(self) -> None:
        """All membranes to their start."""
        self._v = self._start

    def step(self, *inputs: I32) -> I32:
        """The membranes, channels added unless they stay apart."""
        self._v = self._v + self._read(inputs[0].astype(np.int64))
        if np.abs(self._v).max(initial=0) > INT32_MAX:
            raise NmError(
                Diagnostic(
                    code="NM0203",
                    message="an accumulated response left 32 bits",
                    where=self._label,
                    limit=f"{INT32_MAX}",
                    help=("use fewer timesteps or smaller matching weights",),
                )
            )
        return self._v.astype(np.int32)


def time_weights(op: ops.TemplateBank) -> TimeWeights:
    """The matrix M of the operator."""
    return TimeWeights(op.potential, op.temporal, op.period)


def bank_operations(op: ops.TemplateBank, edge: EdgeType) -> int:
    """Multiply-adds that one bank takes; `edge` is its type."""
    return edge.size // op.timesteps * time_weights(op).operations(op.timesteps)


def correlation(x: I32, z: I32) -> I64:
    """Exact valid correlation; x `(H, W, C)`, z `(h, w, C)`, result `(H_out, W_out, 1)` int64."""
    response = _windows(x, z).astype(np.int64)
    return response[..., None]


def _windows(x: npt.NDArray[np.generic], z: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """`(H_out, W_out)` sums: one product of all positions with all taps, then shifted additions."""
    (height, width, channels), (taps_y, taps_x, _) = x.shape, z.shape
    rows, columns = height - taps_y + 1, width - taps_x + 1
    left = x.reshape(-1, channels).astype(np.float64)
    products = (left @ z.reshape(-1, channels).astype(np.float64).T).reshape(height, width, -1)
    out = np.zeros((rows, columns))
    for tap, (a, b) in enumerate(np.ndindex(taps_y, taps_x)):
        out += products[a : a + rows, b : b + columns, tap]
    return out


def _synapses(z: I32, largest: int) -> I64:
    """Non-zero synapses of every template element."""
    words: I64 = -(-np.abs(z.astype(np.int64)) // (largest or INT32_MAX))
    return words


def _events(x: I32, synapses: I64, *, pairs: bool) -> int:
    """Non-zero inputs times the non-zero synapses behind them, exact at borders."""
    spikes = x != 0
    if pairs:
        spikes = spikes[..., 0::2].astype(np.int8) + spikes[..., 1::2]
    return int(_windows(spikes, synapses).sum())
