"""Depthwise correlation with a template, and activations with an offset or a lower end."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import ReLU8
from nmcompile.reference.integer import IntegerRunner

SHAPE, KERNELS = (4, 6, 5), (4, 3, 2)


def network(op: ops.Correlate, channels: int) -> Network:
    return Network(
        "head",
        (
            Node("input", ops.Input("values", (channels, *SHAPE[1:]), 8)),
            Node("code", ops.Encode(), ("input",)),
            Node("z", ops.Slot("z", KERNELS, 8)),
            Node("match", op, ("code", "z"), "correlation"),
            Node("output", ops.Output(), ("match",)),
        ),
    )


def by_hand(x: npt.NDArray[Any], z: npt.NDArray[Any]) -> npt.NDArray[Any]:
    rows, columns = SHAPE[1] - KERNELS[1] + 1, SHAPE[2] - KERNELS[2] + 1
    out = np.zeros((len(z), rows, columns), np.int64)
    for c, i, j in np.ndindex(out.shape):
        out[c, i, j] = (x[c, i : i + KERNELS[1], j : j + KERNELS[2]] * z[c]).sum()
    return out


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.booleans(), st.sampled_from([0, 127]))
def test_every_channel_meets_its_own_kernel(seed: int, pairs: bool, zero: int) -> None:
    rng = np.random.default_rng(seed)
    zero = 0 if pairs else zero
    x = rng.integers(0, 256, (8 if pairs else 4, *SHAPE[1:]))
    z = rng.integers(-127, 128, KERNELS)
    op = ops.Correlate(signed_pairs=pairs, groups=4, zero=zero)
    trace = IntegerRunner(network(op, len(x))).run(x, {"z": z})
    values = x[0::2] - x[1::2] if pairs else x - zero
    np.testing.assert_array_equal(trace.output, by_hand(values, z))
    (layer,) = trace.counters.layers
    assert layer.macs == trace.output.size * 6


@pytest.mark.torch
def test_the_float_interpreter_agrees() -> None:
    from nmcompile.reference.float import FloatRunner

    rng = np.random.default_rng(3)
    x, z = rng.integers(0, 256, SHAPE), rng.integers(-127, 128, KERNELS)
    net = network(ops.Correlate(groups=4, zero=127), 4)
    found = FloatRunner(net).run(x[None], {"z": z}).output[0]
    np.testing.assert_array_equal(found, IntegerRunner(net).run(x, {"z": z}).output)


def with_largest(net: Network, largest: int) -> Network:
    def change(node: Node) -> Node:
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if not isinstance(model, ReLU8):
            return node
        return dataclasses.replace(node, op=ops.Neuron(dataclasses.replace(model, largest=largest)))

    return net.map_nodes(change)


def test_activations_end_where_they_say() -> None:
    model = ReLU8(Array(np.int32(127)), Array(np.int32(2)), 1, largest=254)
    values = np.array([-300, -127, -126, 0, 1, 127, 300], np.int32)
    nodes = (
        Node("input", ops.Input("values", (7,), 10, signed=True)),
        Node("code", ops.Encode(), ("input",)),
        Node(
            "same",
            ops.Linear(Array(np.eye(7, dtype=np.int8)), Array(np.zeros(7, np.int32))),
            ("code",),
        ),
        Node("act", ops.Neuron(model), ("same",)),
        Node("output", ops.Output(), ("act",)),
    )
    net = Network("n", nodes)
    found = IntegerRunner(net).run(values).output[0]
    np.testing.assert_array_equal(found, [0, 0, 1, 127, 128, 254, 254])
    (wider,) = IntegerRunner(with_largest(net, 255)).run(values).output[0, -1:]
    assert wider == 255
