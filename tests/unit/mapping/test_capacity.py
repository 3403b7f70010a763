"""No core above any cap, every neuron and synapse mapped once, whatever the network."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.mapping import apart, limits, line, skip_networks, small_limits
from support.nets import spiking_networks

from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.demand import Demand
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import demands, tile
from nmcompile.mapping.utilisation import core_usage, utilisation

QUICK = settings(max_examples=40, deadline=None)
networks = st.one_of(spiking_networks(), skip_networks())


def mapped(network: Network, caps: Limits) -> CoreGraph:
    try:
        return map_network(network, caps)
    except NmError as error:
        assume(not set(error.codes) & {"NM0302", "NM0303", "NM0304", "NM0305"})
        raise


@QUICK
@given(networks, small_limits())
def test_no_core_is_above_a_cap(network: Network, caps: Limits) -> None:
    for row in utilisation(mapped(network, caps), caps):
        assert row.fits, row


@QUICK
@given(networks, small_limits())
def test_every_neuron_is_on_one_core(network: Network, caps: Limits) -> None:
    graph = mapped(network, caps)
    covered = [np.zeros(p.shape, int) for p in graph.populations]
    used = np.zeros(graph.neurons, int)
    names = ("population", "neuron0", "neurons", "c0", "c1", "y0", "y1", "x0", "x1")
    for p, n0, n, c0, c1, y0, y1, x0, x1 in zip(*(graph[f"tile.{k}"] for k in names), strict=True):
        covered[p][c0:c1, y0:y1, x0:x1] += 1
        used[n0 : n0 + n] += 1
    assert all((c == 1).all() for c in covered)
    assert (used == 1).all()
    lines = np.zeros(graph.neurons + graph.size("host"), int)
    for first, count in zip(graph["group.line0"], graph["group.lines"], strict=True):
        lines[first : first + count] += 1
    assert (lines == 1).all()


@QUICK
@given(networks, small_limits())
def test_every_core_has_its_own_place(network: Network, caps: Limits) -> None:
    graph = mapped(network, caps)
    places = np.stack([graph[f"core.{c}"] for c in ("chip", "x", "y", "slot")])
    assert len(np.unique(places, axis=1).T) == graph.cores
    assert graph["core.x"].max() < caps.router_columns
    assert graph["core.y"].max() < caps.router_rows
    assert graph["core.slot"].max() < caps.cores_per_router


@QUICK
@given(networks, small_limits())
def test_the_analytic_demand_bounds_the_finished_tables(network: Network, caps: Limits) -> None:
    mapped(network, caps)
    graph = apart(network, caps)
    predicted = Demand()
    for _, tiles in demands(tile(stages(network), caps), caps):
        for demand in tiles:
            predicted = predicted + demand
    found = core_usage(graph, caps)
    assert predicted.neurons == found.neurons.sum()
    assert predicted.in_axons == found.in_axons.sum()
    assert predicted.out_axons == found.out_axons.sum()
    assert predicted.synapse_memory_bytes >= found.synapse_memory_bytes.sum()
    assert predicted.total_memory_bytes >= found.total_memory_bytes.sum()


def test_one_tile_per_core_is_counted_exactly() -> None:
    network = line()
    caps = limits(neurons=40)
    graph = apart(network, caps)
    assert graph.size("tile") == graph.cores
    found = core_usage(graph, caps)
    cores = {int(n): m for n, m in zip(found.neurons, found.in_axons, strict=True)}
    assert max(cores) <= 40
    by_tile = [d for _, tiles in demands(tile(stages(network), caps), caps) for d in tiles]
    assert sorted(d.in_axons for d in by_tile) == sorted(found.in_axons.tolist())
    assert sum(d.synapse_memory_bytes for d in by_tile) == found.synapse_memory_bytes.sum()


def test_soft_reset_on_two_compartments_halves_a_core() -> None:
    one = map_network(line(), limits(neurons=100))
    two = map_network(line(), limits(neurons=100, soft_reset_neurons=2))
    assert one["tile.neurons"].max() <= 100
    assert two["tile.neurons"].max() <= 50
    assert two.cores > one.cores


def test_unshared_kernels_need_more_memory() -> None:
    network = line(channels=8, size=12)
    shared, own = limits(), limits(shared_kernels=False)
    a = core_usage(map_network(network, shared), shared).synapse_memory_bytes.sum()
    b = core_usage(map_network(network, own), own).synapse_memory_bytes.sum()
    assert b > 2 * a


def test_several_chips_when_one_is_full() -> None:
    caps = limits(neurons=6, cores=7)
    graph = map_network(line(), caps)
    assert graph.chips == -(-graph.cores // 7)
    assert np.bincount(graph["core.chip"]).max() <= 7
