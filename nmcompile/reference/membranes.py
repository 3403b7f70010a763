"""The operators of `nmcompile.ir.membrane_ops` in the integer interpreter, exact, channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.membrane_ops import (
    EXP_FRACTION,
    GATE_ONE,
    Bilinear,
    ChannelGate,
    KeyValue,
    Narrow,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.network import Node
from nmcompile.ir.types import EdgeType
from nmcompile.reference.executor import I32, Executor, Integers, as_int32, last
from nmcompile.reference.nilif import level_thresholds, nilif_step

I64 = npt.NDArray[np.int64]


class Offsets(Executor):
    """An Offset node."""

    def __init__(self, op: Offset, node: Node) -> None:
        self._shift = op.shift.data.astype(np.int64)
        value = last(op.value.data.astype(np.int64))
        self._values = value if value.ndim == 4 else value[None]
        self._bits, self._label = op.bits, node.label
        self.reset()

    def reset(self) -> None:
        """Back to the map of the first timestep."""
        self._t = 0

    def step(self, *inputs: I32) -> I32:
        """Shifted, rounded and moved."""
        x, down = inputs[0].astype(np.int64), np.maximum(-self._shift, 0)
        x = (x << np.maximum(self._shift, 0)) + ((np.int64(1) << down) >> 1)
        value = self._values[min(self._t, len(self._values) - 1)]
        self._t += 1
        return within((x >> down) + value, self._bits, self._label)


class Repeats(Executor):
    """A Repeat node."""

    def __init__(self, op: Repeat, _: Node) -> None:
        self._times = op.times

    def step(self, *inputs: I32) -> Integers:
        """All channels, again and again."""
        return np.concatenate([inputs[0]] * self._times, axis=-1)


class Enlarger(Executor):
    """A Bilinear node, scaled."""

    def __init__(self, op: Bilinear, node: Node) -> None:
        if not op.scaled:
            raise TypeError("bilinear interpolation of integers is scaled")
        self._factor, self._label = op.factor, node.label

    def step(self, *inputs: I32) -> I32:
        """`(f H, f W, C)`."""
        x = inputs[0].astype(np.int64)
        rows, columns = (interpolation(n, self._factor) for n in x.shape[:2])
        wide = np.einsum("yi,ixc->yxc", rows, x, optimize=True)
        return as_int32(np.einsum("xj,yjc->yxc", columns, wide, optimize=True), self._label)


class KeyValues(Executor):
    """A KeyValue node: `(K, V, heads)`."""

    def __init__(self, op: KeyValue, node: Node) -> None:
        self._heads, self._label = op.heads, node.label

    def step(self, *inputs: I32) -> I32:
        """The memory of one timestep."""
        keys, values = (by_head(x, self._heads) for x in inputs)
        # Doubles hold integers below 2^53 exactly, in any order of summation.
        return as_int32((keys.transpose(0, 2, 1) @ values).transpose(1, 2, 0), self._label)


class Queries(Executor):
    """A Query node.

    Attributes:
        events: queries other than 0 times the elements other than 0 that they meet, so far.
    """

    def __init__(self, op: Query, node: Node) -> None:
        self._heads, self._label = op.heads, node.label
        self.reset()

    def reset(self) -> None:
        """Nothing asked yet."""
        self.events = 0

    def step(self, *inputs: I32) -> I32:
        """`(H, W, heads V)`."""
        query, memory = inputs
        asked = np.count_nonzero(query.reshape(-1, memory.shape[2], memory.shape[0]), axis=0)
        self.events += int((asked * np.count_nonzero(memory, axis=1).T).sum())
        found = by_head(query, self._heads) @ memory.transpose(2, 0, 1).astype(np.float64)
        return as_int32(found.transpose(1, 0, 2).reshape(*query.shape[:2], -1), self._label)


class Narrows(Executor):
    """A Narrow node."""

    def __init__(self, op: Narrow, _: Node) -> None:
        self._op = op

    def step(self, *inputs: I32) -> I32:
        """Rounded half to even, and no larger than a synapse holds."""
        op, one = self._op, 1 << self._op.shift
        product = inputs[0].astype(np.int64) * op.multiplier
        whole, twice = product >> op.shift, 2 * (product & (one - 1))
        up = (twice > one) | ((twice == one) & (whole % 2 == 1))
        narrow: I32 = np.minimum(whole + up, op.largest).astype(np.int32)
        return narrow


class Gates(Executor):
    """A ChannelGate node in its integer form."""

    def __init__(self, op: ChannelGate, node: Node) -> None:
        self._op, self._label = op, node.label
        self._reduce, self._score = (a.data.astype(np.float64) for a in (op.reduce, op.score))

    def step(self, *inputs: I32) -> I32:
        """`(H, W, C)`, `GATE_ONE` for each unit of a count."""
        op, counts = self._op, inputs[0].reshape(-1, inputs[0].shape[-1])
        hidden = self._reduce @ counts + op.reduce_bias.data[:, None]
        fired = self._hidden(hidden.astype(np.int64))
        score = (self._score @ fired + float(op.score_bias.data)).astype(np.int64)
        steps = score.reshape(op.steps, -1)
        below = (steps.max(axis=0) - steps) * EXP_FRACTION // op.score_one
        weights = op.exponentials.data.astype(np.int64)
        weight = weights[np.minimum(below, len(weights) - 1)]
        maps = counts.reshape(-1, op.steps, steps.shape[1]).astype(np.int64)
        mean = (maps * weight).sum(axis=1) * GATE_ONE // weight.sum(axis=0)
        return as_int32(mean.reshape(*inputs[0].shape[:2], -1), self._label)

    def _hidden(self, current: I64) -> I64:
        """Counts of the neurons, step after step, `(N / 2, steps C)`."""
        op = self._op
        out = np.empty(current.shape, np.int64)
        each = current.shape[1] // op.steps
        rest, one = np.zeros(current.shape[0] * each, np.int64), np.array([op.one], np.int64)
        thresholds, none = level_thresholds(one, op.levels), np.zeros(1, np.int64)
        for step in range(op.steps):
            part = slice(step * each, (step + 1) * each)
            a = np.ascontiguousarray(current[:, part]).reshape(-1).astype(np.int32)
            counts = np.empty(a.size, np.uint8)
            keep = op.keep.data[step - 1 : step].astype(np.int64) if step else none
            nilif_step(a, rest, counts, none, thresholds, one, keep, step == 0)
            out[:, part] = counts.reshape(-1, each)
        return out


class Stores(Executor):
    """A Store node: what it hands on, the interpreter keeps."""

    def __init__(self, _: Store, __: Node) -> None:
        return

    def step(self, *inputs: I32) -> I32:
        """The input."""
        return inputs[0]


def by_head(x: I32, heads: int) -> npt.NDArray[np.float64]:
    """`(H, W, C)` as `(heads, places, C / heads)`."""
    return x.reshape(-1, heads, x.shape[-1] // heads).transpose(1, 0, 2).astype(np.float64)


def interpolation(size: int, factor: int) -> I64:
    """`(factor size, size)`: 2 factor times the weights of a bilinear enlargement of one axis."""
    place = 2 * np.arange(size * factor) + 1 - factor
    place = np.maximum(place, 0)
    low = np.minimum(place // (2 * factor), size - 1)
    high = np.minimum(low + 1, size - 1)
    part = place - 2 * factor * low
    rows = np.arange(size * factor)
    weights = np.zeros((size * factor, size), np.int64)
    np.add.at(weights, (rows, low), 2 * factor - part)
    np.add.at(weights, (rows, high), part)
    return weights


def within(sums: Integers, bits: int, label: str) -> I32:
    """Sums as int32, of a stated width.

    Raises:
        NmError: NM0203 when one leaves the width, or int32.
    """
    limit = 2 ** (bits - 1) - 1
    largest = int(np.abs(sums).max(initial=0))
    if bits and largest > limit:
        raise NmError(
            Diagnostic(
                code="NM0203",
                message=f"a membrane stream left its {bits} bits",
                where=label,
                limit=str(limit),
                found=str(largest),
                help=("build the model again: its widths are proven when it is quantised",),
            )
        )
    return as_int32(sums, label)


def membrane_operations(node: Node, types: Mapping[str, EdgeType]) -> int:
    """Dense multiply-adds of a product, a factor, a gate or an enlargement.

    Args:
        node: one of these. types: of all edges of its network.
    """
    op, (source, *others) = node.op, [types[name] for name in node.inputs]
    if isinstance(op, KeyValue):
        return types[node.name].size * source.shape[1] * source.shape[2]
    if isinstance(op, Query):
        return types[node.name].size * others[0].shape[1]
    if isinstance(op, Narrow):
        return source.size
    if isinstance(op, ChannelGate):
        return source.shape[0] * (op.reduce.data.size + op.score.data.size) + source.size
    return 4 * types[node.name].size


MAKERS: Final[Mapping[type, Callable[[Any, Node], Executor]]] = {
    Offset: Offsets,
    Repeat: Repeats,
    Bilinear: Enlarger,
    KeyValue: KeyValues,
    Query: Queries,
    Narrow: Narrows,
    Store: Stores,
    ChannelGate: Gates,
}
