"""A fused pool computes what the pool and the layer behind it computed."""

from __future__ import annotations

import numpy as np
import pytest

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import LIF
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext
from nmcompile.passes.fuse_pooling import fuse_pooling
from nmcompile.reference.float import FloatRunner


def neuron() -> ops.Neuron:
    return ops.Neuron(LIF(Array(np.float64(0.9)), Array(np.float64(1.0)), Array(np.float64(0.7))))


def network(pool: ops.Op, size: int = 8) -> Network:
    rng = np.random.default_rng(0)
    conv = ops.Conv2d(
        Array(rng.normal(size=(4, 1, 3, 3))), Array(rng.normal(size=4)), (1, 2), (1, 1), groups=2
    )
    nodes = [
        Node("input", ops.Input("spikes", (2, size, 16), 1)),
        Node("pool1", pool, ("input",)),
        Node("conv", conv, ("pool1",)),
        Node("n1", neuron(), ("conv",)),
    ]
    shape = Network("probe", tuple(nodes)).types["n1"].shape
    flat = 4 * (shape[1] // 2) * (shape[2] // 2)
    weight = rng.normal(size=(3, flat))
    nodes += [
        Node("pool2", ops.AvgPool2d((2, 2), (2, 2)), ("n1",)),
        Node("flat", ops.Flatten(), ("pool2",)),
        Node("fc", ops.Linear(Array(weight), Array(np.zeros(3))), ("flat",)),
        Node("n2", neuron(), ("fc",)),
        Node("output", ops.Output(), ("n2",)),
    ]
    return Network("main", tuple(nodes), 6)


def fused(original: Network) -> Network:
    program = Program("p", "float", (original,), (Step("main", "every_frame", "chip", "main"),))
    return fuse_pooling(program, PassContext()).network("main")


@pytest.mark.parametrize("pool", [ops.SumPool2d((2, 2), (2, 2)), ops.AvgPool2d((2, 4), (2, 4))])
def test_same_spikes_without_the_pools(pool: ops.Op) -> None:
    original = network(pool)
    result = fused(original)
    assert not list(result.of_type(ops.SumPool2d, ops.AvgPool2d))
    train = (np.random.default_rng(1).random((6, 2, 2, 8, 16)) < 0.4).astype(np.uint8)
    wanted, found = FloatRunner(original).run(train), FloatRunner(result).run(train)
    assert wanted.output.sum() > 0
    np.testing.assert_array_equal(found.output, wanted.output)


def test_windows_that_overlap_or_leave_a_rest_stay() -> None:
    for pool in (ops.SumPool2d((3, 3), (2, 2)), ops.SumPool2d((3, 3), (3, 3))):
        names = {n.name for n in fused(network(pool, size=8)).nodes}
        assert "pool1" in names
