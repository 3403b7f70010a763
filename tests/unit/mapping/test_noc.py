"""The network on chip on patterns with known answers, and against a model in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.noc import mesh_ways, slow_drain

from nmcompile.mapping.noc.drain import Drains, drain
from nmcompile.mapping.noc.ways import LinkCycles, Ways

PORTS = 2
"""Cycles of a way beside its hops: out of a core, into a core."""


def drained(ways: Ways, packets: list[int]) -> Drains:
    return drain(ways, np.array([packets], np.int64))


def cycles(ways: Ways, packets: list[int]) -> int:
    return int(drained(ways, packets).cycles[0])


@pytest.mark.parametrize("hop", [1, 5])
def test_one_neighbour_takes_its_way_and_one_cycle_more_for_every_further_packet(hop: int) -> None:
    ways = mesh_ways(2, 1, [(0, 1)], LinkCycles(hop=hop))
    assert cycles(ways, [1]) == PORTS + hop
    found = drained(ways, [9])
    assert found.cycles[0] == found.bound[0] == PORTS + hop + 8
    assert found.waited[0] == 0
    assert found.load.tolist() == [9, 9, 9]


def test_all_to_one_is_limited_by_the_port_into_the_core() -> None:
    others = [(source, 0) for source in range(1, 36)]
    found = drained(mesh_ways(6, 6, others), [3] * 35)
    # The neighbours' packets arrive first, after one hop; from then on one arrives every cycle.
    assert found.cycles[0] == found.bound[0] == 3 * 35 - 1 + PORTS + 1
    assert found.load_max.max() == 3 * 35
    assert found.queue_max.max() > 3


def test_transpose_is_limited_by_the_links_beside_the_diagonal() -> None:
    side = 5
    pairs = [(y * side + x, x * side + y) for y in range(side) for x in range(side) if x != y]
    ways = mesh_ways(side, side, pairs)
    found = drained(ways, [1] * len(pairs))
    # Row by row, side - 1 packets turn at the diagonal; x first, all come from one side each.
    assert found.load_max[ways.in_mesh].max() == side - 1
    assert found.cycles[0] >= found.bound[0] == 2 * (side - 1) + PORTS


def test_a_permutation_whose_ways_share_no_link_takes_the_longest_way() -> None:
    shifted = [(y * 6 + x, y * 6 + x + 1) for y in range(4) for x in range(5)]
    found = drained(mesh_ways(6, 4, shifted), [4] * len(shifted))
    assert found.cycles[0] == found.bound[0] == PORTS + 1 + 3
    assert found.waited[0] == 0


def test_uniform_random_traffic_is_close_to_the_bound_at_low_load() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 64, (2, 40))
    pairs = sorted(set(zip(source.tolist(), target.tolist(), strict=True)))
    found = drained(mesh_ways(8, 8, pairs), [1] * len(pairs))
    assert found.bound[0] <= found.cycles[0] <= 1.25 * found.bound[0]


def test_cores_that_share_a_link_share_its_time() -> None:
    found = drained(mesh_ways(3, 1, [(0, 2), (1, 2)]), [10, 10])
    assert found.cycles[0] == found.bound[0] == 1 + 20 + 1  # 1 -> 2 is busy from the first cycle
    assert found.waited[0] > 0


def test_a_core_serves_its_destinations_in_turn() -> None:
    ways = mesh_ways(5, 1, [(2, 0), (2, 4)])
    # The way out is shared, the ways apart: one packet of each in turn, so both end together.
    assert cycles(ways, [8, 8]) == 16 - 1 + PORTS + 2
    assert drained(ways, [8, 8]).queue_max.max() == 0


def test_links_between_chips_take_longer() -> None:
    pairs = [(0, 3)]
    crossing = np.zeros(4 * 4, np.bool_)
    crossing[1 * 4] = True  # from router 1 eastwards
    found = drained(mesh_ways(4, 1, pairs, LinkCycles(crossing=10), crossing), [5])
    assert found.cycles[0] == found.bound[0] == PORTS + 3 + 4 * 10


def test_packets_of_the_host_and_of_the_own_core_meet_at_its_port_only() -> None:
    ways = mesh_ways(2, 1, [(-1, 1), (0, 1), (1, 1)])
    found = drained(ways, [4, 4, 4])
    assert found.load_max[ways.number == ways.mesh + 2 + 1].tolist() == [12]
    assert found.cycles[0] == found.bound[0] == 1 + 12


def test_silence_takes_no_time() -> None:
    found = drain(mesh_ways(2, 2, [(0, 3)]), np.zeros((3, 1), np.int64))
    assert found.cycles.tolist() == found.bound.tolist() == [0, 0, 0]
    assert not drain(mesh_ways(2, 2, []), np.zeros((1, 0), np.int64)).cycles.any()


def test_packets_of_other_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs of cores"):
        drain(mesh_ways(2, 2, [(0, 3)]), np.zeros((3, 2), np.int64))


@st.composite
def traffic(draw: st.DrawFn) -> tuple[Ways, list[int]]:
    columns, rows = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    cores = columns * rows
    core = st.integers(0, cores - 1)
    pairs = draw(st.sets(st.tuples(st.integers(-1, cores - 1), core), min_size=1, max_size=20))
    cycles = LinkCycles(draw(st.integers(1, 4)), draw(st.integers(1, 6)))
    crossing = np.array(draw(st.lists(st.booleans(), min_size=4 * cores, max_size=4 * cores)))
    ways = mesh_ways(columns, rows, sorted(pairs), cycles, crossing)
    counts = st.lists(st.integers(0, 12), min_size=len(pairs), max_size=len(pairs))
    return ways, draw(counts)


@settings(max_examples=60, deadline=None)
@given(traffic())
def test_equal_to_plain_python_and_never_below_the_bound(case: tuple[Ways, list[int]]) -> None:
    ways, packets = case
    found = drained(ways, packets)
    end, waited, load = slow_drain(ways, packets)
    assert (found.cycles[0], found.waited[0]) == (end, waited)
    # every packet passes every link of its way once
    assert found.load.tolist() == [load[link] for link in range(len(ways.number))]
    lengths = np.diff(ways.way0)
    assert found.load.sum() == (np.array(packets) * lengths).sum()
    longest = max((int(n) for n, k in zip(lengths, packets, strict=True) if k), default=0)
    assert found.cycles[0] >= found.bound[0] >= max(found.load.max(), longest)
