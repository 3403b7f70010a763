"""Signed messages on cores: sigma-delta neurons, delays, partial sums; and that errors show."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.mapping import limits, zeros
from support.messages import sigma_delta, video
from support.nets import if_neuron, stimulus_for
from support.plain import Plain

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import Verification, require_equal, verify_network
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.reference.integer import IntegerRunner

RNG = np.random.default_rng(3)
NETWORK = video()
GRAPH = map_network(NETWORK, limits(neurons=40))
INPUTS = [NetworkInput(stimulus_for(NETWORK, RNG)) for _ in range(2)]


def verified(graph: CoreGraph) -> Verification:
    return verify_network(NETWORK, LoihiEngine(graph), INPUTS)


def test_cores_and_interpreter_are_the_plain_definition() -> None:
    engine, runner = LoihiEngine(GRAPH), IntegerRunner(NETWORK)
    for given in INPUTS:
        golden = Plain(NETWORK, given.stimulus)
        for result in (engine.run(given.stimulus, record=True), runner.run(given.stimulus)):
            np.testing.assert_array_equal(result.output, golden.output)
            assert result.output.dtype == np.int32
        train = golden.trains()["sd"]
        assert train.min() < -255
        assert train.max() > 255
        assert 0.05 < np.mean(train != 0) < 0.95
    assert GRAPH.ticks == 9 + 2 + 3
    assert int(GRAPH["route.delay"].max()) == 3
    require_equal(verified(GRAPH))


def test_thread_count_does_not_matter() -> None:
    one, two = (
        LoihiEngine(GRAPH, threads=count).run(INPUTS[0].stimulus, record=True) for count in (1, 2)
    )
    for name, train in one.spikes.items():
        np.testing.assert_array_equal(two.spikes[name], train)
    assert one.counters.layers == two.counters.layers
    assert one.counters.cores is not None
    assert two.counters.cores is not None
    np.testing.assert_array_equal(one.counters.cores.sops, two.counters.cores.sops)


def test_a_stored_graph_keeps_its_messages(tmp_path: Path) -> None:
    GRAPH.save(tmp_path / "graph")
    loaded = CoreGraph.load(tmp_path / "graph")
    assert loaded.digest == GRAPH.digest
    require_equal(verified(loaded))


def test_a_sparse_layer_stores_few_zeros() -> None:
    alone = NETWORK.map_nodes(
        lambda node: dataclasses.replace(node, op=ops.Add()) if node.name == "sum" else node
    )
    found = LoihiEngine(map_network(alone, limits())).run(INPUTS[0].stimulus).counters
    golden = IntegerRunner(alone).run(INPUTS[0].stimulus).counters
    assert found.layers == golden.layers
    layer = next(x for x in golden.layers if x.node == "sigma")
    assert found.cores is not None
    # Of the sparse layer 9 of 10 weights are zero: stored, they would be most of all accesses.
    assert found.cores.zero_accesses < layer.sops


@pytest.mark.parametrize("layer", ["delta", "sd", "sigma"])
def test_a_changed_weight_is_found(layer: str) -> None:
    assert any(
        not verified(changed("weight.value", weight, +1)).equal for weight in _weights_into(layer)
    )


@pytest.mark.parametrize("column", ["bias", "fire_above"])
def test_a_changed_neuron_is_found(column: str) -> None:
    neurons = _neurons_of("sd")
    assert any(not verified(changed(f"neuron.{column}", n, 640)).equal for n in neurons[::7])


@pytest.mark.parametrize("by", [-1, 1])
def test_a_changed_delay_is_found(by: int) -> None:
    late = np.flatnonzero(GRAPH["route.delay"] == 3)
    graphs = [changed("route.delay", int(route), by) for route in late[::9]]
    results = [verified(graph) for graph in graphs]
    assert any(not result.equal for result in results)
    with pytest.raises(NmError) as error:
        require_equal(next(result for result in results if not result.equal))
    assert error.value.codes == ("NM0401",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("relu", False),
        ("sums", False),
        ("sends_changes", False),
        ("spike_exp", 5),
        ("state_exp", 2),
    ],
)
def test_another_kind_of_neuron_is_found(field: str, value: Any) -> None:
    index = next(i for i, p in enumerate(GRAPH.profiles) if p.relu)
    profile: Any = dataclasses.replace(GRAPH.profiles[index], **{field: value})
    profiles = tuple(profile if i == index else p for i, p in enumerate(GRAPH.profiles))
    result = verified(dataclasses.replace(GRAPH, profiles=profiles))
    # Where values arrive the exponent matters, where changes arrive it does not.
    assert result.equal == (field == "spike_exp")


def test_a_partial_sum_is_passed_on_as_it_is() -> None:
    """Two halves of the fan-in, each summed by neurons of its own, are the whole."""
    weight = RNG.integers(-99, 100, (6, 64)).astype(np.int8)
    entry = Node("input", ops.Input("spikes", (64,), 1))
    ends = (
        Node("n", ops.Neuron(if_neuron(6, 300, 20)), ("sum",), "n"),
        Node("y", ops.Output(), ("n",)),
    )
    halves: list[Node] = []
    for half in range(2):
        part = weight * (np.arange(64) // 32 == half)
        partial = f"p{half}"
        one = ops.Linear(Array(np.eye(6, dtype=np.int8)), zeros(6))
        halves += [
            Node(f"h{half}", ops.Linear(Array(part.astype(np.int8)), zeros(6)), ("input",), "fc"),
            Node(partial, sigma_delta("values", "values"), (f"h{half}",), "fc"),
            Node(f"o{half}", one, (partial,), "fc"),
        ]
    split = Network("split", (entry, *halves, Node("sum", ops.Add(), ("o0", "o1")), *ends), 6)
    whole = Network(
        "whole", (entry, Node("sum", ops.Linear(Array(weight), zeros(6)), ("input",)), *ends), 6
    )
    stimulus = stimulus_for(whole, RNG)
    wanted = LoihiEngine(map_network(whole, limits())).run(stimulus).output
    assert 0.1 < wanted.mean() < 0.9
    for caps in (limits(), limits(neurons=4)):
        found = LoihiEngine(map_network(split, caps)).run(stimulus).output
        np.testing.assert_array_equal(found, wanted)


def _loud(bits: int, weight: int, exponent: int) -> Network:
    neuron = sigma_delta("values", "values", spike_exp=exponent, message_bits=bits)
    nodes = (
        Node("input", ops.Input("spikes", (8,), 24, signed=True)),
        Node("w", ops.Linear(Array(np.full((3, 8), weight, np.int16)), zeros(3)), ("input",), "fc"),
        Node("n", neuron, ("w",), "out"),
        Node("output", ops.Output(), ("n",)),
    )
    return Network("loud", nodes, 2)


@pytest.mark.parametrize(
    ("bits", "weight", "exponent", "code"),
    [(16, 1, 0, "NM0217"), (32, 300, 0, "NM0203"), (32, 1, 12, "NM0203")],
)
def test_what_does_not_fit_is_an_error(bits: int, weight: int, exponent: int, code: str) -> None:
    """A message beyond its width, a sum beyond int32, a state beyond int32: never wrapped."""
    network = _loud(bits, weight, exponent)
    runner, engine = IntegerRunner(network), LoihiEngine(map_network(network, limits()))
    quiet = np.zeros((2, 8), np.int32)
    quiet[1] = [900, -900, 5, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(runner.run(quiet).output, engine.run(quiet).output)
    loud = quiet.copy()
    loud[0] = -(2**20)
    for run in (runner.run, engine.run):
        with pytest.raises(NmError) as error:
            run(loud)
        assert error.value.codes == (code,)
        engine.reset()
    # Large terms that cancel are no error.
    loud[0, ::2] = 2**20
    np.testing.assert_array_equal(runner.run(loud).output, engine.run(loud).output)


def changed(column: str, index: int, by: int) -> CoreGraph:
    new = GRAPH[column].copy()
    new[index] += by
    return GRAPH.replace({column: new})


def _tiles_of(layer: str) -> list[int]:
    index = [p.name for p in GRAPH.populations].index(layer)
    return [int(t) for t in np.flatnonzero(GRAPH["tile.population"] == index)]


def _neurons_of(layer: str) -> list[int]:
    first, count = GRAPH["tile.neuron0"], GRAPH["tile.neurons"]
    return [n for t in _tiles_of(layer) for n in range(first[t], first[t] + count[t])]


def _weights_into(layer: str) -> list[int]:
    """The first weight of some rows that lead into the layer."""
    axons = np.flatnonzero(np.isin(GRAPH["axon.tile"], _tiles_of(layer)))
    rows = GRAPH["axon.row_base"][axons[:: max(1, len(axons) // 5)]]
    runs = GRAPH["row.run0"][rows]
    return [int(w) for w in GRAPH["row.w_base"][rows] + GRAPH["run.w_off"][runs]]
