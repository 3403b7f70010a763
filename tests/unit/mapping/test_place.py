"""Placement and routes: legal, deterministic, better than its start, above the bound."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.mapping import limits, line

from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.place import place
from nmcompile.mapping.placement.slots import slots_for
from nmcompile.mapping.route import route, system_coordinates

CAPS = limits(neurons=12, cores=128, router_columns=8, router_rows=4, cores_per_router=4)


def total_hops(graph: CoreGraph) -> int:
    return placement_metrics(graph).hops


def shuffled(graph: CoreGraph, seed: int) -> CoreGraph:
    order = np.random.default_rng(seed).permutation(graph.cores)
    return graph.replace(
        {f"core.{c}": graph[f"core.{c}"][order] for c in ("chip", "x", "y", "slot")}
    )


def test_placement_beats_random_ones() -> None:
    graph = map_network(line(size=14), CAPS)
    assert graph.cores > 20
    best = total_hops(graph)
    random = [total_hops(shuffled(graph, seed)) for seed in range(5)]
    assert best < 0.7 * min(random)


def test_the_bound_is_below_every_placement() -> None:
    graph = map_network(line(size=14), CAPS)
    metrics = placement_metrics(graph)
    assert 0 < metrics.average_hop_bound <= metrics.average_hop
    assert metrics.gap == pytest.approx(metrics.average_hop / metrics.average_hop_bound - 1)
    for seed in range(3):
        other = placement_metrics(shuffled(graph, seed))
        assert other.average_hop_bound == pytest.approx(metrics.average_hop_bound)


def test_a_chain_on_a_line_is_placed_perfectly() -> None:
    caps = limits(cores=16, router_columns=16, router_rows=1, cores_per_router=1)
    order = np.random.default_rng(0).permutation(16)
    flows = Flows(16, order[:-1], order[1:], np.full(15, 10))
    centres = np.random.default_rng(1).random((16, 2))
    slots = slots_for(16, caps)
    chosen = place(flows, centres, slots, seed=0)
    assert sorted(chosen) == list(range(16))
    hops = np.abs(slots.x[chosen[order[:-1]]] - slots.x[chosen[order[1:]]])
    assert hops.sum() <= 19


def test_the_seed_decides() -> None:
    graphs = [map_network(line(size=14), CAPS, seed=seed) for seed in (0, 0, 1)]
    assert graphs[0].digest == graphs[1].digest
    assert graphs[0].digest != graphs[2].digest


def test_routes_are_dimension_ordered_and_loads_add_up() -> None:
    graph = map_network(line(size=14), CAPS)
    routing = route(graph)
    column, row = system_coordinates(graph)
    between = routing.source >= 0
    source, target = routing.source[between], routing.target[between]
    np.testing.assert_array_equal(routing.east_west[between], abs(column[source] - column[target]))
    np.testing.assert_array_equal(routing.north_south[between], abs(row[source] - row[target]))
    packets = np.arange(len(routing.source)) + 1
    hops = packets @ (routing.east_west + routing.north_south)
    assert routing.link_loads(packets).sum() == hops
    assert (routing.east_west[~between] == 0).all()


def test_chip_borders_are_counted() -> None:
    graph = map_network(line(size=14), limits(neurons=12, cores=16))
    assert graph.chips > 2
    routing = route(graph)
    chip, columns = graph["core.chip"], graph.mesh.chip_columns
    for source, target, crossings in zip(
        routing.source, routing.target, routing.crossings, strict=True
    ):
        if source >= 0:
            a, b = divmod(int(chip[source]), columns), divmod(int(chip[target]), columns)
            assert crossings == abs(a[0] - b[0]) + abs(a[1] - b[1])
    assert placement_metrics(graph).chip_crossings > 0


def test_measured_traffic_moves_cores() -> None:
    network = line(size=14)
    uniform = map_network(network, CAPS)
    spikes = np.zeros((4, 12, 13), np.int64)
    spikes[:, :4, :4] = 100
    busy = map_network(network, CAPS, {"n0": spikes})
    swapped = uniform.replace({"group.traffic": busy["group.traffic"]})
    assert total_hops(busy) <= total_hops(swapped)


def test_thousands_of_cores_keep_their_neighbours_near() -> None:
    """A grid of 48 x 48 cores whose centres are blurred: swaps nearby find most of it again."""
    side = 48
    caps = limits(cores=1024, router_columns=32, router_rows=32, cores_per_router=1, chips_max=4)
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    number = y * side + x
    source = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    target = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    flows = Flows(side * side, source, target, np.full(len(source), 5))
    blur = np.random.default_rng(0).normal(0, 2 / side, (side * side, 2))
    centres = np.stack([x.ravel(), y.ravel()], axis=1) / side + blur
    slots = slots_for(side * side, caps)
    chosen = place(flows, centres, slots, seed=0)
    assert len(np.unique(chosen)) == side * side
    np.testing.assert_array_equal(chosen, place(flows, centres, slots, seed=0))
    hops = [np.abs(a[chosen[source]] - a[chosen[target]]) for a in (slots.column, slots.row)]
    assert np.mean(hops[0] + hops[1]) < 2.5


@pytest.mark.parametrize(
    ("columns", "chips", "wanted"),
    [(None, 5, 3), (4, 5, 3), (2, 5, 2), (1, 5, 1), (16, 5, 5), (8, 5, 3), (16, 1, 1)],
)
def test_chips_lie_on_the_grid_of_the_largest_system(
    columns: int | None, chips: int, wanted: int
) -> None:
    caps = limits(cores=16, router_columns=4, router_rows=4, cores_per_router=1)
    caps = dataclasses.replace(caps, chips_max=16, chip_columns=columns)
    slots = slots_for(16 * chips, caps)
    assert slots.mesh.chip_columns == wanted
    assert slots.chip.max() // wanted < 16 // (columns or 1)
