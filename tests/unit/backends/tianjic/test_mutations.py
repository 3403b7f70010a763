"""Equality can fail: one wrong entry of a table that carries values must show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.fcore_nets import chip, two_layers
from support.nets import stimulus_for

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.simulator.engine import FCoreEngine
from nmcompile.backends.tianjic.simulator.reference import ReferenceFCores
from nmcompile.mapping.fcore_graph import INPUT, PART, PARTIAL, FCoreGraph
from nmcompile.reference.integer import IntegerRunner

NETWORK = two_layers()
STIMULI = [stimulus_for(NETWORK, np.random.default_rng(n)) for n in range(2)]
GOLDEN = [IntegerRunner(NETWORK).run(s, record=True) for s in STIMULI]
GRAPHS = {
    name: map_network(NETWORK, chip(24, 12, forms=("values",)), schedule=Schedule(name))  # type: ignore[arg-type]
    for name in ("unfolded", "semi-folded", "folded")
}
Change = Callable[[FCoreGraph], dict[str, Any]]


def equal(graph: FCoreGraph, simulator: Any = FCoreEngine) -> bool:
    cores = simulator(graph)
    for stimulus, golden in zip(STIMULI, GOLDEN, strict=True):
        found = cores.run(stimulus, record=True)
        for name, spikes in golden.spikes.items():
            if not np.array_equal(spikes, found.spikes[name]):
                return False
        if not np.array_equal(golden.v_final["n2"], found.v_final["n2"]):
            return False
    return True


def changed(graph: FCoreGraph, column: str, entry: int, by: int) -> dict[str, Any]:
    values = graph[column].copy()
    values[entry] += by
    return {column: values}


def weight(graph: FCoreGraph) -> dict[str, Any]:
    small = np.abs(graph["weight.value"].astype(int)) < 90
    return changed(graph, "weight.value", int(np.flatnonzero(small)[0]), 37)


def partial_weight(graph: FCoreGraph) -> dict[str, Any]:
    core = int(np.flatnonzero(graph.adders())[0])
    return changed(graph, "weight.value", int(graph["block.weight0"][graph["core.block"][core]]), 1)


def one_core(graph: FCoreGraph) -> Any:
    """The axons of a core in the middle of the second layer."""
    core = graph.axon_cores()
    own = core[graph["axon.source"] == 0]
    return core == own[len(own) // 2]


def axon(name: str, by: int) -> Change:
    def change(graph: FCoreGraph) -> dict[str, Any]:
        values = graph[f"axon.{name}"].copy()
        values[one_core(graph)] += by
        return {f"axon.{name}": values if name != "c" else values % 6}

    return change


def source(graph: FCoreGraph) -> dict[str, Any]:
    source, c = graph["axon.source"].copy(), graph["axon.c"].copy()
    mine = one_core(graph)
    source[mine], c[mine] = INPUT, c[mine] % 2
    return {"axon.source": source, "axon.c": c}


def partial_route(graph: FCoreGraph) -> dict[str, Any]:
    mine = np.flatnonzero(graph["axon.source"] == PARTIAL)
    return changed(graph, "axon.c", int(mine[0]), 1)


def first_part(graph: FCoreGraph) -> int:
    core = graph.neuron_cores()[graph["neuron.role"] == PART]
    return int(core[-1])


def bias(graph: FCoreGraph) -> dict[str, Any]:
    return changed(graph, "parameter.bias", int(graph["neuron.parameter"].max()), -9000)


def place(graph: FCoreGraph) -> dict[str, Any]:
    originals = np.flatnonzero(graph["neuron.role"] != PART)
    one, two = originals[0], originals[1]
    columns = {name: graph[name].copy() for name in ("neuron.c", "neuron.y", "neuron.x")}
    for values in columns.values():
        values[[one, two]] = values[[two, one]]
    return columns


CHANGES: dict[str, Change] = {
    "weight": weight,
    "weight of an adder": partial_weight,
    "channel": axon("c", 1),
    "row": axon("y", 1),
    "column": axon("x", 1),
    "source": source,
    "route of a partial sum": partial_route,
    "start of a part": lambda graph: changed(graph, "core.start", first_part(graph), 1),
    "early part": lambda graph: changed(graph, "core.start", first_part(graph), -1),
    "early adder": lambda graph: changed(
        graph, "core.start", int(np.flatnonzero(graph.adders())[-1]), -1
    ),
    "bias": bias,
    "place of a neuron": place,
}


@pytest.mark.parametrize("schedule", GRAPHS)
def test_unchanged_tables_are_equal(schedule: str) -> None:
    assert equal(GRAPHS[schedule])
    assert equal(GRAPHS[schedule], ReferenceFCores)


@pytest.mark.parametrize("schedule", GRAPHS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_wrong_entry_shows(schedule: str, name: str) -> None:
    graph = GRAPHS[schedule]
    assert not equal(graph.replace(CHANGES[name](graph)))


@pytest.mark.parametrize("name", ["weight", "source", "route of a partial sum", "early adder"])
def test_a_wrong_entry_shows_in_the_reference(name: str) -> None:
    graph = GRAPHS["semi-folded"]
    assert not equal(graph.replace(CHANGES[name](graph)), ReferenceFCores)


@pytest.mark.parametrize("schedule", ["semi-folded", "folded"])
@pytest.mark.parametrize(("column", "by"), [("core.ey", -1), ("axon.dy", -1), ("host.phase", 1)])
def test_a_wrong_fold_shows(schedule: str, column: str, by: int) -> None:
    graph = GRAPHS[schedule]
    values = graph[column].copy()
    values[values == values.max()] += by
    assert not equal(graph.replace({column: values}))


def test_a_wrong_period_shows() -> None:
    """Rows come 14 phases apart, and are read 15 phases apart: 14 would do, 13 would not."""
    graph = GRAPHS["folded"]
    period = graph["core.period"]
    assert set(period) == {7, 15}
    assert equal(graph.replace({"core.period": np.where(period == 15, 14, period)}))
    assert not equal(graph.replace({"core.period": np.where(period == 15, 13, period)}))


@pytest.mark.parametrize("schedule", GRAPHS)
@pytest.mark.parametrize("population", [0, 1])
def test_no_layer_can_start_earlier(schedule: str, population: int) -> None:
    """The starts are the smallest that satisfy every dependence."""
    graph = GRAPHS[schedule]
    mine = graph["core.population"] == population
    start = graph["core.start"] - mine
    if start.min() < 0:
        assert schedule == "unfolded"  # the host sends everything before phase 0
        return
    assert not equal(graph.replace({"core.start": start}))
