"""Spare cores go where the work is."""

from __future__ import annotations

import numpy as np
import pytest
from support.mapping import limits, line
from support.nets import stimulus_for

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.mapping.balance import tile_counts, work_of
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import tile
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
    assert graph.size("tile") == graph.cores


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


def test_silent_layers_keep_their_fewest_tiles() -> None:
    network = stages(NETWORK)
    smallest = tile(network, CAPS)
    quiet = {name: np.zeros_like(spikes) for name, spikes in TRAFFIC.items()}
    quiet["n0"] = TRAFFIC["n0"] * 1000
    counts = tile_counts(smallest, quiet, 20)
    assert counts["n0"] == 2
    assert counts["n1"] >= 15
