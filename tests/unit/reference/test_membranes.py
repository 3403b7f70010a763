"""Operators of membrane streams and attention, integer against float and against definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import (
    GATE_ONE,
    Bilinear,
    ChannelGate,
    KeyValue,
    MembraneOp,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.network import Network, Node
from nmcompile.passes.integer_gate import integer_gate
from nmcompile.reference.float import FloatRunner
from nmcompile.reference.integer import IntegerRunner
from nmcompile.reference.membranes import interpolation

RNG = np.random.default_rng(5)


def network(op: MembraneOp, shape: tuple[int, ...], bits: int = 16) -> Network:
    nodes = (
        Node("input", ops.Input("values", shape, bits, signed=True)),
        Node("op", op, ("input",)),
        Node("output", ops.Output(), ("op",)),
    )
    return Network("one", nodes)


def run(op: MembraneOp, x: Any) -> Any:
    return IntegerRunner(network(op, x.shape)).run(x).output


def test_offsets_shift_round_and_add() -> None:
    x = np.array([[[-6]], [[-5]], [[5]], [[7]]])
    op = Offset(Array(np.array([1, 1, 1, 1])), Array(np.array([-2, -2, -2, 3])), 16)
    # -6/4 = -1.5 rounds to -1, 5/4 = 1.25 to 1.
    np.testing.assert_array_equal(run(op, x).ravel(), [0, 0, 2, 57])


def test_a_stream_that_leaves_its_width_is_refused() -> None:
    op = Offset(Array(np.zeros(1, np.int32)), Array(np.int32(8)), 16)
    assert run(op, np.full((1, 1, 1), 100)) == 25_600
    with pytest.raises(NmError, match="16 bits") as refused:
        run(op, np.full((1, 1, 1), 200))
    assert refused.value.codes == ("NM0203",)


@pytest.mark.parametrize(("side", "factor"), [(1, 2), (3, 2), (4, 4), (5, 3)])
def test_enlargement_is_bilinear(side: int, factor: int) -> None:
    x = RNG.integers(-900, 900, (3, side, side + 1))
    op = Bilinear(factor, scaled=True)
    wanted = F.interpolate(
        torch.from_numpy(x)[None].double(), scale_factor=factor, mode="bilinear"
    )[0]
    np.testing.assert_allclose(run(op, x) / op.denominator, wanted.numpy(), atol=1e-9)
    assert (interpolation(side, factor).sum(axis=1) == 2 * factor).all()


def test_repeats_are_groups_of_channels() -> None:
    x = RNG.integers(0, 9, (2, 3, 3))
    np.testing.assert_array_equal(run(Repeat(3), x), np.concatenate([x] * 3))


def test_memories_and_queries() -> None:
    keys, values, queries = (RNG.integers(0, 5, (c, 3, 2)) for c in (8, 16, 8))
    memory = np.einsum("gip,gjp->gij", keys.reshape(2, 4, 6), values.reshape(2, 8, 6))
    found = np.einsum("gip,gij->gjp", queries.reshape(2, 4, 6), memory).reshape(16, 3, 2)

    every = np.concatenate([queries, keys, values])
    nodes = [Node("input", ops.Input("values", every.shape, 3, signed=False))]
    for name, first, count in (("q", 0, 8), ("k", 8, 8), ("v", 16, 16)):
        nodes.append(Node(name, ops.Channels(first, count), ("input",)))
    nodes += [
        Node("kv", KeyValue(2), ("k", "v")),
        Node("kept", Store("m"), ("kv",)),
        Node("found", Query(2), ("q", "kept")),
        Node("output", ops.Output(), ("found",)),
    ]
    attention = Network("attention", tuple(nodes))
    trace = IntegerRunner(attention).run(every)
    np.testing.assert_array_equal(trace.stored["m"], memory)
    np.testing.assert_array_equal(trace.output, found)
    real = FloatRunner(attention).run(every[None])
    np.testing.assert_allclose(real.output[0], found)
    np.testing.assert_allclose(real.stored["m"][0], memory)
    macs = {layer.node: layer.macs for layer in trace.counters.layers}
    assert (macs["kv"], macs["found"]) == (2 * 4 * 8 * 6, 16 * 6 * 4)


def test_a_gate_is_a_softmax_over_the_steps() -> None:
    counts = RNG.integers(0, 5, (3 * 4, 3, 3))
    op = ChannelGate(
        reduce=Array(RNG.normal(0, 0.5, (4, 9))),
        reduce_bias=Array(RNG.normal(0.5, 0.5, 4)),
        score=Array(RNG.normal(0, 1, 4)),
        score_bias=Array(np.float64(0.2)),
        keep=Array(np.array([0.25, 0.5])),
        steps=3,
    )
    (wanted,) = FloatRunner(network(op, counts.shape)).run(counts[None] / 4).output
    found = run(integer_gate(op, 8), counts) / (4 * GATE_ONE)
    assert np.ptp(wanted) > 0.1
    assert np.abs(found - wanted).mean() < 0.02


def test_a_gate_of_equal_scores_is_a_mean() -> None:
    counts = RNG.integers(0, 5, (2 * 3, 2, 2))
    zeros = [Array(np.zeros(s)) for s in ((2, 4), (2,), (2,), (), (1,))]
    found = run(integer_gate(ChannelGate(*zeros, steps=2), 8), counts)
    np.testing.assert_array_equal(found, counts.reshape(2, 3, 2, 2).sum(axis=0) * GATE_ONE // 2)
