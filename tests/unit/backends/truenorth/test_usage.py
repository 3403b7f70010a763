"""Limits, copies and relays of crossbar cores, counted in a graph made by hand."""

from __future__ import annotations

import pytest
from support.crossbars_by_hand import crossbars_by_hand

from nmcompile.backends.registry import backend_named
from nmcompile.diagnostics import NmError
from nmcompile.mapping.graph import Helpers
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.target import load_target

CHIP = load_target("truenorth")
BACKEND = backend_named("truenorth")


def test_every_limit_says_how_full_and_where() -> None:
    crossbars_by_hand().validate()
    rows = {row.limit: row for row in BACKEND.usage(crossbars_by_hand(), CHIP)}
    found = {limit: (row.used, row.allowed) for limit, row in rows.items()}
    assert found == {
        "core.axons": (3, 256),
        "core.neurons": (3, 256),
        "core.axon_types": (3, 4),
        "formats.weight_bits": (7, 255),
        "formats.threshold_bits": (9, 2**18 - 1),
        "formats.leak_bits": (40, 255),
        "formats.delay_ticks_max": (6, 15),
        "chip.cores": (2, 4096),
        "chip.chips_max": (2, 16),
        "routing.reach_cores": (66, 255),
    }
    assert rows["core.axons"].where == "core 2 (b); mean of all cores 1%"
    assert rows["core.neurons"].where.startswith("core 0 (a)")
    assert rows["formats.leak_bits"].where == "core 1 (relays of a)"
    assert rows["formats.delay_ticks_max"].where == "core 1 (relays of a)"
    assert rows["routing.reach_cores"].where == "core 0 to core 2"
    assert all(row.source == CHIP.cite(row.limit) for row in rows.values())


def test_copies_and_relays_belong_to_the_layer_whose_spikes_they_carry() -> None:
    mapped = crossbars_by_hand()
    assert mapped.helpers() == (Helpers(copies=1, relays=2, relay_cores=1), Helpers())
    assert mapped.relayed().tolist() == [-1, 0, -1]
    assert BACKEND.layer_rows(mapped, CHIP) == (
        {"layer": "a", "box": "1x1x2", "cores": 1, "copies": 1, "relay_cores": 1},
        {"layer": "b", "box": "1x1x1", "cores": 1, "copies": 0, "relay_cores": 0},
    )


def test_the_host_rewrites_every_physical_neuron_and_every_scheduler() -> None:
    assert crossbars_by_hand().reset_writes() == (("membrane_writes", 6), ("scheduler_clears", 3))


def test_chip_borders_are_crossed() -> None:
    metrics = placement_metrics(crossbars_by_hand())
    assert (metrics.cores, metrics.chips) == (3, 2)
    assert metrics.packets == 7 + 5 + 7 + 7 + 7
    assert metrics.packets_host == 4 + 6
    assert metrics.chip_crossings == 5 + 7 + 7 + 7


def test_another_familys_graph_is_refused() -> None:
    with pytest.raises(NmError) as caught:
        backend_named("loihi").simulator(crossbars_by_hand())
    assert (caught.value.codes, caught.value.exit_code) == (("NM0504",), 1)
