"""Biases that begin with the window of their layer: started early, or driven through an axon."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.crossbar_nets import CHIP, chain, chip, weights_of
from support.mapped_equal import differs, stimuli_for
from support.nets import if_neuron

from nmcompile.backends.truenorth.layer import Layer
from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.mapping.start import start_of
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.crossbar_graph import TIMER
from nmcompile.mapping.populations import Population
from nmcompile.mapping.stages import stages

ONES = (1,)
DEEP = [weights_of(ONES, (2, 2, 1, 1)) for _ in range(4)]


def deep(bias: tuple[int, int], threshold: int = 6) -> Network:
    """Four layers; the last has a bias, and the first makes it four ticks late."""
    network = chain(*DEEP, shape=(2, 3, 2), threshold=threshold)
    model = if_neuron(2, threshold, np.array(bias), shift=0, bits=0)
    return network.map_nodes(
        lambda n: Node(n.name, ops.Neuron(model), n.inputs, n.origin) if n.name == "n3" else n
    )


def last(network: Network) -> Population:
    return stages(network).populations[-1]


@given(
    st.integers(0, 6),
    st.lists(st.integers(-300_000, 300_000) | st.integers(-20, 20), min_size=2, max_size=2),
    st.integers(1, 40),
)
@settings(deadline=None)
def test_a_leak_that_runs_early_is_silent_and_ends_at_v_init(
    depth: int, bias: list[int], threshold: int
) -> None:
    population = last(deep((bias[0], bias[1]), threshold))
    start = start_of(Layer("net", population, None, 4), depth, CHIP)
    model = population.model
    assert model is not None
    floor = 2**18 - 1
    for channel in range(2):
        v, leak, gated = (int(a[channel, 0, 0]) for a in (start.v_init, start.leak, start.gated))
        assert leak + gated == bias[channel]
        assert leak == 0 or gated == 0
        for _ in range(depth):
            v += leak
            assert -floor <= v < threshold
        assert v == int(model.v_init.data)
        if gated:
            # it was necessary: the early leak would meet something
            early = int(model.v_init.data) - depth * bias[channel]
            way = early + np.arange(1, depth + 1) * bias[channel]
            assert (way >= threshold).any() or early < -floor or abs(early) > 2**19 - 1


def test_a_bias_that_may_run_early_needs_no_axon() -> None:
    network = deep((2, -1))
    graph = map_network(network, CHIP)
    assert graph.size("bias") == 0
    assert not (graph["neuron.role"] == TIMER).any()
    assert graph["parameter.leak"].max() == 2
    assert differs(graph, network, stimuli_for(network)) == ""


def test_a_timer_drives_the_other_biases_from_the_window_on() -> None:
    network = deep((2, -5))
    graph = map_network(network, CHIP)
    (timer,) = np.flatnonzero(graph["neuron.role"] == TIMER)
    assert graph["neuron.target_core"][timer] == graph.neuron_cores()[timer]
    assert graph.size("bias") == 0
    assert differs(graph, network, stimuli_for(network)) == ""


def test_the_host_drives_the_bias_of_a_full_core() -> None:
    network = deep((2, -5))
    # the last layer has 12 neurons, and the host reads them
    graph = map_network(network, chip(256, 12))
    assert not (graph["neuron.role"] == TIMER).any()
    assert graph.size("bias") == 1
    depth = graph.populations[-1].depth
    assert set(graph["bias.start"].tolist()) == {depth + 1}
    assert set(graph["bias.end"].tolist()) == {depth + network.timesteps}
    assert differs(graph, network, stimuli_for(network)) == ""


def test_no_axon_left_for_a_bias_is_refused_with_its_figures() -> None:
    network = deep((2, -5))
    with pytest.raises(NmError) as caught:
        map_network(network, chip(2, 256))
    (problem,) = caught.value.diagnostics
    assert (problem.code, problem.where) == ("NM0319", "conv3")
    assert "bias up to 5" in problem.found
    assert "2 axons" in problem.limit
    free = deep((2, -1))
    assert map_network(free, chip(2, 256)).cores > 1


def test_no_type_left_for_a_bias_is_refused() -> None:
    """Weights that need all four types; without a bias they fit."""
    values = (-8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7)
    wide = ops.Conv2d(
        Array(np.array([values, values[::-1]], np.int8).reshape(2, 1, 1, 15)),
        Array(np.zeros(2, np.int32)),
    )

    def network(bias: int) -> Network:
        base = chain(*(weights_of(ONES, (1, 1, 1, 1)) for _ in range(4)), wide, shape=(1, 1, 15))
        model = if_neuron(2, 6, np.array([0, bias]), shift=0, bits=0)
        return base.map_nodes(
            lambda n: Node(n.name, ops.Neuron(model), n.inputs, n.origin) if n.name == "n4" else n
        )

    early = network(1)
    assert differs(map_network(early, chip(60)), early, stimuli_for(early)) == ""
    with pytest.raises(NmError) as caught:
        map_network(network(-50), chip(60))
    assert caught.value.codes == ("NM0319",)


def test_a_membrane_above_its_threshold_is_refused_behind_other_layers() -> None:
    network = deep((0, 0))
    model = if_neuron(2, 6, 0, shift=0, bits=0)
    high = ops.Neuron(
        type(model)(
            **{f: getattr(model, f) for f in model.__slots__} | {"v_init": Array(np.int32(6))}
        )
    )

    def changed(name: str) -> Network:
        return network.map_nodes(
            lambda n: Node(n.name, high, n.inputs, n.origin) if n.name == name else n
        )

    with pytest.raises(NmError) as caught:
        map_network(changed("n2"), CHIP)
    assert caught.value.codes == ("NM0319",)
    first = changed("n0")
    assert differs(map_network(first, CHIP), first, stimuli_for(first)) == ""
