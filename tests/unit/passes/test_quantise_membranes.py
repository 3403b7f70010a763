"""Networks with NI-LIF neurons as integers: units, proven widths, and how close they come."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.spiketrack import TINY, crops, integer_program, lively, program_of

from nmcompile.build.execute import reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.legality import verify
from nmcompile.ir.membrane_ops import Offset
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import NILIF, IntegerNILIF
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.quantise_membranes import quantise_membranes
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.float import FloatRunner
from nmcompile.reference.integer import IntegerRunner

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def levels() -> tuple[Program, Program]:
    """Float, with three template steps, and integer."""
    program = program_of(lively(dataclasses.replace(TINY, steps=3)))
    return PassManager(pipelines.FLOAT).run(program, PassContext()), integer_program(program)


def test_weights_have_eight_bits_and_units_are_odd(levels: tuple[Program, Program]) -> None:
    verify(levels[1])
    for network in levels[1].networks:
        for node in network.nodes:
            if isinstance(node.op, ops.Conv2d):
                assert node.op.weight.data.dtype == np.int8
                assert np.abs(node.op.weight.data).max() <= 127
                reader = network.only_consumer(node.name)
                if reader is not None and isinstance(reader.op, ops.Neuron):
                    assert isinstance(reader.op.model, IntegerNILIF)
                    assert (reader.op.model.one.data % 2 == 1).all()


def test_no_sum_leaves_its_proven_width(levels: tuple[Program, Program]) -> None:
    """The interpreter checks every stream; noise is far from natural images."""
    rng = np.random.default_rng(3)
    executor = reference_executor(levels[1])
    executor.init(rng.integers(0, 256, (3, 3, 32, 32)))
    executor.frame(rng.integers(0, 256, (1, 3, 32, 32)))
    widths = {
        node.op.bits
        for network in levels[1].networks
        for node in network.nodes
        if isinstance(node.op, ops.Add | Offset)
    }
    assert widths <= {16, 24, 32}


def test_integers_follow_the_float_network(levels: tuple[Program, Program]) -> None:
    images = crops(TINY.size, 4, seed=2)
    results = []
    for program in levels:
        executor = reference_executor(program)
        executor.init(images[:3])
        results.append((executor.frame(images[3:])[0], executor.slots))
    (above, counts), (below, integers) = results
    for name, memory in counts.items():
        assert np.corrcoef(16 * memory.ravel(), integers[name].ravel())[0, 1] > 0.97
    assert np.abs(above - below).max() < 0.1


def test_finer_weights_come_closer() -> None:
    """Mean error of a count, all neurons of the template network."""
    program = PassManager(pipelines.FLOAT).run(program_of(lively(TINY)), PassContext())
    network = program.network("template")
    names = tuple(n.name for n in network.of_type(ops.Neuron))
    images = crops(TINY.size, 1, seed=2)
    wanted = FloatRunner(network).run(images[:, None], record=names).recorded
    found = []
    for bits in (4, 8):
        made = quantise_membranes(program.networks, Recipe(weight_bits=bits))["template"]
        spikes = IntegerRunner(made).run(images, record=True).spikes
        found.append(np.mean([np.abs(spikes[n][0] - 4 * wanted[n][0]).mean() for n in names]))
    assert found[0] > 1.5 * found[1]
    assert found[1] < 0.05


def test_networks_share_the_weights_of_their_common_layers(
    levels: tuple[Program, Program],
) -> None:
    template, search = levels[1].networks
    common = [n for n in template.of_type(ops.Conv2d) if n.name in search.by_name]
    assert len(common) > 15
    assert all(search.by_name[n.name].op == n.op for n in common)


def chain(weight: Any, *more: ops.Op) -> Network:
    """Pixels, a convolution, neurons."""
    ops_ = (
        ops.Conv2d(Array(np.asarray(weight, np.float64)), Array(np.zeros(len(weight)))),
        *(ops.Neuron(NILIF(Array(np.zeros(0)))), *more, ops.Output()),
    )
    nodes = [Node("input", ops.Input("values", (1, 2, 2), 8, signed=False))]
    for index, op in enumerate(ops_):
        nodes.append(Node(f"n{index}", op, (nodes[-1].name,)))
    return Network("chain", tuple(nodes))


def test_weights_that_leave_no_unit_are_refused() -> None:
    with pytest.raises(NmError) as refused:
        quantise_membranes([chain(np.full((2, 1, 1, 1), 200.0))], Recipe())
    assert refused.value.codes == ("NM0338",)


def test_operators_without_a_unit_are_refused() -> None:
    network = chain(np.ones((2, 1, 1, 1)), ops.MaxPool2d((2, 2), (2, 2)))
    with pytest.raises(NmError) as refused:
        quantise_membranes([network], Recipe())
    assert refused.value.codes == ("NM0339",)


def test_silent_channels_are_silent() -> None:
    made = quantise_membranes([chain(np.zeros((2, 1, 1, 1)))], Recipe())["chain"]
    assert not IntegerRunner(made).run(np.full((1, 2, 2), 255)).output.any()
