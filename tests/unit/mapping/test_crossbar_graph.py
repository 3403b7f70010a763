"""Crossbar graphs on disk, as digests, checked, and through the interface of every graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.crossbars import random_graph
from support.mapping import limits, line

from nmcompile.diagnostics import NmError
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.mapping.route import route
from nmcompile.mapping.stored import load_graph


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_save_and_load(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    graph = random_graph(seed)
    stem = tmp_path_factory.mktemp("graph") / "coregraph"
    graph.save(stem)
    again = load_graph(stem)
    assert isinstance(again, CrossbarGraph)
    assert again == graph
    assert again.digest == graph.digest
    for name in CrossbarGraph.columns():
        assert again[name].dtype == graph[name].dtype
        np.testing.assert_array_equal(again[name], graph[name])
        assert not again[name].flags.writeable


def test_one_door_for_every_family(tmp_path: Path) -> None:
    map_network(line(), limits(neurons=40)).save(tmp_path / "lists")
    assert isinstance(load_graph(tmp_path / "lists"), CoreGraph)
    with pytest.raises(NmError) as error:
        CrossbarGraph.load(tmp_path / "lists")
    assert error.value.codes == ("NM0504",)
    body = tmp_path / "lists.json"
    body.write_text(json.dumps({**json.loads(body.read_text()), "format": "other"}))
    with pytest.raises(NmError) as error:
        load_graph(tmp_path / "lists")
    assert error.value.codes == ("NM0504",)


def test_every_column_counts_in_the_digest() -> None:
    graph = random_graph(3)
    digests = {graph.digest}
    for name in CrossbarGraph.columns():
        digests.add(graph.replace({name: np.append(graph[name], 1)}).digest)
    assert len(digests) == len(CrossbarGraph.columns()) + 1


WRONG = (
    *(("core.block", 99), ("core.neuron0", 5), ("core.axons", 9), ("axon.type", 4)),
    *(("block.word0", 10**6), ("block.neurons", 1000), ("crossbar.word", 2**64 - 1)),
    *(("parameter.weight0", 256), ("parameter.reset_mode", 3), ("parameter.mask_bits", 19)),
    *(("parameter.reset_value", 10**6), ("parameter.threshold", -1), ("parameter.floor_mode", 2)),
    *(("neuron.parameter", 99), ("neuron.v_init", 10**6), ("neuron.target_core", 99)),
    *(("neuron.target_axon", 999), ("neuron.target_delay", 16), ("neuron.target_delay", 0)),
    *(("neuron.role", 4), ("tile.neurons", 999), ("tile.core", 99), ("tile.c1", 999)),
    *(("tile.neuron0", 10**6), ("host.axon", 999), ("host.index", 4), ("host.delay", 16)),
    *(("bias.axon", 999), ("bias.start", 0), ("bias.end", 99), ("readout.neuron", 10**6)),
    *(("readout.index", 10**6), ("fanout.line", 10**6), ("fanout.population", 99)),
)


@pytest.mark.parametrize(("column", "value"), WRONG)
def test_a_graph_that_contradicts_itself_is_refused(
    tmp_path: Path, column: str, value: int
) -> None:
    seed = next(s for s in range(99) if random_graph(s)["core.neurons"][0] % 64)
    graph = random_graph(seed)
    graph = graph.replace({"neuron.target_core": np.abs(graph["neuron.target_core"])})
    axons = graph["core.axons"][graph["neuron.target_core"]]
    graph = graph.replace({"neuron.target_axon": graph["neuron.target_axon"] % axons})
    graph.validate()
    values = np.array(graph[column])
    values[0] = value
    graph.replace({column: values}).save(tmp_path / "graph")
    with pytest.raises(NmError) as error:
        load_graph(tmp_path / "graph")
    assert error.value.codes == ("NM0309",)


@pytest.mark.parametrize("seed", range(5))
def test_packets_reach_reports_through_the_common_interface(seed: int) -> None:
    graph = random_graph(seed)
    packets, routing = graph.packets(), route(graph)
    sends = graph["neuron.target_core"] >= 0
    driven = (graph["bias.end"] - graph["bias.start"] + 1).sum()
    traffic = graph["neuron.traffic"][sends].sum() + graph["host.traffic"].sum() + driven
    assert packets.traffic.sum() == traffic
    assert len(packets.sender) == sends.sum() + graph.size("host") + graph.size("bias")
    metrics = placement_metrics(graph)
    inside = metrics.packets + metrics.packets_in_core
    assert inside == graph["neuron.traffic"][sends].sum()
    assert metrics.packets_host == graph["host.traffic"].sum() + driven
    x, y = graph["core.x"].astype(int), graph["core.y"].astype(int)
    core = graph.neuron_cores()[sends]
    target = graph["neuron.target_core"][sends]
    hops = np.abs(x[core] - x[target]) + np.abs(y[core] - y[target])
    assert metrics.hops == (hops * graph["neuron.traffic"][sends]).sum()
    assert routing.link_loads(routing.pair_packets(packets.traffic)).sum() == metrics.hops
    view = graph.to_networkx()
    assert sum(d["routes"] for *_, d in view.edges(data=True)) == len(packets.sender)
    assert [view.nodes[c]["neurons"] for c in range(graph.cores)] == graph["core.neurons"].tolist()
