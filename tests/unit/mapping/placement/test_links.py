"""Loads of links, and swaps that even them out."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meshes import hops, mesh, random_flows

from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.links import evened, link_loads

EAST, WEST, NORTH, SOUTH = range(4)


def one_flow(x0: int, y0: int, x1: int, y1: int, packets: int = 5) -> tuple[Flows, np.ndarray]:
    place = np.array([y0 * 4 + x0, y1 * 4 + x1], np.int32)
    return Flows(2, np.array([0]), np.array([1]), np.array([packets])), place


def test_packets_go_along_x_first() -> None:
    loads = link_loads(*(one_flow(0, 0, 2, 1)[0], mesh(4, 3), one_flow(0, 0, 2, 1)[1]))
    wanted = {(0, 0, EAST), (1, 0, EAST), (2, 0, SOUTH)}
    assert {tuple(at) for at in np.argwhere(loads).tolist()} == wanted
    flows, place = one_flow(3, 2, 1, 0)
    loads = link_loads(flows, mesh(4, 3), place)
    wanted = {(3, 2, WEST), (2, 2, WEST), (1, 2, NORTH), (1, 1, NORTH)}
    assert {tuple(at) for at in np.argwhere(loads).tolist()} == wanted
    assert set(loads[loads > 0].tolist()) == {5}


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 16), st.integers(1, 60), st.integers(0, 99), st.integers(0, 40))
def test_evening_lowers_the_squares_and_spends_no_more_than_allowed(
    n: int, count: int, seed: int, spend: int
) -> None:
    flows, slots = random_flows(n, count, seed), mesh(4, 4)
    start = np.random.default_rng(seed).permutation(16)[:n].astype(np.int32)
    before = link_loads(flows, slots, start)
    assert before.sum() == hops(flows, slots, start)
    found = evened(flows, slots, start, 300, spend, seed)
    assert len(set(found.tolist())) == n
    after = link_loads(flows, slots, found)
    assert after.sum() == hops(flows, slots, found) <= before.sum() + spend
    assert (after**2).sum() <= (before**2).sum()
    np.testing.assert_array_equal(found, evened(flows, slots, start, 300, spend, seed))


def test_two_flows_that_share_a_link_are_pulled_apart() -> None:
    """0 -> 2 and 1 -> 3 on a row of four both use the link in the middle."""
    flows = Flows(4, np.array([0, 1]), np.array([2, 3]), np.array([5, 5]))
    start = np.array([0, 1, 2, 3], np.int32)
    slots = mesh(4, 1)
    for spend in (0, 10):
        found = evened(flows, slots, start, 500, spend, 0)
        assert hops(flows, slots, found) <= hops(flows, slots, start) + spend
        assert link_loads(flows, slots, found).max() == 5
