"""Equality must be able to fail: one changed entry that carries spikes changes the result."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.mapping import limits, line, spikes_per_group
from support.nets import stimulus_for
from support.plain import Plain

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.diagnostics import NmError
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.mapper import map_network

NETWORK = line()
STIMULUS = stimulus_for(NETWORK, np.random.default_rng(5))
GOLDEN = Plain(NETWORK, STIMULUS)
GRAPH = map_network(NETWORK, limits(neurons=40))


def differs(graph: CoreGraph) -> bool:
    """Whether two frames on this graph show any spike or membrane that is not golden."""
    engine = LoihiEngine(graph)
    for _ in range(2):
        result = engine.run(STIMULUS, record=True)
        for name, train in GOLDEN.trains().items():
            if not np.array_equal(result.spikes[name], train):
                return True
        for name, v in GOLDEN.v.items():
            if not np.array_equal(result.v_final[name], v):
                return True
    return False


def changed(column: str, index: int, value: Any) -> CoreGraph:
    new: npt.NDArray[Any] = GRAPH[column].copy()
    assert new[index] != value
    new[index] = value
    return GRAPH.replace({column: new})


def sent() -> npt.NDArray[np.int64]:
    """Spikes per group in the golden run, of neuron groups and of the host's."""
    trains = {name: train.sum(axis=0) for name, train in GOLDEN.trains().items()}
    return spikes_per_group(GRAPH, trains, STIMULUS.sum(axis=0))


def busiest_route(layer: int) -> int:
    """A route into population `layer` whose group spikes most."""
    axon0 = np.searchsorted(GRAPH["axon.core"], np.arange(GRAPH.cores))
    axon = axon0[GRAPH["route.core"]] + GRAPH["route.axon"]
    into = GRAPH["tile.population"][GRAPH["axon.tile"][axon]] == layer
    return int(np.argmax(np.where(into, sent()[GRAPH["route.group"]], -1)))


def test_the_graph_itself_is_equal() -> None:
    assert GRAPH.cores > 3
    assert not differs(GRAPH)


@pytest.mark.parametrize("layer", [0, 1])
def test_a_weight(layer: int) -> None:
    axon = _axon_of(busiest_route(layer))
    row = int(GRAPH["axon.row_base"][axon])
    run = int(GRAPH["row.run0"][row])
    weight = int(GRAPH["row.w_base"][row] + GRAPH["run.w_off"][run])
    assert differs(changed("weight.value", weight, GRAPH["weight.value"][weight] + 1))


@pytest.mark.parametrize("layer", [0, 1])
def test_a_delay(layer: int) -> None:
    assert differs(changed("route.delay", busiest_route(layer), 1))


@pytest.mark.parametrize("layer", [0, 1])
def test_the_source_of_a_route(layer: int) -> None:
    route = busiest_route(layer)
    silent = int(np.flatnonzero(sent() == sent().min())[0])
    assert differs(changed("route.group", route, silent))


@pytest.mark.parametrize("layer", [0, 1])
def test_the_axon_of_a_route(layer: int) -> None:
    route = busiest_route(layer)
    other = 0 if GRAPH["route.axon"][route] else 1
    assert differs(changed("route.axon", route, other))


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("column", ["row_base", "acc_base"])
def test_an_axon(layer: int, column: str) -> None:
    axon = _axon_of(busiest_route(layer))
    values = GRAPH[f"axon.{column}"]
    same = GRAPH["axon.tile"] == GRAPH["axon.tile"][axon]
    for other in np.unique(values[same & (values != values[axon])]):
        graph = changed(f"axon.{column}", axon, int(other))
        try:
            assert differs(graph)
        except NmError as error:
            assert error.codes == ("NM0309",)


@pytest.mark.parametrize("column", ["bias", "fire_above", "reset_by", "v_init"])
@pytest.mark.parametrize("layer", [0, 1])
def test_a_neuron(layer: int, column: str) -> None:
    tile = int(np.flatnonzero(GRAPH["tile.population"] == layer)[0])
    first, count = (int(GRAPH[f"tile.{c}"][tile]) for c in ("neuron0", "neurons"))
    values = GRAPH[f"neuron.{column}"]
    # Not every neuron fires: one of the tile must show it.
    assert any(
        differs(changed(f"neuron.{column}", n, int(values[n]) + 640))
        for n in range(first, first + count)
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("route.group", 10**6),
        ("route.axon", 10**6),
        ("axon.row_base", 10**6),
        ("axon.acc_base", 10**6),
        ("axon.acc_base", -5),
        ("axon.tile", 10**6),
        ("row.run0", 10**6),
        ("row.w_base", 10**6),
        ("run.dst_off", 10**6),
        ("run.length", 10**6),
        ("group.lines", 10**6),
        ("tile.neurons", 10**6),
        ("tile.neuron0", -1),
        ("tile.acc0", -1),
        ("tile.core", -1),
        ("tile.profile", 10**6),
        ("tile.population", 10**6),
        ("tile.c1", 10**6),
        ("group.line0", -1),
        ("route.core", 10**6),
        ("route.delay", 10**6),
        ("run.length", -1),
        ("readout.neuron", 10**6),
        ("readout.index", 10**6),
        ("host.index", 10**6),
    ],
)
def test_an_index_outside_its_table_is_refused(column: str, value: int) -> None:
    with pytest.raises(NmError) as error:
        LoihiEngine(changed(column, 0, value))
    assert error.value.codes == ("NM0309",)


def _axon_of(route: int) -> int:
    axon0 = np.searchsorted(GRAPH["axon.core"], np.arange(GRAPH.cores))
    return int(axon0[GRAPH["route.core"][route]] + GRAPH["route.axon"][route])
