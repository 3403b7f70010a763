"""Starts: every core a slot of its own, smooth vectors that are smooth."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meshes import mesh, random_flows

from nmcompile.mapping.placement.baselines import BASELINES, hilbert_index
from nmcompile.mapping.placement.embedding import averaged, distances, smooth
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.starts import embedded, snapped


def path(cores: int) -> Flows:
    return Flows(cores, np.arange(cores - 1), np.arange(1, cores), np.full(cores - 1, 2))


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 30), st.integers(1, 50), st.integers(0, 9))
def test_every_start_gives_each_core_its_own_slot(cores: int, count: int, seed: int) -> None:
    flows, slots = random_flows(cores, count, seed), mesh(6, 5)
    centres = np.random.default_rng(seed).random((cores, 2))
    for found in (
        snapped(centres, slots),
        embedded(flows, slots),
        *(baseline(flows, slots) for baseline in BASELINES.values()),
    ):
        assert len(set(found.tolist())) == cores
        assert set(found.tolist()) <= set(range(30))


def test_the_smoothest_vector_of_a_path_runs_along_it() -> None:
    one, two = smooth(path(40).neighbours()).T
    assert (np.diff(one) > 0).all() or (np.diff(one) < 0).all()
    # the second one turns once: cosines of one and two half waves
    turns = np.diff(np.sign(np.diff(two)))
    assert np.count_nonzero(turns) == 1


def test_distances_of_a_path_are_its_positions() -> None:
    along = distances(path(9).neighbours())[:, 0]
    np.testing.assert_array_equal(np.abs(np.diff(along)), np.full(8, 2))


def test_averages_stay_within_their_neighbours() -> None:
    links = path(5).neighbours()
    found = averaged(links, np.array([[0.0, 1], [4, 1], [0, 1], [4, 1], [0, 1]]), 1)
    np.testing.assert_allclose(found[:, 0], [2, 2, 2, 2, 2])
    np.testing.assert_allclose(found[:, 1], 1)


def test_the_hilbert_curve_visits_all_routers_step_by_step() -> None:
    for side in (2, 4, 8, 16):
        row, column = np.divmod(np.arange(side * side, dtype=np.int32), side)
        index = hilbert_index(column, row, side)
        order = np.argsort(index)
        np.testing.assert_array_equal(np.sort(index), np.arange(side * side))
        steps = np.abs(np.diff(column[order])) + np.abs(np.diff(row[order]))
        assert (steps == 1).all()
