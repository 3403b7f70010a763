"""Networks on functional cores compute what the golden model computes, under every schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fcore_nets import (
    CORES,
    FORMS,
    SCHEDULES,
    chip,
    hybrid_networks,
    matched,
    relu8,
    two_layers,
)
from support.mapping import template_for
from support.nets import conv, stimulus_for

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.simulator.engine import FCoreEngine
from nmcompile.backends.tianjic.simulator.frame import FrameSimulator
from nmcompile.backends.tianjic.simulator.reference import ReferenceFCores
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.reference.integer import IntegerRunner

RANDOM = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
BOARD = 2500
"""Chips: tiny cores are many."""


def differs(simulator: FrameSimulator, network: Network, stimuli: list[Any], slots: Any) -> str:
    """Where the cores and the golden model differ; "" where they do not."""
    runner = IntegerRunner(network)
    for stimulus in stimuli:
        golden = runner.run(stimulus, slots, record=True)
        found = simulator.run(stimulus, slots, record=True)
        for name, spikes in golden.spikes.items():
            if not np.array_equal(spikes, found.spikes[name]):
                return f"spikes of {name}"
        for name, membranes in golden.v_final.items():
            if network.by_name[name].op.__class__.__name__ == "Neuron" and not np.array_equal(
                membranes, found.v_final[name]
            ):
                return f"membranes of {name}"
        if not np.array_equal(golden.output, found.output):
            return "output"
        layers = zip(golden.counters.layers, found.counters.layers, strict=True)
        for a, b in layers:
            if (a.sops, a.macs, a.spikes) != (b.sops, b.macs, b.spikes):
                return f"operations of {a.layer}"
    return ""


@settings(max_examples=60, **RANDOM)
@given(hybrid_networks(), SCHEDULES, CORES, FORMS, st.integers(0, 2**16))
def test_random_networks(
    network: Network, schedule: Schedule, core: tuple[int, int], forms: Any, seed: int
) -> None:
    graph = map_network(network, chip(*core, chips=BOARD, forms=forms), schedule=schedule)
    rng = np.random.default_rng(seed)
    stimuli = [stimulus_for(network, rng) for _ in range(2)]
    engine = FCoreEngine(graph)
    assert differs(engine, network, stimuli, {}) == ""
    # Frames that follow each other without a gap: the interval is as long as it must be.
    if graph.readout not in ("membranes", "each_membrane"):
        runner = IntegerRunner(network)
        for golden, found in zip(
            [runner.run(s).output for s in stimuli], engine.stream(stimuli), strict=True
        ):
            assert np.array_equal(golden, found)


@settings(max_examples=6, **RANDOM)
@given(hybrid_networks(), SCHEDULES, CORES, FORMS, st.integers(0, 2**16))
def test_engine_equals_reference(
    network: Network, schedule: Schedule, core: tuple[int, int], forms: Any, seed: int
) -> None:
    graph = map_network(network, chip(*core, chips=BOARD, forms=forms), schedule=schedule)
    stimulus = stimulus_for(network, np.random.default_rng(seed))
    results = [
        simulator(graph).run(stimulus, record=True) for simulator in (ReferenceFCores, FCoreEngine)
    ]
    a, b = results
    assert np.array_equal(a.output, b.output)
    assert all(np.array_equal(a.spikes[name], b.spikes[name]) for name in a.spikes)
    assert all(np.array_equal(a.v_final[name], b.v_final[name]) for name in a.v_final)
    assert a.counters.layers == b.counters.layers
    assert _same_cores(a, b)


def _same_cores(a: Any, b: Any) -> bool:
    return all(
        np.array_equal(getattr(a.counters.cores, name), getattr(b.counters.cores, name))
        for name in a.counters.cores.__slots__
    )


@pytest.mark.parametrize("schedule", ["unfolded", "semi-folded", "folded"])
@pytest.mark.parametrize(("words", "groups"), [(1, 1), (2, 3)])
def test_a_template_is_written_into_weights(schedule: Any, words: int, groups: int) -> None:
    network = matched(words=words, groups=groups)
    graph = map_network(network, chip(40, 20), schedule=Schedule(schedule))
    rng = np.random.default_rng(5)
    stimulus = stimulus_for(network, rng)
    engine = FCoreEngine(graph)
    for _ in range(2):
        assert differs(engine, network, [stimulus], template_for(network, rng)) == ""


def test_the_reference_writes_the_same_template() -> None:
    network = matched(words=2)
    graph = map_network(network, chip(40, 20), schedule=Schedule("folded", 20))
    rng = np.random.default_rng(5)
    stimulus = stimulus_for(network, rng)
    assert differs(ReferenceFCores(graph), network, [stimulus], template_for(network, rng)) == ""


@pytest.mark.parametrize("schedule", ["unfolded", "semi-folded", "folded"])
def test_parts_of_maps_are_read_where_they_are(schedule: Any) -> None:
    rng = np.random.default_rng(2)
    nodes = (
        Node("input", ops.Input("spikes", (2, 9, 8), 1)),
        Node("c", conv(rng, 6, 2, (2, 2)), ("input",), "c"),
        Node("n", ops.Neuron(relu8(rng, 6, 40)), ("c",), "c"),
        Node("middle", ops.Crop(1, 2, 6, 4), ("n",)),
        Node("a", conv(rng, 4, 6, (3, 3), stride=(2, 1)), ("middle",), "a"),
        Node("some", ops.Channels(1, 2, 2), ("n",)),
        Node("b", conv(rng, 4, 2, (4, 3), stride=(2, 2), groups=2), ("some",), "b"),
        Node("an", ops.Neuron(relu8(rng, 4, 9000)), ("a",), "a"),
        Node("bn", ops.Neuron(relu8(rng, 4, 9000)), ("b",), "b"),
        Node("flat_a", ops.Flatten(), ("an",)),
        Node("flat_b", ops.Flatten(), ("bn",)),
        Node("fc_a", _dense(rng, 16), ("flat_a",), "fc_a"),
        Node("fc_b", _dense(rng, 36), ("flat_b",), "fc_b"),
        Node("sum", ops.Add(), ("fc_a", "fc_b")),
        Node("read", ops.Accumulate(apart=True), ("sum",), "read"),
        Node("output", ops.Output(), ("read",)),
    )
    network = Network("parts", nodes, 2)
    graph = map_network(network, chip(24, 12), schedule=Schedule(schedule))
    stimuli = [stimulus_for(network, np.random.default_rng(n)) for n in range(2)]
    assert differs(FCoreEngine(graph), network, stimuli, {}) == ""


def _dense(rng: Any, inputs: int) -> ops.Linear:
    weight = rng.integers(-9, 10, (5, inputs)).astype(np.int8)
    return ops.Linear(Array(weight), Array(np.zeros(5, np.int32)))


def test_threads_change_nothing() -> None:
    network = two_layers()
    graph = map_network(network, chip(10, 7, chips=BOARD), schedule=Schedule("unfolded"))
    stimulus = stimulus_for(network, np.random.default_rng(1))
    a, b = (FCoreEngine(graph, threads=n).run(stimulus, record=True) for n in (1, 2))
    assert graph.cores > 100
    assert np.array_equal(a.output, b.output)
    assert _same_cores(a, b)


def test_state_goes_from_frame_to_frame_only_as_stale_values() -> None:
    network = two_layers()
    graph = map_network(network, chip(24, 12), schedule=Schedule("semi-folded"))
    engine = FCoreEngine(graph)
    stimuli = [stimulus_for(network, np.random.default_rng(n)) for n in range(3)]
    assert differs(engine, network, [*stimuli, stimuli[0]], {}) == ""
