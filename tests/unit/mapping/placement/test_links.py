"""Loads of links, and swaps that even them out; the metrics of Jin et al."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meshes import hops, mesh, random_flows

from nmcompile.mapping.jin2023 import jin2023
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
@given(st.integers(2, 16), st.integers(1, 60), st.integers(0, 99))
def test_loads_add_up_to_hops_and_evening_lowers_the_sum(n: int, count: int, seed: int) -> None:
    flows, slots = random_flows(n, count, seed), mesh(4, 4)
    start = np.random.default_rng(seed).permutation(16)[:n].astype(np.int32)
    before = link_loads(flows, slots, start)
    assert before.sum() == hops(flows, slots, start)
    weight = 1.0
    found = evened(flows, slots, start, 300, weight, seed)
    assert len(set(found.tolist())) == n
    after = link_loads(flows, slots, found)
    assert after.sum() == hops(flows, slots, found)
    share = round(weight * 2**16 / before[before > 0].mean())
    totals = [(int(x.sum()) << 16) + int((x**2).sum()) * share for x in (before, after)]
    assert totals[1] <= totals[0]
    np.testing.assert_array_equal(found, evened(flows, slots, start, 300, weight, seed))


def test_a_straight_way_costs_what_jin_says() -> None:
    flows, place = one_flow(0, 1, 3, 1, packets=2)
    found = jin2023(flows, mesh(4, 3), place)
    assert found.energy == 2 * (4 * 1 + 3 * 0.1)
    assert found.average_latency == found.max_latency == 4 * 1 + 3 * 0.01
    # both packets through four of twelve routers, none of them left out
    assert found.max_congestion == 2
    assert found.average_congestion == 8 / 12


def test_ways_split_evenly() -> None:
    flows, place = one_flow(0, 0, 2, 2, packets=8)
    found = jin2023(flows, mesh(4, 3), place)
    assert found.max_congestion == 8
    crossing = Flows(4, np.array([0, 2]), np.array([1, 3]), np.array([8, 8]))
    place = np.array([0, 10, 8, 2], np.int32)
    # a quarter of one passes where all of the other begins
    assert jin2023(crossing, mesh(4, 3), place).max_congestion == 8 + 2


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 16), st.integers(1, 40), st.integers(0, 99))
def test_every_stop_counts_once(n: int, count: int, seed: int) -> None:
    flows, slots = random_flows(n, count, seed), mesh(4, 4)
    place = np.random.default_rng(seed).permutation(16)[:n].astype(np.int32)
    found = jin2023(flows, slots, place)
    stops = hops(flows, slots, place) + int(flows.packets.sum())
    assert np.isclose(found.average_congestion * 16, stops)
    assert np.isclose(found.energy, stops + 0.1 * hops(flows, slots, place))
