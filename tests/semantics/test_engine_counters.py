"""What the engine counts, recounted from recorded spikes and the tables."""

from __future__ import annotations

import numpy as np
import pytest
from support.mapping import limits, line, spikes_per_group
from support.nets import conv, if_neuron, stimulus_for

from nmcompile.backends.loihi.engine import EngineResult, LoihiEngine
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.counters import CoreCounters
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.route import system_coordinates

NETWORK = line(size=12)
STIMULUS = stimulus_for(NETWORK, np.random.default_rng(0))


@pytest.fixture(scope="module")
def graph() -> CoreGraph:
    return map_network(NETWORK, limits(neurons=30, cores=10))


@pytest.fixture(scope="module")
def result(graph: CoreGraph) -> EngineResult:
    return LoihiEngine(graph).run(STIMULUS, record=True)


def cores_of(result: EngineResult) -> CoreCounters:
    assert result.counters.cores is not None
    return result.counters.cores


def test_packets_and_hops(graph: CoreGraph, result: EngineResult) -> None:
    counters = cores_of(result)
    # One packet for all axons of a core that hear a group.
    group, target = np.unique(np.stack([graph["route.group"], graph["route.core"]]), axis=1)
    trains = {name: train.sum(axis=0) for name, train in result.spikes.items()}
    sent = spikes_per_group(graph, trains, STIMULUS.sum(axis=0))[group]
    source = graph.group_cores()[group]
    column, row = system_coordinates(graph)
    host = source < 0
    across = np.where(host, 0, abs(column[source] - column[target]))
    along = np.where(host, 0, abs(row[source] - row[target]))
    assert counters.packets == sent.sum()
    assert counters.host_packets == sent[host].sum()
    assert counters.hops_east_west == (sent * across).sum()
    assert counters.hops_north_south == (sent * along).sum()
    assert counters.packets_local == sent[~host & (across + along == 0)].sum()
    assert counters.packets_in.sum() == counters.packets
    assert graph.chips > 1
    assert counters.chip_crossings > 0
    assert counters.link_load_max.shape == (graph.ticks,)
    assert 0 < counters.link_load_max.max() <= counters.packets


def test_synapse_accesses(graph: CoreGraph, result: EngineResult) -> None:
    counters = cores_of(result)
    stored = counters.sops.sum() + counters.zero_accesses
    fan_out = 0
    for name, source in (("n0", STIMULUS), ("n1", result.spikes["n0"])):
        channels, height, width = result.spikes[name].shape[1:]
        for y in range(height):
            for x in range(width):
                fan_out += int(source[:, :, y : y + 3, x : x + 3].sum()) * channels
    assert stored == fan_out
    assert counters.zero_accesses > 0


def test_silence_is_idle() -> None:
    rng = np.random.default_rng(0)
    nodes = (
        Node("input", ops.Input("spikes", (2, 6, 6), 1)),
        Node("c", conv(rng, 4, 2, (3, 3)), ("input",), "conv"),
        Node("n", ops.Neuron(if_neuron(4, 9)), ("c",)),
        Node("y", ops.Output(), ("n",)),
    )
    network = Network("silent", nodes, 3)
    engine = LoihiEngine(map_network(network, limits(neurons=20)))
    counters = cores_of(engine.run(np.zeros((3, 2, 6, 6), np.uint8)))
    assert counters.updates_active.sum() == counters.packets == counters.sops.sum() == 0
    one = np.zeros((3, 2, 6, 6), np.uint8)
    one[0, 0, 3, 3] = 1
    counters = cores_of(engine.run(one))
    # One spike reaches 3 x 3 positions of 4 channels; later ticks may only add what fired.
    assert counters.updates_active[0].sum() == 36
    assert counters.updates_active.sum() >= 36


def test_a_wrong_stimulus_is_refused(graph: CoreGraph) -> None:
    with pytest.raises(NmError) as error:
        LoihiEngine(graph).run(STIMULUS[0])
    assert error.value.codes == ("NM0204",)
    assert error.value.diagnostics[0].found == str(STIMULUS[0].shape)


def test_an_unbounded_membrane_may_not_leave_int32() -> None:
    rng = np.random.default_rng(0)
    neuron = if_neuron(2, 2**30 - 5, bias=[0, 2**30], shift=0, bits=0, v_keep=4096)
    nodes = (
        Node("input", ops.Input("spikes", (2, 4, 4), 1)),
        Node("c", conv(rng, 2, 2, (1, 1)), ("input",), "conv"),
        Node("n", ops.Neuron(neuron), ("c",)),
        Node("y", ops.Output(), ("n",)),
    )
    unbounded = Network("unbounded", nodes, 6)
    reference = if_neuron(2, 9, shift=0, bits=0)
    fine = Network("fine", (*nodes[:2], Node("n", ops.Neuron(reference), ("c",)), nodes[3]), 6)
    stimulus = np.ones((6, 2, 4, 4), np.uint8)
    LoihiEngine(map_network(fine, limits())).run(stimulus)
    silent = np.zeros_like(stimulus)
    engine = LoihiEngine(map_network(_never_firing(unbounded), limits()))
    with pytest.raises(NmError) as error:
        engine.run(silent)
    assert error.value.codes == ("NM0203",)
    assert error.value.diagnostics[0].where == "conv"


def _never_firing(network: Network) -> Network:
    """The threshold at the top of int32, so that the bias piles up."""
    import dataclasses

    from nmcompile.ir.arrays import Array

    def change(node: Node) -> Node:
        if not isinstance(node.op, ops.Neuron):
            return node
        model = dataclasses.replace(node.op.model, fire_above=Array(np.int32(2**31 - 1)))  # type: ignore[type-var]
        return dataclasses.replace(node, op=ops.Neuron(model))

    return network.map_nodes(change)
