"""What leads the page: what limits a program, its networks, and the host in few rows."""

from __future__ import annotations

from nmcompile.report.bottlenecks import bottlenecks
from nmcompile.report.host_table import host, host_steps
from nmcompile.report.measures import OpCount
from nmcompile.report.network_table import COLUMNS, network_rows


def rows(table):
    return {row[0]: row[1:] for row in table.rows}


def test_the_largest_parts_are_named(report):
    found = rows(bottlenecks(report))
    part = max(report.energy.components, key=lambda row: row.figure.value or 0)
    layer = max(report.energy.layers, key=lambda row: row.total.value)
    assert found["energy"][0].startswith(part.name[:4])
    assert found["energy of a layer"][0] == layer.layer
    assert found["length of the ticks"] == ("the busiest core of each", "100 %")
    assert "latency" not in found  # a frame has one step on the chip
    assert "bits" not in found["room"][0]


def test_nothing_is_named_of_what_is_unknown(report):
    unknown = report.energy.total.model_copy(update={"value": None, "low": None, "high": None})
    energy = report.energy.model_copy(update={"total": unknown})
    assert "energy" not in rows(bottlenecks(report.model_copy(update={"energy": energy})))


def test_networks_by_energy_that_keep_their_order(report):
    found = network_rows(report)
    assert {len(row) for row in found} == {len(COLUMNS)}
    names = [row[0].text for row in found]
    assert sorted(names) == sorted(n.network for n in report.mapping.networks)
    energies = [row[4].key or 0 for row in found]
    assert energies == sorted(energies, reverse=True)
    by_name = {row[0].text: row for row in found}
    assert by_name["template"][1].text == "first frame"
    assert by_name["search"][1].text == "every frame"
    assert by_name["template"][0].key < by_name["search"][0].key
    of_layers = [row.total.value for row in report.energy.layers if row.step == "search"]
    assert by_name["search"][4].key == sum(of_layers)


def test_a_layer_without_figure_leaves_its_network_unknown(report):
    first, *others = report.energy.layers
    none = first.total.model_copy(update={"value": None, "low": None, "high": None})
    layers = (first.model_copy(update={"total": none}), *others)
    energy = report.energy.model_copy(update={"layers": layers})
    found = network_rows(report.model_copy(update={"energy": energy}))
    assert next(row for row in found if row[0].text == "search")[4].text == "unknown"


def test_steps_for_the_same_reason_share_a_row(report):
    step = report.host.steps[0]
    alike = tuple(
        step.model_copy(
            update={"step": f"host_{n}", "ops": (OpCount(name="macs", count=1000 + n),)}
        )
        for n in range(3)
    )
    section = report.host.model_copy(update={"steps": (*alike, report.host.steps[-1])})
    changed = report.model_copy(update={"host": section})
    found = host(changed)
    assert found.rows[0][0] == "host_0 and 2 more"
    assert found.rows[0][2] == "3,003 MACs"
    assert len(found.rows) == 2
    assert [row[0] for row in host_steps(changed).rows][:3] == ["host_0", "host_1", "host_2"]


def test_steps_of_their_own_stand_alone(report):
    assert len(host(report).rows) == len(report.host.steps)
    assert not host(report).note
    assert not host_steps(report).rows
