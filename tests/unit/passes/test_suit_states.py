"""Networks trained with leaky neurons: what the integer program says, the golden one says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.backends.loihi.rules import rules_of
from nmcompile.backends.registry import backend_of
from nmcompile.build.execute import reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF, LIF, CubaLIF, IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.target import load_target

SETTINGS = settings(max_examples=15, deadline=None)
PLAIN = pipelines.INTEGER[:1]
Drawn = tuple[Program, npt.NDArray[np.integer[Any]]]


def real(value: float) -> Array:
    return Array(np.float64(value))


def neuron(kind: str, rng: np.random.Generator, threshold: float, reset: Any) -> ops.Neuron:
    keep, slow = (real(float(rng.uniform(0.2, 1.0))) for _ in range(2))
    one, above = real(1.0), real(threshold)
    if kind == "CubaLIF":
        return ops.Neuron(CubaLIF(slow, keep, one, above, reset))
    if kind == "IF":
        return ops.Neuron(IF(above, reset))
    return ops.Neuron(LIF(keep, one, above, reset))


def network(
    seed: int, kinds: tuple[str, ...], timesteps: int, bias: float, *, pixels: bool, reset: Any
) -> Network:
    """Convolutions and neurons with seeded weights, an OR of spikes behind the first.

    Args:
        kinds: of the neurons, layer by layer. bias: largest one of the first layer, in thresholds.
    """
    rng = np.random.default_rng(seed)
    shape = (3, 24, 20)
    nodes = [Node("input", ops.Input("values" if pixels else "spikes", shape, 8 if pixels else 1))]
    if pixels:
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
    for index, kind in enumerate(kinds):
        weight = Array(rng.normal(0.0, 1.0, (4, 4 if index else 3, 3, 3)))
        size = 128.0 if pixels and not index else 1.0
        spread = rng.uniform(-bias, bias, 4) * size if not index else rng.normal(0.0, 0.1, 4)
        source = nodes[-1].name
        nodes.append(Node(f"c{index}", ops.Conv2d(weight, Array(spread)), (source,)))
        nodes.append(Node(f"n{index}", neuron(kind, rng, size, reset), (f"c{index}",), f"l{index}"))
        if not index:
            pool = ops.SpikeMaxPool2d((2, 2), (1, 1), rule="or")
            nodes.append(Node("pool", pool, ("n0",)))
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return Network("net", tuple(nodes), timesteps)


def program(net: Network) -> Program:
    return Program("p", "spiking", (net,), (Step("run", "every_frame", "chip", "net"),))


def stimulus(net: Network, seed: int) -> npt.NDArray[np.integer[Any]]:
    rng, shape = np.random.default_rng(seed), net.types["input"].shape
    if net.types["input"].kind == "values":
        return rng.integers(0, 256, shape).astype(np.uint8)
    return rng.integers(0, 2, (net.timesteps, *shape)).astype(np.uint8)


def answer(given: Program, stimulus: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    (found,) = reference_executor(given).frame(stimulus[None])
    return found


def context(net: Network, target: str) -> PassContext:
    return PassContext(net.timesteps, rules=rules_of(load_target(target)))


@st.composite
def leaky(draw: st.DrawFn) -> Drawn:
    kinds = st.sampled_from(["LIF", "CubaLIF"])
    net = network(
        draw(st.integers(0, 2**32 - 1)),
        tuple(draw(st.lists(kinds, min_size=1, max_size=2))),
        draw(st.integers(1, 5)),
        draw(st.sampled_from([0.0, 1.0, 4.0])),
        pixels=draw(st.booleans()),
        reset=draw(st.sampled_from(["subtract", "zero"])),
    )
    return program(net), stimulus(net, draw(st.integers(0, 99)))


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
@SETTINGS
@given(leaky())
def test_golden_says_what_integers_say(target: str, drawn: Drawn) -> None:
    spiking, given = drawn
    ready = context(spiking.networks[0], target)
    try:
        integer = PassManager(pipelines.INTEGER).run(spiking, ready)
        golden = PassManager(pipelines.GOLDEN).run(integer, ready)
    except NmError as refused:
        assert refused.codes == ("NM0322",)
        return
    np.testing.assert_array_equal(answer(golden, given), answer(integer, given))


@SETTINGS
@given(leaky())
def test_the_golden_program_is_the_same_as_from_plain_integers(drawn: Drawn) -> None:
    """The states are chosen earlier, not otherwise."""
    spiking, _ = drawn
    ready = context(spiking.networks[0], "loihi2")
    try:
        early, late = (
            PassManager((*first, *pipelines.GOLDEN)).run(spiking, ready)
            for first in (pipelines.INTEGER, PLAIN)
        )
    except NmError as refused:
        assert refused.codes == ("NM0322",)
        return
    assert early.digest == late.digest


@pytest.mark.parametrize(("pixels", "timesteps"), [(True, 1), (False, 4)])
def test_plain_integers_say_something_else(pixels: bool, timesteps: int) -> None:
    """Wide sums at T = 1, and leaks that round in other units at T > 1."""
    differ = 0
    for seed in range(4):
        net = network(seed, ("LIF", "LIF"), timesteps, 16.0, pixels=pixels, reset="subtract")
        ready = context(net, "loihi2")
        plain = PassManager(PLAIN).run(program(net), ready)
        golden = PassManager(pipelines.GOLDEN).run(plain, ready)
        given = stimulus(net, seed)
        differ += not np.array_equal(answer(golden, given), answer(plain, given))
    assert differ


def models(given: Program) -> dict[str, IntegerNeuron]:
    return {
        node.name: node.op.model
        for node in given.network("net").of_type(ops.Neuron)
        if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNeuron)
    }


def test_only_what_cores_run_has_their_states() -> None:
    """Pixels cannot enter loihi1: its host computes the first layer, with plain integers."""
    net = network(0, ("LIF", "LIF"), 3, 1.0, pixels=True, reset="subtract")
    widths = {}
    for target in ("loihi1", "loihi2"):
        integer = PassManager(pipelines.INTEGER).run(program(net), context(net, target))
        widths[target] = [model.state_bits for model in models(integer).values()]
    assert widths == {"loihi1": [0, 24], "loihi2": [24, 24]}


def test_converted_neurons_keep_plain_integers() -> None:
    net = network(0, ("IF", "LIF"), 3, 1.0, pixels=False, reset="subtract")
    integer = PassManager(pipelines.INTEGER).run(program(net), context(net, "loihi2"))
    assert {name: model.state_bits for name, model in models(integer).items()} == {
        "n0": 0,
        "n1": 24,
    }


@pytest.mark.parametrize("target", [None, "tianjic", "truenorth"])
def test_chips_of_plain_integers_change_nothing(target: str | None) -> None:
    net = network(0, ("LIF", "LIF"), 3, 1.0, pixels=False, reset="subtract")
    chip = None if target is None else load_target(target)
    rules = None if chip is None else backend_of(chip).rules(chip)
    ready = PassContext(3, rules=rules)
    plain = PassManager(PLAIN).run(program(net), ready)
    assert PassManager(pipelines.INTEGER).run(program(net), ready).digest == plain.digest
