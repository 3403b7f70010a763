"""Networks of RANC run here as there, and ours there as here: spikes, membranes, files."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.crossbar_nets import CORES, chip, crossbar_networks
from support.nets import stimulus_for
from support.ranc import Json, PlainRanc, config_of, random_input, read, written

from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.ranc.exporting import export_ranc
from nmcompile.backends.truenorth.ranc.frame import window
from nmcompile.backends.truenorth.ranc.importing import import_ranc
from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.backends.truenorth.simulator.reference import ReferenceCores
from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.graph import Mesh
from nmcompile.reference.integer import IntegerRunner

TICKS = 14
SEEDS = st.integers(0, 2**32 - 1)
Spikes = set[tuple[int, int, int]]


def spikes_of(graph: CrossbarGraph, trains: dict[str, Any]) -> Spikes:
    """(tick, core, neuron) of every spike of an imported network."""
    tick, row = trains["cores"][:, :, 0, 0].nonzero()
    core = graph.neuron_cores()[row]
    neuron = row - graph["core.neuron0"][core]
    return set(zip((tick + 1).tolist(), core.tolist(), neuron.tolist(), strict=True))


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.sampled_from([0, 1]), st.sampled_from([None, 1]))
def test_an_imported_network_does_what_ranc_does(
    seed: int, reset_type: int, indent: int | None
) -> None:
    config = config_of(neuron_reset_type=reset_type)
    network = random_input(np.random.default_rng(seed), config)
    plain = PlainRanc(network, config)
    output, spikes = plain.run(TICKS)
    graph, stimulus = import_ranc(read(network, config, indent), ticks=TICKS)
    for simulator in (ReferenceCores(graph), TrueNorthEngine(graph)):
        result = simulator.run(stimulus, record=True)
        assert spikes_of(graph, result.spikes) == spikes
        np.testing.assert_array_equal(result.output, output)
        for (core, neuron), v in plain.potential.items():
            assert result.v_final["cores"][graph["core.neuron0"][core] + neuron, 0, 0] == v


def test_the_comparison_can_fail() -> None:
    config = config_of()
    network = random_input(np.random.default_rng(5), config)
    _, spikes = PlainRanc(network, config).run(TICKS)
    changed = json.loads(json.dumps(network))
    changed["cores"][0]["neurons"][0]["positive_threshold"] += 1
    graph, stimulus = import_ranc(read(changed, config), ticks=TICKS)
    result = ReferenceCores(graph).run(stimulus, record=True)
    assert spikes_of(graph, result.spikes) != spikes


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_an_exported_network_does_the_same_in_ranc(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, stimulus = ours(rng)
    result = ReferenceCores(graph).run(stimulus, record=True)
    network, config = written(export_ranc(graph, stimulus))
    output, spikes = PlainRanc(network, config).run(graph.ticks)
    assert spikes == spikes_of(graph, result.spikes)
    np.testing.assert_array_equal(output[:, : result.output.shape[1]], result.output)


@settings(deadline=None, max_examples=50)
@given(SEEDS)
def test_there_and_back_gives_the_same_spikes(seed: int) -> None:
    graph, stimulus = ours(np.random.default_rng(seed))
    network, config = written(export_ranc(graph, stimulus))
    again, packets = import_ranc(read(network, config), ticks=graph.ticks)
    first, second = (
        ReferenceCores(g).run(s, record=True) for g, s in ((graph, stimulus), (again, packets))
    )
    assert spikes_of(graph, first.spikes) == spikes_of(again, second.spikes)
    np.testing.assert_array_equal(second.output[:, : first.output.shape[1]], first.output)


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.sampled_from([0, 1]))
def test_back_and_there_gives_the_same_content(seed: int, reset_type: int) -> None:
    config = config_of(neuron_reset_type=reset_type)
    network = canonical(random_input(np.random.default_rng(seed), config, TICKS))
    file = read(network, config)
    graph, stimulus = import_ranc(file)
    back, back_config = written(export_ranc(graph, stimulus, like=file))
    assert back_config == config
    assert listed(back) == listed(network)
    assert {k: v for k, v in back.items() if k != "packets"} == {
        k: v for k, v in network.items() if k != "packets"
    }


def canonical(network: Json) -> Json:
    """The network without what RANC never looks at: it is not kept.

    That is the destination tick of what goes to the output bus, destinations without a core, and
    which of two symmetric floors of an absolute neuron is meant that do the same.
    """
    bus = network["output_bus"]["coordinates"]
    places = [core["coordinates"] for core in network["cores"]]
    for core in network["cores"]:
        for neuron in core["neurons"]:
            dx, dy = neuron["destination_core_offset"]
            x, y = core["coordinates"]
            if [x + dx, y + dy] == bus:
                neuron["destination_tick"] = 0
            elif [x + dx, y + dy] not in places:
                neuron["destination_core_offset"] = [0, 0]
            if neuron["reset_potential"] == 0 and neuron["negative_threshold"] == -1:
                neuron["negative_threshold"] = 0
    network["packets"] = [
        [packet for packet in entry if packet["destination_core"] in places]
        for entry in network["packets"]
    ]
    return network


def listed(network: Json) -> list[set[str]]:
    """The packets of every tick; their order, and doubles, mean nothing."""
    return [{json.dumps(p, sort_keys=True) for p in entry} for entry in network["packets"]]


def ours(rng: np.random.Generator) -> tuple[CrossbarGraph, np.ndarray[Any, Any]]:
    """A graph as mapping makes them: chips in a row, floors that saturate, a gated bias."""
    config = config_of(columns=4)
    graph, stimulus = import_ranc(read(random_input(rng, config), config), ticks=TICKS)
    parameters = graph.size("parameter")
    saturates = rng.integers(0, 2, parameters)
    core, axon = int(rng.integers(graph.cores)), int(rng.integers(config["num_axons"]))
    bias = {"core": core, "axon": axon, "start": 2, "end": 9}
    shifted = np.minimum(graph["host.delay"] + rng.integers(0, 14), 15)
    changed = graph.replace(
        {
            "core.chip": graph["core.x"] // 2,
            "core.x": graph["core.x"] % 2,
            "parameter.floor_mode": saturates,
            "parameter.floor": np.where(saturates, 2**18 - 1, graph["parameter.floor"]),
            "host.delay": shifted,
            **{f"bias.{name}": np.array([value], np.int32) for name, value in bias.items()},
        }
    )
    mesh = Mesh(chip_columns=2, columns=2, rows=2, cores_per_router=1)
    return dataclasses.replace(changed, mesh=mesh, membrane_clip=2**19 - 1), stimulus


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(crossbar_networks(), CORES)
def test_a_mapped_network_computes_the_same_in_ranc(
    golden: Network, cores: tuple[int, int]
) -> None:
    """Copies, relays, delays, gated biases, several chips: what the bus shows in its window."""
    try:
        graph = map_network(golden, chip(*cores, cores=4, router_columns=2, router_rows=2))
    except NmError as error:
        assert set(error.codes) <= {"NM0311", "NM0315", "NM0319"}
        return
    stimulus = stimulus_for(golden, np.random.default_rng(0))
    trace = IntegerRunner(golden).run(stimulus)
    network, config = written(export_ranc(graph, stimulus))
    output, _ = PlainRanc(network, config).run(graph.ticks)
    first, last = window(graph)
    shown = output[first - 1 : last, : int(np.prod(graph.output_shape))]
    if graph.readout == "counts":
        shown = shown.sum(axis=0, dtype=np.int32)
    np.testing.assert_array_equal(shown.reshape(trace.output.shape), trace.output)


def test_identical_crossbars_are_stored_once() -> None:
    config = config_of()
    network = random_input(np.random.default_rng(0), config)
    core = network["cores"][0]
    places = [c["coordinates"] for c in network["cores"]]
    network["cores"] = [{**core, "coordinates": place} for place in places]
    for other in network["cores"]:
        other["neurons"] = [{**n, "destination_core_offset": [0, 0]} for n in core["neurons"]]
    graph, _ = import_ranc(read(network, config))
    assert (graph.cores, graph.size("block")) == (len(places), 1)
    assert len(places) > 1


def test_what_a_neuron_feeds_is_counted() -> None:
    config = config_of()
    network = random_input(np.random.default_rng(3), config)
    graph, _ = import_ranc(read(network, config))
    first = network["cores"][0]
    index = {tuple(core["coordinates"]): core for core in network["cores"]}
    counts = dict(
        zip(graph["fanout.line"].tolist(), graph["fanout.synapses"].tolist(), strict=True)
    )
    for number, neuron in enumerate(first["neurons"]):
        x, y = np.add(first["coordinates"], neuron["destination_core_offset"]).tolist()
        core, axon = index.get((x, y)), neuron["destination_axon"]
        expected = 0
        if core is not None:
            for row, other in zip(core["connections"], core["neurons"], strict=True):
                expected += row[axon] and other["weights"][core["axons"][axon]] != 0
        assert counts.get(number, 0) == expected


def test_a_core_may_be_larger_than_truenorths() -> None:
    config = config_of(num_neurons=300, num_axons=400)
    network = random_input(np.random.default_rng(1), config)
    graph, stimulus = import_ranc(read(network, config), ticks=TICKS)
    assert int(graph["core.axons"].max()) == 400
    output, spikes = PlainRanc(network, config).run(TICKS)
    result = TrueNorthEngine(graph).run(stimulus, record=True)
    assert spikes_of(graph, result.spikes) == spikes
    np.testing.assert_array_equal(result.output, output)


@pytest.mark.parametrize("reset_type", [0, 1])
def test_a_floor_that_nobody_reaches_may_be_any(reset_type: int) -> None:
    """A linear neuron with a symmetric floor, positive weights and leak: never at the floor."""
    config = config_of(neuron_reset_type=reset_type)
    network = random_input(np.random.default_rng(2), config)
    for core in network["cores"]:
        for neuron in core["neurons"]:
            neuron |= {"reset_mode": 1, "negative_threshold": -7, "leak": 1}
            neuron |= {"weights": [1, 2, 0, 3], "current_potential": 0}
    file = read(canonical(network), config)
    graph, stimulus = import_ranc(file, ticks=TICKS)
    _, spikes = PlainRanc(network, config).run(TICKS)
    assert spikes_of(graph, ReferenceCores(graph).run(stimulus, record=True).spikes) == spikes
    back, _ = written(export_ranc(graph, stimulus, like=file))
    assert back["cores"][0]["neurons"] == network["cores"][0]["neurons"]
