"""Limits and rows of layers, counted in the tables of mapped networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.fcore_nets import chip, matched, two_layers

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.planning import planned, readable, room_of
from nmcompile.backends.tianjic.mapping.problems import largest_partial_sum
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.mapping.tiling import Tiler
from nmcompile.backends.tianjic.usage import layer_rows, memory_bytes, partial_sum_bounds, usage
from nmcompile.mapping.fcore_weights import held_weights

SMALL = chip(24, 12)


@pytest.mark.parametrize("kind", ["unfolded", "semi-folded", "folded"])
def test_every_limit_holds(kind: Any) -> None:
    graph = map_network(two_layers(), SMALL, schedule=Schedule(kind))
    rows = {row.limit: row for row in usage(graph, SMALL)}
    assert all(row.fits for row in rows.values())
    assert (rows["core.axons"].allowed, rows["core.neurons"].allowed) == (24, 12)
    for name in ("axons", "neurons"):
        cores = rows[f"core.{name}"].cores
        assert cores is not None and cores.max() == rows[f"core.{name}"].used
    assert rows["formats.weight_bits"].used == np.abs(held_weights(graph).astype(int)).max()
    assert rows["core.weight_indices"].used == 25 == len(np.unique(held_weights(graph)))
    assert rows["chip.cores"].used == graph.cores
    assert rows["formats.partial_sum_bits"].used > 0


@pytest.mark.parametrize("network", [two_layers(), matched(words=2)])
def test_bounds_of_tables_and_of_the_plan_are_the_same(network: Any) -> None:
    schedule = Schedule("semi-folded")
    split = readable(network, SMALL)
    plan = planned(split, SMALL, schedule, Tiler(room_of(SMALL)))
    graph = map_network(network, SMALL, schedule=schedule)
    bounds = partial_sum_bounds(graph)
    for index, tiled in enumerate(plan.layers):
        mine = graph["core.population"] == index
        wanted = largest_partial_sum(tiled, split, SMALL)
        assert int(bounds[mine].max(initial=0)) == wanted


def test_rows_of_layers_add_up() -> None:
    graph = map_network(two_layers(), SMALL, schedule=Schedule("folded"))
    rows = layer_rows(graph)
    assert [row["layer"] for row in rows] == ["conv1", "conv2"]
    assert [row["steps"] for row in rows] == ["9x7", "4x5"]
    assert sum(row["cores"] for row in rows if isinstance(row["cores"], int)) == graph.cores


def test_folded_membranes_are_charged() -> None:
    """conv2 keeps 4 x 5 membranes of every channel, wherever its sums are made."""
    graph = map_network(two_layers(), chip(), schedule=Schedule("folded"))
    second = graph["core.population"] == 1
    assert graph["core.axons"][second].tolist() == [54]
    assert memory_bytes(graph)[second].tolist() == [54 * 8 * 5 // 8 + 32 + 8 * 4 * 5 * 4]
    plain = map_network(two_layers(), chip(forms=("values",)), schedule=Schedule("folded"))
    assert memory_bytes(plain)[second].tolist() == [54 * 8 + 8 * 4 * 5 * 4]
