"""Partial sums: the split network computes what the whole one did, on cores that it fits."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.mapping import limits
from support.nets import if_neuron

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.build.execute import NetworkInput
from nmcompile.build.fan_in import fan_in_that_fits
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import SigmaDelta
from nmcompile.ir.program import Program, Step
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network, refusals
from nmcompile.passes.context import TargetRules
from nmcompile.passes.split_fan_in import blocks, split_fan_in, synapses_of_neuron
from nmcompile.passes.state_bounds import state_bounds
from nmcompile.reference.integer import IntegerRunner

MESSAGE_BITS = 24
BASE = TargetRules("graded", 8, 6, 24, 17, 13, 7, True, "microcode", "none", "", 24, True)


def weights(rng: np.random.Generator, *shape: int) -> Array:
    return Array(rng.integers(-9, 10, shape).astype(np.int8))


def zeros(count: int) -> Array:
    return Array(np.zeros(count, np.int32))


def dense(rng: np.random.Generator, shape: tuple[int, int, int], bits: int = 1) -> Network:
    """Spikes -> IF -> flattened -> linear -> IF, the second one shifted as legalised ones are."""
    size = int(np.prod(shape))
    nodes = (
        Node("input", ops.Input("spikes", shape, bits)),
        Node("c", ops.Conv2d(weights(rng, shape[0], 1, 1, 1), zeros(shape[0]), groups=shape[0])),
        Node("n", ops.Neuron(if_neuron(shape[0], 3)), ("c",), "first"),
        Node("flat", ops.Flatten(), ("n",)),
        Node("fc", ops.Linear(weights(rng, 4, size), zeros(4)), ("flat",), "dense"),
        Node("shift", ops.Shift(1), ("fc",)),
        Node("m", ops.Neuron(if_neuron(4, 20, [1, -2, 0, 3])), ("shift",), "dense"),
        Node("output", ops.Output(), ("m",)),
    )
    fixed = (nodes[0], Node("c", nodes[1].op, ("input",), "first"), *nodes[2:])
    return Network("net", fixed, 7)


def convolution(rng: np.random.Generator, groups: int) -> Network:
    shape = (8, 6, 5)
    op = ops.Conv2d(weights(rng, 4, 8 // groups, 3, 2), zeros(4), (2, 1), (1, 0), groups=groups)
    nodes = (
        Node("input", ops.Input("spikes", shape, 1)),
        Node("fc", op, ("input",), "wide"),
        Node("m", ops.Neuron(if_neuron(4, 12)), ("fc",), "wide"),
        Node("output", ops.Output(), ("m",)),
    )
    return Network("net", nodes, 6)


def train(network: Network, rng: np.random.Generator) -> Any:
    op = network.input.op
    assert isinstance(op, ops.Input)
    spikes = rng.integers(0, 2**op.bits, (network.timesteps, *op.shape))
    return np.where(rng.random(spikes.shape) < 0.4, spikes, 0).astype(np.uint8)


def split(network: Network, parts: int) -> Network:
    found = split_fan_in(network, "fc", parts, MESSAGE_BITS)
    assert isinstance(found, Network), found
    return found


def check_same(whole: Network, parted: Network, rng: np.random.Generator) -> None:
    stimulus = train(whole, rng)
    wanted = IntegerRunner(whole).run(stimulus, record=True)
    found = IntegerRunner(parted).run(stimulus, record=True)
    assert wanted.v_final["m"].any()
    for name, spikes in wanted.spikes.items():
        np.testing.assert_array_equal(found.spikes[name], spikes)
    np.testing.assert_array_equal(found.v_final["m"], wanted.v_final["m"])
    np.testing.assert_array_equal(found.output, wanted.output)


def check_on_cores(network: Network, rng: np.random.Generator, **caps: Any) -> None:
    graph = map_network(network, limits(**caps))
    frames = [NetworkInput(train(network, rng)) for _ in range(2)]
    result = verify_network(network, LoihiEngine(graph), frames)
    assert result.equal, result.first_mismatch


@given(st.integers(0, 2**32 - 1), st.integers(2, 9), st.sampled_from([1, 3]))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_linear_layer_in_blocks_is_the_same_network(seed: int, parts: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, int(rng.integers(3, 7)), int(rng.integers(3, 6)))
    whole = dense(rng, shape, bits)
    parted = split(whole, parts)
    check_same(whole, parted, rng)
    check_on_cores(parted, rng)
    largest = max(synapses_of_neuron(n) for n in parted.nodes)
    assert largest < synapses_of_neuron(whole.by_name["fc"])


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("parts", [2, 3, 4])
def test_a_convolution_in_channel_parts_is_the_same_network(groups: int, parts: int) -> None:
    rng = np.random.default_rng(parts)
    whole = convolution(rng, groups)
    if parts > 8 // groups:
        return
    parted = split(whole, parts)
    check_same(whole, parted, rng)
    check_on_cores(parted, rng)


def test_partial_sums_leave_the_proved_bounds_as_they_were() -> None:
    rng = np.random.default_rng(7)
    for whole in (dense(rng, (2, 4, 4)), convolution(rng, 2)):
        assert state_bounds(split(whole, 2)) == state_bounds(whole)


def test_the_parts_come_one_tick_later() -> None:
    rng = np.random.default_rng(1)
    whole = dense(rng, (2, 4, 4))
    before, after = (map_network(n, limits()) for n in (whole, split(whole, 4)))
    assert after.ticks == before.ticks + 1
    assert len(after.populations) == len(before.populations) + 4


@pytest.mark.parametrize(
    ("size", "parts", "wanted"),
    [
        ((4, 4), 2, ((0, 0, 2, 4), (2, 0, 2, 4))),
        ((1, 4), 3, ((0, 0, 1, 1), (0, 1, 1, 1), (0, 2, 1, 2))),
        ((2, 2), 4, ((0, 0, 1, 1), (0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 1, 1))),
    ],
)
def test_blocks_are_rows_first(size: Any, parts: int, wanted: Any) -> None:
    assert blocks(*size, parts) == wanted


def test_what_cannot_be_split_says_why() -> None:
    rng = np.random.default_rng(2)
    whole = dense(rng, (2, 2, 2))
    assert "binary" in str(split_fan_in(whole, "fc", 2, 0))
    assert "2 x 2" in str(split_fan_in(whole, "fc", 5, MESSAGE_BITS))
    assert "carries 4" in str(split_fan_in(whole, "fc", 2, 4))
    assert "8 input channels" in str(split_fan_in(convolution(rng, 1), "fc", 9, MESSAGE_BITS))
    vector = dense(rng, (8, 1, 1)).map_nodes(lambda n: None if n.name == "flat" else n)
    assert "no map" in str(split_fan_in(vector, "m", 2, MESSAGE_BITS))


class Cores:
    """A backend that only refuses, with the limits of an invented core."""

    def __init__(self, caps: Limits) -> None:
        self._caps = caps

    def refusals(self, network: Network, _: Any) -> tuple[Diagnostic, ...]:
        return refusals(network, self._caps)


def large(rng: np.random.Generator) -> Program:
    network = dense(rng, (1, 80, 64))
    return Program("p", "golden", (network,), (Step("run", "every_frame", "chip", "net"),))


def rules(message_bits: int) -> TargetRules:
    return dataclasses.replace(BASE, message_bits=message_bits)


def test_a_refusal_of_the_mapper_leads_to_the_fewest_parts_that_fit() -> None:
    caps = limits()
    program = large(np.random.default_rng(3))
    cores: Any = Cores(caps)
    assert cores.refusals(program.networks[0], None)
    fitted = fan_in_that_fits(program, rules(24), cores, None).networks[0]  # type: ignore[arg-type]
    relays = [
        n
        for n in fitted.of_type(ops.Neuron)
        if isinstance(n.op, ops.Neuron) and isinstance(n.op.model, SigmaDelta)
    ]
    assert len(relays) == 2
    assert not cores.refusals(fitted, None)
    assert fan_in_that_fits(program, None, cores, None) is program  # type: ignore[arg-type]


def test_with_binary_spikes_the_limit_and_the_value_are_named() -> None:
    program = large(np.random.default_rng(3))
    with pytest.raises(NmError) as refused:
        fan_in_that_fits(program, rules(0), Cores(limits()), None)  # type: ignore[arg-type]
    (diagnostic,) = refused.value.diagnostics
    assert (diagnostic.code, diagnostic.where) == ("NM0329", "dense")
    assert diagnostic.limit.startswith("4096")
    assert diagnostic.found == "5120"
    assert "binary" in diagnostic.message
    assert any("graded" in line for line in diagnostic.help)
