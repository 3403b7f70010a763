"""Spare cores go where the work is."""

from __future__ import annotations

import numpy as np
import pytest
from support.mapping import limits, line
from support.nets import stimulus_for

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.mapping.balance import loads, spread, tile_counts, work_of
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import tile
from nmcompile.mapping.utilisation import utilisation
from nmcompile.reference.integer import IntegerRunner

NETWORK = line(size=16, channels=8)
STIMULUS = stimulus_for(NETWORK, np.random.default_rng(1))
TRACE = IntegerRunner(NETWORK).run(STIMULUS, record=True)
TRAFFIC = {**TRACE.counts, "input": STIMULUS.sum(axis=0)}
CAPS = limits(cores=64, router_columns=8, router_rows=4)


@pytest.mark.parametrize("budget", [6, 10, 30])
def test_the_budget_is_kept_and_used(budget: int) -> None:
    graph = map_network(NETWORK, CAPS, TRAFFIC, cores=budget)
    fewest = map_network(NETWORK, CAPS, TRAFFIC)
    assert fewest.cores < graph.cores <= budget
    for row in utilisation(graph, CAPS):
        assert row.fits, row


def test_the_busiest_core_has_less_to_do() -> None:
    busiest = []
    for budget in (None, 8, 32):
        graph = map_network(NETWORK, CAPS, TRAFFIC, cores=budget)
        counters = LoihiEngine(graph).run(STIMULUS).counters
        assert counters.cores is not None
        assert counters.layers == TRACE.counters.layers
        busiest.append(int(counters.cores.sops.max(axis=1).sum()))
    assert busiest[0] > 1.5 * busiest[1] > 2.25 * busiest[2]


def test_a_budget_below_the_fewest_changes_nothing() -> None:
    small = limits(neurons=60)
    assert map_network(NETWORK, small, cores=1).digest == map_network(NETWORK, small).digest


def test_work_is_the_measured_number_of_accesses() -> None:
    network = stages(NETWORK)
    for population, layer in zip(network.populations, TRACE.counters.layers, strict=True):
        work = work_of(population, network, TRAFFIC) - 4 * layer.neuron_updates
        weights = population.projections[0].weight.data
        # The counters leave out zero weights, of which there are few.
        assert layer.sops <= work <= layer.sops / (0.9 * np.mean(weights != 0))


@pytest.mark.parametrize("budget", [6, 10, 30])
def test_tiles_share_out_the_work_of_their_layer(budget: int) -> None:
    network = stages(NETWORK)
    tiling = tile(network, CAPS, tile_counts(tile(network, CAPS), TRAFFIC, budget))
    work = loads(tiling, TRAFFIC)
    first = 0
    for population, (_, grid) in zip(network.populations, tiling.grids, strict=True):
        own = work[first : first + grid.tiles]
        first += grid.tiles
        assert own.min() > 0
        # Every tile's work is rounded up.
        assert 0 <= own.sum() - work_of(population, network, TRAFFIC) <= grid.tiles


def test_no_core_is_much_busier_than_the_mean() -> None:
    packing = spread(tile(stages(NETWORK), CAPS), CAPS, TRAFFIC, 12)
    assert packing is not None
    work = np.bincount(packing.core, weights=loads(packing.tiling, TRAFFIC), minlength=12)
    assert work.max() < 1.1 * work.mean()


def test_too_few_cores_are_no_spread() -> None:
    small = limits(neurons=60)
    assert spread(tile(stages(NETWORK), small), small, TRAFFIC, 3) is None


def test_silent_layers_keep_their_fewest_tiles() -> None:
    network = stages(NETWORK)
    smallest = tile(network, CAPS)
    quiet = {name: np.zeros_like(spikes) for name, spikes in TRAFFIC.items()}
    quiet["n0"] = TRAFFIC["n0"] * 1000
    counts = tile_counts(smallest, quiet, 20)
    assert counts["n0"] == 2
    assert counts["n1"] >= 15
