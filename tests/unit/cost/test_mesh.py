"""The mesh beside the cores, by hand: timesteps whose busiest cores take 130 and 320 ns."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nmcompile.cost.mesh import LinkTime, link_times, mesh_timing
from nmcompile.cost.timing import busiest_core
from nmcompile.target import load_target
from nmcompile.units import Quantity

UNKNOWN = LinkTime("links", Quantity(None, "s", "unknown"), 1)


def link(cycle_s: float) -> LinkTime:
    return LinkTime("links", Quantity(cycle_s, "s", "published"), 1)


def test_the_mesh_decides_where_it_is_later_than_the_busiest_core(sample, rates):
    table = rates.time
    core = busiest_core(sample.cores, table)
    cycles = np.array([10, 1000])
    found = mesh_timing([sample], [cycles], link(1e-9), table, 1)
    barrier, least = table.barrier.value, table.step_min.value
    without = np.maximum(core + barrier, least)
    assert found.decides == 1
    assert found.slowest == pytest.approx(1e-6)
    assert found.without == pytest.approx(without.sum())
    assert found.together == pytest.approx(without[0] + 1e-6 + barrier)
    assert found.enough == pytest.approx(min((without - barrier) / cycles))


def test_with_the_longest_cycle_that_is_enough_it_decides_nothing(sample, rates):
    cycles = [np.array([17, 55])]
    enough = mesh_timing([sample], cycles, UNKNOWN, rates.time, 1).enough
    assert enough
    assert mesh_timing([sample], cycles, link(enough * 0.999), rates.time, 1).decides == 0
    assert mesh_timing([sample], cycles, link(enough * 1.001), rates.time, 1).decides == 1


def test_an_unknown_cycle_has_no_seconds(sample, rates):
    found = mesh_timing([sample], [np.array([3, 4])], UNKNOWN, rates.time, 1)
    assert (found.slowest, found.decides, found.together) == (None, None, None)
    assert found.without > 0 and found.enough


def test_a_clock_waits_for_nobody(sample, rates):
    table = dataclasses.replace(rates.time, clocked=True)
    least = table.step_min.value
    found = mesh_timing([sample], [np.array([1, 2])], link(least), table, 1)
    assert found.together is None
    assert found.decides == 2  # not even one packet gets through beside the barrier
    assert mesh_timing([sample], [np.array([0, 0])], link(least), table, 1).enough is None


def test_links_of_the_targets():
    fast, slow = link_times(load_target("loihi1"))
    assert fast.hop * fast.cycle.value == pytest.approx(6.5e-9, rel=0.02)
    assert 1 / fast.cycle.value == pytest.approx(3.44e9, rel=1e-3)
    assert (slow.hop, slow.cycle.value) == (1, pytest.approx(6.5e-9))
    for name in ("truenorth", "tianjic"):
        (only,) = link_times(load_target(name))
        assert not only.cycle.known and only.hop == 1
    chip = load_target("loihi1")
    silent = chip.model_copy(update={"time": chip.time.model_copy(update={"link_packet": None})})
    assert link_times(silent) == (slow,)
