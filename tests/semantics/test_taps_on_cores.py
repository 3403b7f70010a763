"""A correlation as taps of crossbars: cores equal the golden network, whatever the template."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.crossbar_nets import CORES, chip
from support.nets import stimulus_for
from support.taps import tapped, tapped_networks, template_of

from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.backends.truenorth.simulator.reference import ReferenceCores
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.stored import load_graph
from nmcompile.mapping.template_crossbars import TemplateCrossbarGraph
from nmcompile.passes.template_taps import plane_weights
from nmcompile.reference.correlate import correlation
from nmcompile.reference.integer import IntegerRunner

FRAMES = 3


@given(tapped_networks(), CORES, st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_cores_equal_the_golden_network_over_templates(
    network: Network, size: tuple[int, int], seed: int
) -> None:
    try:
        graph = map_network(network, chip(*size))
    except NmError as error:
        assert set(error.codes) <= {"NM0311"}
        assume(False)
    rng = np.random.default_rng(seed)
    engine, runner = TrueNorthEngine(graph), IntegerRunner(network)
    for _ in range(FRAMES):
        stimulus, slots = stimulus_for(network, rng), template_of(network, rng)
        wanted = runner.run(stimulus, slots, record=True)
        found = engine.run(stimulus, slots, record=True)
        for name, spikes in wanted.spikes.items():
            np.testing.assert_array_equal(found.spikes[name], spikes)
        for name, membranes in wanted.v_final.items():
            np.testing.assert_array_equal(found.v_final[name], membranes)
        np.testing.assert_array_equal(found.output, wanted.output)
        pairs = zip(wanted.counters.layers, found.counters.layers, strict=True)
        assert all(a == b for a, b in pairs)


@pytest.mark.parametrize("pairs", [False, True])
def test_taps_are_the_correlation_in_bits(pairs: bool) -> None:
    """With units of one and one spike at most in a window nothing is lost."""
    network = case(pairs=pairs, unit=1)
    rng = np.random.default_rng(4)
    train = np.zeros((6, *network.types["input"].shape), np.uint8)
    for row in train:
        row[tuple(rng.integers(0, n) for n in row.shape)] = 1
    slots = template_of(network, rng)
    counts = IntegerRunner(network).run(train, slots).output
    weights = plane_weights(network.by_name["taps"].op, len(counts))  # type: ignore[arg-type]
    x = train.sum(axis=0).astype(np.int32)
    x = x[0::2] - x[1::2] if pairs else x
    wanted = correlation(*(np.moveaxis(a, 0, -1) for a in (x, slots["z"])))[..., 0]
    np.testing.assert_array_equal(np.tensordot(weights, counts, 1), wanted)
    assert wanted.any()


def case(*, pairs: bool = False, unit: int = 2) -> Network:
    """A small network with a layer in front of the taps, or its taps alone."""
    maps = 4 * 3
    units = np.full(maps, unit)
    return tapped((4, 6, 7), (2, 3), 3, units, pairs=pairs, front=unit > 1)


def equal(network: Network, graph: CrossbarGraph, frames: int = 2) -> bool:
    rng = np.random.default_rng(1)
    inputs = [
        NetworkInput(stimulus_for(network, rng), template_of(network, rng)) for _ in range(frames)
    ]
    return verify_network(network, TrueNorthEngine(graph), inputs).equal


@pytest.mark.parametrize("pairs", [False, True])
def test_changed_taps_routes_and_units_are_found(pairs: bool) -> None:
    network = case(pairs=pairs)
    graph = map_network(network, chip(80, 60))
    assert isinstance(graph, TemplateCrossbarGraph)
    assert equal(network, graph)
    last = graph["tile.population"] == len(graph.populations) - 1
    assert len(np.unique(graph["tile.core"][last])) > 1
    assert len(np.unique(graph["tap.form"])) < graph.size("slot")

    plane = (graph["tap.plane"] + 1) % 3
    assert not equal(network, graph.replace({"tap.plane": plane}))
    assert not equal(network, graph.replace({"tap.sign": -graph["tap.sign"]}))
    element = np.maximum(0, graph["tap.element"] - 1)
    assert not equal(network, graph.replace({"tap.element": element}))
    read_out = graph["neuron.parameter"][graph["tile.neuron0"][last]]
    threshold = graph["parameter.threshold"].copy()
    threshold[read_out] += 1
    assert not equal(network, graph.replace({"parameter.threshold": threshold}))
    form = graph["slot.form"]
    alike = np.flatnonzero(form == np.bincount(form).argmax())
    assert len(alike) > 1
    first = graph["slot.element0"].copy()
    first[alike] = np.roll(first[alike], 1)
    assert not equal(network, graph.replace({"slot.element0": first}))
    delay = graph["neuron.target_delay"].copy()
    delay[graph["neuron.target_core"] >= 0] += 1
    assert not equal(network, graph.replace({"neuron.target_delay": delay}))


def test_the_plain_simulator_holds_templates_too() -> None:
    network = case(pairs=True)
    graph = map_network(network, chip(80, 60))
    rng = np.random.default_rng(2)
    both = [ReferenceCores(graph), TrueNorthEngine(graph)]
    for _ in range(2):
        stimulus, slots = stimulus_for(network, rng), template_of(network, rng)
        plain, fast = (cores.run(stimulus, slots, record=True) for cores in both)
        np.testing.assert_array_equal(plain.output, fast.output)
        assert plain.counters.layers == fast.counters.layers
        assert plain.output.any()


def test_a_template_that_is_missing_or_too_large_is_refused() -> None:
    network = case()
    engine = TrueNorthEngine(map_network(network, chip()))
    stimulus = stimulus_for(network, np.random.default_rng(0))
    good = template_of(network, np.random.default_rng(0))["z"]
    for wrong in ({}, {"z": good[:, 1:]}, {"z": np.full_like(good, 8)}, {"z": -good}):
        with pytest.raises(NmError, match="NM0215"):
            engine.run(stimulus, wrong)


def test_a_stored_graph_comes_back_and_says_what_the_host_writes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    network = case()
    graph = map_network(network, chip(80, 60))
    assert isinstance(graph, TemplateCrossbarGraph)
    graph.save(tmp_path / "graph")
    again = load_graph(tmp_path / "graph")
    assert isinstance(again, TemplateCrossbarGraph)
    assert again.digest == graph.digest
    assert equal(network, again)
    # a row of cross-points for every neuron of the read-out
    assert graph.template_words == network.types["sums"].size


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("slot.block", 10_000),
        ("slot.form", 99),
        ("slot.element0", 24),
        ("tap.axon", 80),
        ("tap.neuron", -1),
        ("tap.element", 24),
        ("tap.plane", 3),
        ("tap.sign", 2),
    ],
)
def test_tables_that_contradict_each_other_are_refused(column: str, value: int) -> None:
    graph = map_network(case(), chip(80, 60))
    wrong = graph[column].copy()
    wrong[0] = value
    with pytest.raises(NmError, match="NM0309"):
        graph.replace({column: wrong}).validate()
