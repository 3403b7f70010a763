"""Two-status coding behind a gate: equal to the golden model, or refused with the figures."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.crossbar_nets import WEIGHTS, chain, chip, weights_of
from support.mapped_equal import differs, stimuli_for

from nmcompile.backends.truenorth.layer import layer_of
from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.coding.schedule import two_status
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.stages import stages
from nmcompile.reference.integer import IntegerRunner


def gated(network: Network, payloads: tuple[int, ...], at: int = -1, **changes: object) -> Network:
    """The network with two-status neurons in one of its populations."""
    last = list(network.of_type(ops.Neuron))[at].name

    def changed(node: Node) -> Node:
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if node.name != last or not isinstance(model, IntegerNeuron):
            return node
        model = dataclasses.replace(model, payloads=payloads, **changes)  # type: ignore[arg-type]
        return dataclasses.replace(node, op=ops.Neuron(model))

    return network.map_nodes(changed)


def two_layers(
    payloads: tuple[int, ...], timesteps: int = 6, threshold: int = 5, bias: int = 0
) -> Network:
    layers = (
        weights_of(WEIGHTS["ternary"], (4, 2, 2, 2), 1),
        weights_of(WEIGHTS["ternary"], (3, 4, 2, 2), 2),
    )
    shape = (2, 6, 7)
    whole = chain(*layers, shape=shape, threshold=threshold, timesteps=timesteps)
    return gated(whole, payloads, bias=Array(np.int32(bias)))


@given(
    period=st.integers(1, 4),
    cycles=st.integers(1, 2),
    threshold=st.integers(1, 9),
    bias=st.integers(-3, 6),
    reset=st.sampled_from(["subtract", "zero"]),
    values=st.sampled_from(["one value", "ternary", "wide"]),
    cores=st.sampled_from([(120, 24), (256, 256)]),
    seed=st.integers(0, 1000),
    at=st.sampled_from([-1, 0]),
)
@settings(max_examples=15, deadline=None)
def test_gated_layers_equal_the_golden_network(
    period: int,
    cycles: int,
    threshold: int,
    bias: int,
    reset: str,
    values: str,
    cores: tuple[int, int],
    seed: int,
    at: int,
) -> None:
    layers = (
        weights_of(WEIGHTS["ternary"], (4, 2, 2, 2), seed),
        weights_of(WEIGHTS[values], (3, 4, 2, 1), seed + 1),
    )
    timesteps = 2 * period * cycles
    whole = chain(*layers, shape=(2, 5, 6), threshold=threshold, timesteps=timesteps)
    payloads = two_status(period, 1.0, 0, timesteps).payloads
    level = {"bias": Array(np.int32(bias)), "reset": reset}
    network = gated(whole, payloads, at, **level)
    try:
        graph = map_network(network, chip(*cores))
    except NmError as error:
        assert set(error.codes) <= {"NM0311", "NM0319", "NM0331"}
        assume(False)
    assert differs(graph, network, stimuli_for(network)) == ""


def test_the_host_opens_the_gate_of_every_core_in_one_tick() -> None:
    network = two_layers((0, 0, 0, 1, 1, 1))
    graph = map_network(network, chip(80, 20))
    layer = layer_of("", stages(network).populations[-1], chip(80, 20), 6)
    assert layer.gate is not None
    assert layer.gate.closed
    assert (layer.gate.opens, layer.gate.closes) == ((4,), ())
    last = len(graph.populations) - 1
    cores = np.unique(graph["tile.core"][graph["tile.population"] == last])
    assert len(cores) > 1
    assert graph.size("bias") == len(cores) * layer.gate.axons
    assert set(graph["bias.start"].tolist()) == {graph.populations[last].depth + 4}
    silent = graph.replace({f"bias.{c}": graph[f"bias.{c}"][:0] for c in graph.SCHEMA["bias"]})
    stimulus = stimuli_for(network)[0]
    driven, never = (TrueNorthEngine(g).run(stimulus) for g in (graph, silent))
    assert driven.output.any()
    assert not never.output.any()
    packets = [r.counters.cores.host_packets for r in (driven, never) if r.counters.cores]
    assert packets[0] - packets[1] == graph.size("bias")


def test_a_second_silence_takes_a_type_of_its_own() -> None:
    network = two_layers((0, 1, 1), timesteps=9)
    graph = map_network(network, chip())
    layer = layer_of("", stages(network).populations[-1], chip(), 9)
    assert layer.gate is not None
    assert (layer.gate.opens, layer.gate.closes) == ((2, 5, 8), (4, 7))
    assert layer.types == 4
    assert differs(graph, network, stimuli_for(network)) == ""
    held = {k: graph[f"bias.{k}"].copy() for k in ("start", "end")}
    for column in held.values():
        column[-1] += 1
    assert differs(
        graph.replace({f"bias.{k}": v for k, v in held.items()}), network, stimuli_for(network)
    )


@pytest.mark.parametrize("change", ["late", "weak", "open"])
def test_a_gate_that_is_wrong_shows(change: str) -> None:
    network = two_layers((0, 0, 0, 1, 1, 1))
    graph = map_network(network, chip(80, 20))
    stimuli = stimuli_for(network)
    assert differs(graph, network, stimuli) == ""
    damaged: CrossbarGraph
    if change == "late":
        later = {f"bias.{k}": graph[f"bias.{k}"] + 1 for k in ("start", "end")}
        damaged = graph.replace(later)
    elif change == "weak":
        weights = graph["parameter.weight2"]
        damaged = graph.replace({"parameter.weight2": np.maximum(0, weights - 1)})
    else:
        raised = np.maximum(graph["neuron.v_init"], 0)
        damaged = graph.replace({"neuron.v_init": raised})
    assert differs(damaged, network, stimuli)


def test_the_bound_of_the_gate_is_reached() -> None:
    """One timestep less than the bound allows, and a neuron with all inputs active would fire."""
    op = ops.Conv2d(Array(np.full((1, 2, 1, 1), 3, np.int8)), Array(np.zeros(1, np.int32)))
    network = gated(chain(op, shape=(2, 1, 1), threshold=4, timesteps=4), (0, 0, 1, 1))
    layer = layer_of("", stages(network).populations[-1], chip(), 4)
    assert layer.gate is not None
    # from 2 on, two timesteps of 2 x 3 may lie 11 above what stays below the threshold of 4
    assert layer.gate.needed == 2 + 12 - 3
    stimulus = np.ones((4, 2, 1, 1), np.uint8)
    golden = IntegerRunner(network).run(stimulus, record=True)
    found = TrueNorthEngine(map_network(network, chip())).run(stimulus, record=True)
    np.testing.assert_array_equal(found.spikes["n0"], golden.spikes["n0"])
    assert golden.spikes["n0"].ravel().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("payloads", "axons", "found"),
    [
        ((0, 0, 0, 1, 1, 1), 32, "16 inputs x 2 axons + 1 axons for a gate"),
        ((1, 1, 1, 0, 0, 0), 256, "its last timesteps are silent"),
    ],
)
def test_what_has_no_room_for_a_gate_is_refused(
    payloads: tuple[int, ...], axons: int, found: str
) -> None:
    small = chip(axons, 256)
    with pytest.raises(NmError, match="NM0331") as caught:
        map_network(two_layers(payloads), small)
    assert found in (caught.value.diagnostics[0].found or "")
