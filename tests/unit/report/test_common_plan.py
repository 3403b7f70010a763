"""Plans of several networks as one: every core keeps its figures."""

from __future__ import annotations

import numpy as np
import pytest
from support.large_report import chip_of_many, many_networks

from nmcompile.report.common_plan import common_plan
from nmcompile.report.floorplan import core_link_load

COLUMNS = ("neurons", "axons", "sops", "packets", "spikes")


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_every_core_keeps_its_figures(report, count):
    networks = many_networks(report, count).mapping.networks
    plan = common_plan(networks)
    assert len(set(zip(plan.x, plan.y, strict=True))) == 64 * count
    assert max(plan.x) < plan.columns
    assert max(plan.y) < plan.rows
    cores = iter(range(64 * count))
    loads = core_link_load(plan)
    for network in networks:
        own, own_loads = network.floor_plan, core_link_load(network.floor_plan)
        for core in range(64):
            at = next(cores)
            assert [getattr(plan, c)[at] for c in COLUMNS] == [
                getattr(own, c)[core] for c in COLUMNS
            ]
            assert plan.layers[plan.held[at]] == f"{own.layers[own.held[core]]} ({network.network})"
            assert plan.x[at] % 8 == own.x[core] % 8
            assert plan.y[at] % 8 == own.y[core] % 8
            assert loads[at] == own_loads[core]
            assert [u.used[at] for u in plan.uses] == [u.used[core] for u in own.uses]


def test_chips_of_a_network_keep_their_numbers(report):
    """A network's own mesh of chips may be of any width."""
    first, second = many_networks(report, 2).mapping.networks
    tall = chip_of_many(1, 0)
    tall = tall.model_copy(
        update={
            "rows": 16,
            "y": tuple(y + 8 for y in tall.y),  # chip 1 of a column
            "link_load": (*[0] * 64, *tall.link_load),
        }
    )
    plan = common_plan((first, second.model_copy(update={"floor_plan": tall})))
    assert plan.columns == 16
    assert np.array_equal(np.asarray(plan.x[64:]) // 8, np.ones(64))
    assert core_link_load(plan)[64:] == core_link_load(tall)


def test_networks_that_take_turns_have_no_common_plan(report):
    first, second = many_networks(report, 2).mapping.networks
    again = second.model_copy(update={"floor_plan": first.floor_plan})
    assert common_plan((first, again)) is None
    assert common_plan((first, second.model_copy(update={"floor_plan": None}))) is None
    assert common_plan(()) is None


def test_other_limits_have_no_common_plan(report):
    first, second = many_networks(report, 2).mapping.networks
    fewer = second.floor_plan.model_copy(update={"uses": second.floor_plan.uses[:1]})
    assert common_plan((first, second.model_copy(update={"floor_plan": fewer}))) is None
