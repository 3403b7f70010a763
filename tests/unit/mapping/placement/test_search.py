"""Annealing and sweeps: optimal where all placements can be tried, never worse than the start."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meshes import hops, mesh, random_flows

from nmcompile.mapping.graph import Mesh
from nmcompile.mapping.placement.annealing import (
    LOG_BITS,
    LOG_SIZE,
    Annealing,
    anneal,
    cost,
    logarithms,
)
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.force import relaxed
from nmcompile.mapping.placement.links import link_loads
from nmcompile.mapping.placement.place import SPENT, build_effort, place, search
from nmcompile.mapping.placement.slots import CROSSING_HOPS, Slots
from nmcompile.mapping.placement.starts import snapped

THOROUGH = Annealing(20_000, (0.3, 0.3, 1.0), 4)


@pytest.mark.parametrize("seed", range(3))
def test_seven_cores_are_placed_optimally(seed: int) -> None:
    flows, slots = random_flows(7, 16, seed), mesh(4, 2)
    links, at = flows.neighbours(), slots.distances()
    table = np.array(list(permutations(range(8), 7)), np.int32)
    far = np.abs(at[table[:, flows.source]] - at[table[:, flows.target]]).sum(axis=2)
    optimum = int((far * flows.packets).sum(axis=1).min())
    found = anneal(flows, slots, np.arange(7, dtype=np.int32), THOROUGH, seed)
    assert cost(links, at, found) == optimum == hops(flows, slots, found)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 20), st.integers(1, 60), st.integers(0, 99))
def test_searches_only_improve_and_stay_legal(cores: int, count: int, seed: int) -> None:
    flows, slots = random_flows(cores, count, seed), mesh(5, 4)
    start = np.random.default_rng(seed).permutation(20)[:cores].astype(np.int32)
    before = hops(flows, slots, start)
    for found in (
        anneal(flows, slots, start, Annealing(500, (1.0,), 3), seed),
        relaxed(flows, slots, start),
        relaxed(flows, slots, start, radius=2),
    ):
        assert len(set(found.tolist())) == cores
        assert hops(flows, slots, found) <= before
        assert cost(flows.neighbours(), slots.distances(), found) == hops(flows, slots, found)


def test_a_sweep_ends_where_no_adjacent_swap_helps() -> None:
    flows, slots = random_flows(12, 40, 1), mesh(4, 3)
    found = relaxed(flows, slots, np.arange(12, dtype=np.int32))
    least = hops(flows, slots, found)
    for one in range(12):
        for two in range(12):
            a, b = found[one], found[two]
            if abs(slots.x[a] - slots.x[b]) + abs(slots.y[a] - slots.y[b]) == 1:
                swapped = found.copy()
                swapped[[one, two]] = b, a
                assert hops(flows, slots, swapped) >= least


def test_the_seed_decides_and_further_runs_only_help() -> None:
    flows, slots = random_flows(16, 60, 3), mesh(4, 4)
    start = np.arange(16, dtype=np.int32)
    costs = []
    for runs in (1, 2, 4):
        how = Annealing(2000, (0.5,) * runs, 4)
        found = [anneal(flows, slots, start, how, 7) for _ in range(2)]
        np.testing.assert_array_equal(*found)
        costs.append(hops(flows, slots, found[0]))
    assert costs == sorted(costs, reverse=True)


def test_without_traffic_the_start_stays() -> None:
    none = np.zeros(0, np.int64)
    start = np.array([2, 0, 1], np.int32)
    found = anneal(Flows(3, none, none, none), mesh(2, 2), start, THOROUGH, 0)
    np.testing.assert_array_equal(found, start)


def test_chip_borders_weigh_more_than_hops() -> None:
    # two chips of two routers in a row; cores 0-1 and 2-3 talk
    chip, x = np.array([0, 0, 1, 1], np.int32), np.array([0, 1, 0, 1], np.int32)
    none = np.zeros(4, np.int32)
    slots = Slots(Mesh(2, 2, 1, 1), chip, x, none, none)
    np.testing.assert_array_equal(slots.distances()[:, 0], [0, 1, 2 + CROSSING_HOPS, 11])
    flows = Flows(4, np.array([0, 2]), np.array([1, 3]), np.array([1, 1]))
    found = anneal(flows, slots, np.array([0, 2, 1, 3], np.int32), THOROUGH, 0)
    assert chip[found[0]] == chip[found[1]]
    assert chip[found[2]] == chip[found[3]]


def test_no_last_digit_decides_a_logarithm() -> None:
    """Far from halves: any machine rounds to the same table."""
    exact = -np.log((np.arange(LOG_SIZE) + 0.5) / LOG_SIZE) * 2**LOG_BITS
    assert np.abs(exact - np.floor(exact) - 0.5).min() > 1e-6
    np.testing.assert_array_equal(logarithms(), np.rint(exact))


def test_the_effort_of_a_build_grows_with_the_slots_up_to_a_limit() -> None:
    tries = [build_effort(slots).tries for slots in (2, 16, 128, 1024, 4096, 65_536)]
    assert tries == sorted(tries)
    assert tries[-1] == tries[-2] == 6_000_000
    few, many = (build_effort(65_536, each).tries for each in (20, 2000))
    assert few == tries[-1] > many > 0
    assert len(build_effort(64).heats) > len(build_effort(4096).heats) == 1


def test_a_renumbered_grid_is_found_from_the_graph_alone() -> None:
    side = 12
    number = np.random.default_rng(5).permutation(side * side).reshape(side, side)
    source = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    target = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    flows = Flows(side * side, source, target, np.full(len(source), 3))
    slots = mesh(side, side)
    found = search(flows, None, slots, 0, Annealing(1000, (0.1,), 2))
    assert hops(flows, slots, found) == 3 * len(source)


@pytest.mark.parametrize("heats", [(0.1,), (0.1, 0.5)])
def test_neither_bad_positions_nor_a_bad_embedding_decide(heats: tuple[float, ...]) -> None:
    side = 12
    number = np.arange(side * side).reshape(side, side)
    source = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    target = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    flows = Flows(side * side, source, target, np.full(len(source), 3))
    slots, how = mesh(side, side), Annealing(1000, heats, 2)
    true = np.stack([number.ravel() % side, number.ravel() // side], axis=1) / side
    wrong = np.random.default_rng(0).random(true.shape)
    assert hops(flows, slots, search(flows, wrong, slots, 0, how)) == 3 * len(source)
    assert hops(flows, slots, search(flows, true, slots, 0, how)) == 3 * len(source)


def test_image_positions_count_where_the_graph_alone_misleads() -> None:
    """Two grids that nothing joins: an embedding of the graph sees one of them at most."""
    side = 10
    number = np.arange(2 * side * side).reshape(2 * side, side)
    inner = (np.arange(2 * side - 1) + 1) % side != 0
    source = np.concatenate([number[:, :-1].ravel(), number[:-1][inner].ravel()])
    target = np.concatenate([number[:, 1:].ravel(), number[1:][inner].ravel()])
    order = np.random.default_rng(3).permutation(len(number.ravel()))
    flows = Flows(len(order), order[source], order[target], np.ones(len(source), np.int64))
    slots, how = mesh(side, 2 * side), Annealing(20_000, (0.1,), 2)
    centres = np.zeros((len(order), 2))
    centres[order] = np.stack([number.ravel() % side, number.ravel() // side], axis=1)
    assert hops(flows, slots, snapped(centres, slots)) == len(source)
    assert hops(flows, slots, search(flows, centres, slots, 0, how)) == len(source)
    assert hops(flows, slots, search(flows, None, slots, 0, how)) > len(source)


def test_a_build_evens_links_for_a_small_part_of_its_hops() -> None:
    flows, slots = random_flows(60, 240, 4), mesh(8, 8)
    plain = search(flows, None, slots, 0, build_effort(64))
    chosen = place(flows, None, slots, 0)
    assert hops(flows, slots, chosen) <= hops(flows, slots, plain) * (1 + 1 / SPENT)
    squares = [int((link_loads(flows, slots, p) ** 2).sum()) for p in (plain, chosen)]
    assert squares[1] < squares[0]
