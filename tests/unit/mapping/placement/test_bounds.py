"""Lower bounds: below every placement, and known values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.meshes import hops, mesh, random_flows

from nmcompile.mapping.placement.bounds import (
    degree_bound,
    gilmore_lawler,
    heaviest_first,
    hop_bound,
)
from nmcompile.mapping.placement.flows import Flows

ROOT = Path(__file__).resolve().parents[4]
NUG30 = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared/data")) / "qaplib/nug30.dat"


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 15), st.integers(1, 60), st.integers(0, 999))
def test_no_placement_is_below_the_bounds(cores: int, count: int, seed: int) -> None:
    flows, slots = random_flows(cores, count, seed), mesh(5, 3)
    partners = heaviest_first(flows)
    degree, exact = degree_bound(partners, 1), gilmore_lawler(partners, slots)
    assert 0 < degree <= exact == hop_bound(flows, slots)
    rng = np.random.default_rng(seed)
    for _ in range(5):
        assert exact <= hops(flows, slots, rng.permutation(15)[:cores])


def test_a_chain_is_bounded_by_one_hop_per_packet() -> None:
    flows = Flows(5, np.arange(4), np.arange(1, 5), np.array([3, 1, 4, 1]))
    assert hop_bound(flows, mesh(5, 1)) == 9


def test_a_star_needs_longer_ways_than_its_neighbours() -> None:
    flows = Flows(6, np.zeros(5, np.int64), np.arange(1, 6), np.full(5, 2))
    # four partners at one hop, the fifth at two; each partner alone at one: (2 * 6 + 10) / 2
    assert degree_bound(heaviest_first(flows), 1) == 11
    assert degree_bound(heaviest_first(flows), 4) == 2


def test_no_traffic_no_bound() -> None:
    none = np.zeros(0, np.int64)
    assert hop_bound(Flows(3, none, none, none), mesh(2, 2)) == 0


@pytest.mark.data
@pytest.mark.skipif(not NUG30.is_file(), reason="needs QAPLIB's nug30")
def test_nug30_has_its_published_bound() -> None:
    numbers = [int(word) for word in NUG30.read_text().split()]
    flow = np.array(numbers[1 + 900 :]).reshape(30, 30)
    source, target = np.nonzero(flow)
    bound = hop_bound(Flows(30, source, target, flow[source, target]), mesh(6, 5))
    assert bound == 4539
