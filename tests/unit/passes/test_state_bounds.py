"""Proved bounds of u and v: no input of a random network ever leaves them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.nets import conv, if_neuron

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.fit_widths import fit_widths
from nmcompile.passes.hold_input import hold_input
from nmcompile.passes.state_bounds import StateBound, state_bounds
from nmcompile.reference.integer import IntegerRunner

RULES = TargetRules("test", 8, 6, 24, 17, 13, 7, True, "microcode", "none", "cannot", 24, True)
Ints = npt.NDArray[np.integer[Any]]
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def layers(draw: st.DrawFn) -> Network:
    """One population behind a sum of convolutions of an image or of spikes, any integer model."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pixels = draw(st.booleans())
    bits = draw(st.sampled_from([1, 4, 8])) if not pixels else 8
    shape = (3, 5, 4)
    source = "input"
    kind: Any = "values" if pixels else "spikes"
    nodes = [Node("input", ops.Input(kind, shape, bits, signed=False))]
    if pixels:
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
        source = "code"
    names = []
    for index in range(draw(st.integers(1, 2))):
        op = conv(rng, 4, 3, (3, 3), stride=(2, 1))
        names.append(f"c{index}")
        nodes.append(Node(f"c{index}", op, (source,), "layer"))
    if len(names) == 2:
        nodes.append(Node("sum", ops.Add(), tuple(names)))
        names = ["sum"]
    model = if_neuron(
        4,
        int(rng.integers(2, 4000)),
        rng.integers(-200, 201, 4),
        shift=0,
        bits=0,
        u_keep=draw(st.sampled_from([0, 0, 2048, 4000])),
        v_keep=draw(st.sampled_from([4096, 4096, 3000, 500])),
        reset=draw(st.sampled_from(["subtract", "zero"])),
    )
    payloads = draw(st.sampled_from([(1,), (1,), (4, 2, 1), (0, 1), (2, 1)]))
    advance: Any = draw(st.sampled_from(["clock", "burst"])) if min(payloads) else "clock"
    model = dataclasses.replace(model, payloads=payloads, advance=advance)
    nodes.append(Node("n", ops.Neuron(model), (names[0],), "layer"))
    nodes.append(Node("output", ops.Output(), ("n",)))
    return Network("net", tuple(nodes), draw(st.integers(1, 12)))


def extreme_inputs(network: Network, rng: np.random.Generator) -> list[Ints]:
    """Silence, everything at once, and what drives single output channels as far as possible."""
    op = network.input.op
    assert isinstance(op, ops.Input)
    largest = 2**op.bits - 1
    steps = (network.timesteps,) if op.kind == "spikes" else ()
    found = [np.full((*steps, *op.shape), x, np.int32) for x in (0, largest)]
    for node in network.of_type(ops.Conv2d):
        assert isinstance(node.op, ops.Conv2d)
        for kernel in node.op.weight.data[:2]:
            patch = np.resize(kernel > 0, op.shape)
            found += [np.broadcast_to(p * largest, (*steps, *op.shape)) for p in (patch, ~patch)]
    found.append(rng.integers(0, largest + 1, (*steps, *op.shape)))
    if steps:
        halves = np.zeros((*steps, *op.shape), np.int32)
        halves[network.timesteps // 2 :] = largest
        found.append(halves)
    return found


def membranes(network: Network, stimulus: Ints) -> npt.NDArray[np.int32]:
    """Membranes after the last timestep."""
    runner = IntegerRunner(network)
    return runner.run(np.asarray(stimulus), record=True).v_final["n"]


def shortened(network: Network, steps: int) -> Network:
    return network.replace(timesteps=steps)


@SETTINGS
@given(layers(), st.integers(0, 2**32 - 1))
def test_no_membrane_leaves_its_bound(network: Network, seed: int) -> None:
    (bound,) = state_bounds(network)
    rng = np.random.default_rng(seed)
    for stimulus in extreme_inputs(network, rng):
        for steps in range(1, network.timesteps + 1):
            part = stimulus[:steps] if network.types["input"].kind == "spikes" else stimulus
            v = membranes(shortened(network, steps), part)
            assert bound.v[0] <= v.min(), (bound, v.min())
            assert v.max() <= bound.v[1], (bound, v.max())


def plain_bound(weight: int, timesteps: int, above: int) -> StateBound:
    model = dataclasses.replace(if_neuron(1, above + 1), state_shift=0, v_init=Array(np.int32(0)))
    model = dataclasses.replace(
        model, fire_above=Array(np.int32(above)), reset_by=Array(np.int32(above + 1))
    )
    nodes = (
        Node("input", ops.Input("spikes", (1,), 1)),
        Node(
            "c",
            ops.Linear(Array(np.array([[weight]], np.int8)), Array(np.zeros(1, np.int32))),
            ("input",),
        ),
        Node("n", ops.Neuron(model), ("c",), "layer"),
        Node("output", ops.Output(), ("n",)),
    )
    (bound,) = state_bounds(Network("net", nodes, timesteps))
    return bound


def test_the_bounds_are_reached() -> None:
    assert plain_bound(-7, 5, 10).v == (-35, 0)
    # 3, 6, 9, 12 fires and leaves 1; never more than 9 or 10 before another 3 arrives.
    assert plain_bound(3, 50, 10).v == (0, 13)
    # Twice the threshold at every timestep: one spike each cannot keep up.
    assert plain_bound(22, 4, 10).v == (0, 22 + 3 * 11)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@SETTINGS
@given(layers(), st.integers(0, 2**32 - 1))
def test_fitted_networks_never_wrap_and_keep_their_spikes(
    reset: str, network: Network, seed: int
) -> None:
    network = network.map_nodes(lambda n: _with_reset(n, reset))
    program = Program("p", "integer", (network,), (Step("run", "every_frame", "chip", "net"),))
    context = PassContext(rules=dataclasses.replace(RULES, threshold_schedule=True))
    try:
        fitted = fit_widths(hold_input(program, context), context).networks[0]
    except NmError as refused:
        (diagnostic,) = refused.diagnostics
        assert diagnostic.code in ("NM0322", "NM0324")
        assert diagnostic.found
        return
    (bound,) = state_bounds(fitted)
    assert bound.limit == 2**23 - 1
    assert not bound.wraps
    model = next(n.op.model for n in fitted.of_type(ops.Neuron) if isinstance(n.op, ops.Neuron))
    assert isinstance(model, IntegerNeuron)
    assert (model.fire_above.data >> 6).max() < 2**17
    _representable(model.bias.data)
    if bound.saturates:
        return
    # What cannot wrap or saturate runs as it would without any width.
    unbounded = fitted.map_nodes(_without_width)
    for stimulus in extreme_inputs(network, np.random.default_rng(seed)):
        wanted = IntegerRunner(unbounded).run(np.asarray(stimulus), record=True)
        found = IntegerRunner(fitted).run(np.asarray(stimulus), record=True)
        np.testing.assert_array_equal(found.spikes["n"], wanted.spikes["n"])
        np.testing.assert_array_equal(found.v_final["n"], wanted.v_final["n"])


def _with_reset(node: Node, reset: Any) -> Node:
    if not isinstance(node.op, ops.Neuron) or not isinstance(node.op.model, IntegerNeuron):
        return node
    return dataclasses.replace(node, op=ops.Neuron(dataclasses.replace(node.op.model, reset=reset)))


def _without_width(node: Node) -> Node:
    if not isinstance(node.op, ops.Neuron) or not isinstance(node.op.model, IntegerNeuron):
        return node
    return dataclasses.replace(
        node, op=ops.Neuron(dataclasses.replace(node.op.model, state_bits=0))
    )


def _representable(bias: npt.NDArray[np.generic]) -> None:
    """Some exponent 0..7 gives every bias a mantissa of 13 bits."""
    values = bias.astype(np.int64)
    assert any(
        not (values & ((1 << e) - 1)).any() and np.abs(values >> e).max() <= 4095 for e in range(8)
    )


def test_a_population_that_fits_no_scale_is_refused_with_limit_and_value() -> None:
    rng = np.random.default_rng(0)
    model = if_neuron(4, 3, 2**30, shift=0, bits=0)
    nodes = (
        Node("input", ops.Input("spikes", (3, 5, 4), 1)),
        Node("c", conv(rng, 4, 3, (3, 3)), ("input",), "layer"),
        Node("n", ops.Neuron(model), ("c",), "layer"),
        Node("output", ops.Output(), ("n",)),
    )
    network = Network("net", nodes, 4)
    program = Program("p", "integer", (network,), (Step("run", "every_frame", "chip", "net"),))
    with pytest.raises(NmError) as refused:
        fit_widths(program, PassContext(rules=RULES))
    (diagnostic,) = refused.value.diagnostics
    assert diagnostic.code == "NM0322"
    assert "131071" in diagnostic.limit
    assert "4095 << 7" in diagnostic.limit
    assert str(2**30) in diagnostic.found
