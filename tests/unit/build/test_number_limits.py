"""Number formats of a golden network: what is used, where, and layers with many thresholds."""

from __future__ import annotations

import dataclasses

import numpy as np
from support.mapping import line, matched_line

from nmcompile.build.number_limits import number_usage, threshold_notes
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network
from nmcompile.target import load_target


def changed(network: Network, name: str, **fields: np.ndarray) -> Network:
    nodes = []
    for node in network.nodes:
        if node.name == name and isinstance(node.op, ops.Neuron):
            arrays = {k: Array(v.astype(np.int32)) for k, v in fields.items()}
            node = dataclasses.replace(
                node, op=ops.Neuron(dataclasses.replace(node.op.model, **arrays))
            )
        nodes.append(node)
    return network.replace(nodes=tuple(nodes))


def test_every_format_is_counted_where_it_is_widest() -> None:
    network = changed(line(), "n1", fire_above=np.array([1000, 5, 5, 5]) << 6)
    network = changed(network, "n0", bias=np.array([3, 0, -5000, 16]) << 3)
    rows = {row.limit: row for row in number_usage(network, load_target("loihi1"))}
    assert {name: (row.used, row.allowed) for name, row in rows.items()} == {
        "weight_bits": (5, 8),  # -12 .. 12
        "weight_exponent": (0, 7),
        "threshold_bits": (10, 17),  # 1000
        "bias_mantissa_bits": (13, 13),  # 40000 = 2500 << 4
        "bias_exponent_max": (4, 7),
        "graded_bits": (0, 0),
        "membrane_bits": (rows["membrane_bits"].used, 24),
    }
    assert rows["threshold_bits"].where == "act1: mantissa 1,000"
    assert rows["bias_mantissa_bits"].where == "act0: mantissa 2,500"
    assert rows["membrane_bits"].where.endswith("proved")
    assert 10 + 6 < rows["membrane_bits"].used < 24
    assert "davies2018" in rows["weight_bits"].source


def test_membranes_that_are_read_out_add_plain_weights() -> None:
    rows = {row.limit: row for row in number_usage(matched_line(), load_target("loihi1"))}
    exponent = rows["weight_exponent"]
    assert (exponent.used, exponent.allowed) == (6, 7)
    assert exponent.where == "correlate: plain weights"


def test_other_families_have_no_such_formats() -> None:
    assert number_usage(line(), load_target("truenorth")) == ()


def test_many_thresholds_are_noted_where_a_core_has_few() -> None:
    network = changed(line(channels=20), "n1", fire_above=np.arange(20) << 6)
    (note,) = threshold_notes(network, load_target("loihi1"))
    assert (note.code, note.severity, note.where, note.found) == ("NM0325", "note", "act1", "20")
    assert 'weight_step = "layer"' in note.help[0]
    assert threshold_notes(line(channels=20), load_target("loihi1")) == ()
    assert threshold_notes(network, load_target("loihi2")) == ()
