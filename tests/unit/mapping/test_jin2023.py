"""The metrics of Jin et al. 2023: numbers by hand, and what must hold for any placement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import limits, line
from support.meshes import hops, mesh, random_flows

from nmcompile.mapping.jin2023 import Costs, jin2023
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.metrics import jin2023_metrics, placement_metrics
from nmcompile.mapping.placement.flows import Flows


def one_flow(start: int, end: int, packets: int) -> tuple[Flows, np.ndarray]:
    """Packets from a slot to another."""
    return Flows(2, np.array([0]), np.array([1]), np.array([packets])), np.array([start, end])


def test_four_cores_by_hand() -> None:
    """A 2 x 2 mesh: four packets across it (three stops, two wires), two to a neighbour."""
    flows = Flows(4, np.array([0, 1]), np.array([3, 0]), np.array([4, 2]))
    found = jin2023(flows, mesh(2, 2), np.arange(4, dtype=np.int32))
    assert found.energy == pytest.approx(4 * (3 + 2 * 0.1) + 2 * (2 + 0.1))  # 17
    assert found.average_latency == pytest.approx((4 * 3.02 + 2 * 2.01) / 6)
    assert found.max_latency == pytest.approx(3.02)
    # visits: 4 + 2 where both are, 2 + 2 beside it (half of the four turns there), 2, 4
    assert found.max_congestion == 6
    assert found.average_congestion == (6 + 4 + 2 + 4) / 4


def test_other_costs_count() -> None:
    flows = Flows(2, np.array([0]), np.array([1]), np.array([3]))
    found = jin2023(flows, mesh(2, 1), np.array([0, 1], np.int32), Costs(2.0, 5.0, 3.0, 7.0))
    assert found.energy == 3 * (2 * 2 + 5)
    assert found.max_latency == found.average_latency == 2 * 3 + 7


def test_a_placed_graph_counts_packets_between_cores() -> None:
    graph = map_network(line(size=12), limits(neurons=30, cores=10))
    metrics, found = placement_metrics(graph), jin2023_metrics(graph)
    assert found.energy == pytest.approx(metrics.packets + 1.1 * metrics.hops)
    latency = (metrics.packets + 1.01 * metrics.hops) / metrics.packets
    assert found.average_latency == pytest.approx(latency)


def test_a_straight_way_costs_what_jin_says() -> None:
    flows, place = one_flow(4, 7, packets=2)
    found = jin2023(flows, mesh(4, 3), place)
    assert found.energy == 2 * (4 * 1 + 3 * 0.1)
    assert found.average_latency == found.max_latency == 4 * 1 + 3 * 0.01
    # both packets through four of twelve routers, none of them left out
    assert found.max_congestion == 2
    assert found.average_congestion == 8 / 12


def test_ways_split_evenly() -> None:
    flows, place = one_flow(0, 10, packets=8)
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
