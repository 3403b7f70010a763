"""The packets that simulators record, pair by pair, are those that they count."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import crossbar_nets, fcore_nets
from support.mapping import limits, line
from support.nets import stimulus_for

from nmcompile.backends.base import MappedResult
from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.backends.tianjic.mapping.mapper import map_network as map_fcores
from nmcompile.backends.tianjic.simulator.engine import FCoreEngine
from nmcompile.backends.truenorth.backend import TrueNorthBackend
from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.ir.network import Network
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.noc.drain import drain
from nmcompile.mapping.noc.ways import LinkCycles, crossings, ways_of
from nmcompile.mapping.route import route

Case = tuple[Network, MappedGraph, Any]


def neurocores() -> Case:
    network = line(size=12)
    graph = map_network(network, limits(neurons=30, cores=10))
    return network, graph, LoihiEngine(graph)


def crossbars() -> Case:
    layers = [
        crossbar_nets.weights_of((-2, 0, 2), (4, 4, 3, 3), seed, padding=(1, 1)) for seed in (0, 1)
    ]
    network = crossbar_nets.chain(*layers, shape=(4, 8, 9))
    graph = TrueNorthBackend().map(network, crossbar_nets.chip(80, 24))
    return network, graph, TrueNorthEngine(graph)


def fcores() -> Case:
    network = fcore_nets.two_layers()
    graph = map_fcores(network, fcore_nets.chip(64, 24))
    return network, graph, FCoreEngine(graph)


@pytest.mark.parametrize("case", [neurocores, crossbars, fcores])
def test_recorded_packets_are_the_counted_ones(case: Any) -> None:
    network, graph, simulator = case()
    stimulus = stimulus_for(network, np.random.default_rng(0))
    result: MappedResult = simulator.run(stimulus, record=True)
    traffic, counted = result.traffic, result.counters.cores
    assert traffic is not None and counted is not None
    routing = route(graph)
    assert graph.cores > 3 and traffic.sum() == counted.packets > 50
    assert traffic[:, routing.source < 0].sum() == counted.host_packets
    into = np.zeros_like(counted.packets_in)
    np.add.at(into, (slice(None), routing.target), traffic)
    assert np.array_equal(into, counted.packets_in)
    assert np.array_equal(routing.busiest_links(traffic), counted.link_load_max)

    ways = ways_of(routing, graph.cores, LinkCycles(), crossings(graph, routing))
    drained = drain(ways, traffic)
    assert np.all(drained.cycles >= drained.bound)
    assert np.all(drained.bound >= counted.link_load_max)
    mesh = np.zeros(routing.links, np.int64)
    mesh[ways.number[ways.in_mesh]] = drained.load[ways.in_mesh]
    assert np.array_equal(mesh, counted.link_loads.ravel())
    assert simulator.run(stimulus).traffic is None


def test_links_between_chips_are_those_that_packets_cross() -> None:
    network, graph, simulator = neurocores()
    assert graph.chips > 1
    result = simulator.run(stimulus_for(network, np.random.default_rng(0)), record=True)
    routing = route(graph)
    loads = routing.link_loads(result.traffic.sum(axis=0))
    assert loads[crossings(graph, routing)].sum() == result.counters.cores.chip_crossings > 0
