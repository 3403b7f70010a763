"""The floor plan of a mapped network against its tables and counters."""

from __future__ import annotations

import numpy as np
import pytest
from support.crossbars_by_hand import crossbars_by_hand
from support.mapping import limits, line
from support.nets import stimulus_for

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.build.floor_plan import floor_plan
from nmcompile.ir.counters import CoreCounters, NetworkCounters
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.utilisation import core_usage, utilisation
from nmcompile.report.sections import FloorPlan

NETWORK = line(size=12)
LIMITS = limits(neurons=30, cores=10)


@pytest.fixture(scope="module")
def graph() -> CoreGraph:
    return map_network(NETWORK, LIMITS)


@pytest.fixture(scope="module")
def counters(graph: CoreGraph) -> NetworkCounters:
    rng = np.random.default_rng(0)
    return LoihiEngine(graph).run(stimulus_for(NETWORK, rng)).counters


@pytest.fixture(scope="module")
def plan(graph: CoreGraph, counters: NetworkCounters) -> FloorPlan:
    made = floor_plan(graph, utilisation(graph, LIMITS), [counters])
    assert made is not None
    return made


def counted(counters: NetworkCounters) -> CoreCounters:
    assert counters.cores is not None
    return counters.cores


def test_every_core_has_a_place_of_its_own(graph: CoreGraph, plan: FloorPlan) -> None:
    places = set(zip(plan.x, plan.y, strict=True))
    assert len(places) == graph.cores
    assert all(0 <= x < plan.columns and 0 <= y < plan.rows for x, y in places)
    chips = {(x // plan.chip_columns, y // plan.chip_rows) for x, y in places}
    assert len(chips) == graph.chips > 1


def test_cores_say_what_they_hold(graph: CoreGraph, plan: FloorPlan) -> None:
    layers = {population.layer for population in graph.populations}
    assert {name for text in plan.layers for name in text.split(", ")} == layers
    assert len(set(plan.layers)) == len(plan.layers)
    usage = core_usage(graph, LIMITS)
    assert plan.axons == tuple(usage.in_axons)
    used = {use.limit: use for use in plan.uses}
    assert used["neurons"].used == tuple(usage.neurons)
    assert used["neurons"].allowed == 30
    assert max(used["synapse_memory_bytes"].used) <= used["synapse_memory_bytes"].allowed


def test_activity_is_that_of_the_first_inference(
    plan: FloorPlan, counters: NetworkCounters
) -> None:
    cores = counted(counters)
    assert sum(plan.spikes) == sum(layer.spikes for layer in counters.layers)
    assert sum(plan.packets) == cores.packets
    assert sum(plan.sops) == cores.sops.sum()


def test_link_loads_are_those_of_all_hops(
    graph: CoreGraph, plan: FloorPlan, counters: NetworkCounters
) -> None:
    cores = counted(counters)
    assert cores.link_loads.sum() == cores.hops_east_west + cores.hops_north_south
    assert cores.link_loads[..., :2].sum() == cores.hops_east_west
    routers = (plan.columns // plan.router_columns) * (plan.rows // plan.router_rows)
    assert len(plan.link_load) == routers
    assert max(plan.link_load) == cores.link_loads.max()
    assert max(plan.link_load) <= cores.link_load_max.sum()


def test_a_network_that_never_ran_on_cores_has_no_plan(graph: CoreGraph) -> None:
    assert floor_plan(graph, (), []) is None


def test_relays_are_named_on_crossbars() -> None:
    graph = crossbars_by_hand()
    none = np.zeros((graph.ticks, graph.cores), np.int64)
    cores = CoreCounters(
        *(none, 0, none, graph.core_neurons(), none, 0, 0, 0, 0, 0, 0, none.sum(axis=1)),
        spikes=none.sum(axis=0),
        link_loads=np.zeros((1, graph.cores, 4), np.int64),
    )
    sample = NetworkCounters("net", graph.timesteps, graph.ticks, (), cores)
    plan = floor_plan(graph, (), [sample])
    assert plan is not None
    relayed = graph.relayed()
    for core, held in enumerate(plan.held):
        assert plan.layers[held].startswith("relays of") == (relayed[core] >= 0)
