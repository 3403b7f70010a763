"""A chip with a clock: warnings where a tick holds more than was ever measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.crossbars_by_hand import crossbars_by_hand

from nmcompile.build.clock import clock_concerns
from nmcompile.ir.counters import CoreCounters
from nmcompile.target import load_target

CHIP = load_target("truenorth")
PEAK = 1e-3 / 17.24e-12
"""Synaptic operations of one chip in a tick of 1 ms at the highest rate that was measured."""
EDGES = 160_000
"""Packets over a chip's edges in a tick."""
TICKS = 7


def counted(sops: list[int], **changes: int) -> CoreCounters:
    """Operations of the three cores in one tick, nothing in the others."""
    table = np.zeros((TICKS, 3), np.int64)
    table[2] = sops
    none = np.zeros((TICKS, 3), np.int64)
    made = CoreCounters(
        *(table, 0, none, np.array([3, 2, 1]), none, 0, 0, 0, 0, 0, 0, np.zeros(TICKS, np.int64)),
        spikes=np.zeros(3, np.int64),
        link_loads=np.zeros((1, 3, 4), np.int64),
    )
    return dataclasses.replace(made, **changes)


@pytest.mark.parametrize(
    ("sops", "warned"),
    [
        ([int(PEAK) // 2, int(PEAK) // 2, 0], False),
        ([int(PEAK) // 2 + 9, int(PEAK) // 2 + 9, 0], True),  # both on the first chip
        ([int(PEAK) // 2 + 9, 0, int(PEAK) // 2 + 9], False),  # on one chip each
    ],
)
def test_the_busiest_tick_of_the_busiest_chip_counts(sops: list[int], warned: bool) -> None:
    found = clock_concerns(crossbars_by_hand(), (counted([1, 1, 1]), counted(sops)), CHIP)
    assert [d.code for d in found] == ["NM0327"] * warned
    if warned:
        assert found[0].severity == "warning"
        assert found[0].limit.startswith("58,004,640 a tick of 1 ms [akopyan2015")
        assert found[0].found == f"{sum(sops):,}"


def test_packets_over_edges_are_a_mean_over_ticks_and_chips() -> None:
    most = EDGES * TICKS * 2
    graph = crossbars_by_hand()
    assert clock_concerns(graph, (counted([0, 0, 0], host_packets=most),), CHIP) == []
    over = counted([0, 0, 0], host_packets=most, chip_crossings=20)
    (found,) = clock_concerns(graph, (over,), CHIP)
    assert "packets over its edges" in found.message


def test_chips_that_wait_have_no_such_limit() -> None:
    busy = (counted([2 * int(PEAK), 0, 0]),)
    assert clock_concerns(crossbars_by_hand(), busy, load_target("loihi2")) == []
