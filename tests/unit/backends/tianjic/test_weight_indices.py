"""Cores that store indices into a table of weights compute the same, in less memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fcore_nets import chip, matched, two_layers
from support.nets import stimulus_for

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.simulator.engine import FCoreEngine
from nmcompile.backends.tianjic.simulator.reference import ReferenceFCores
from nmcompile.backends.tianjic.usage import layer_rows, memory_bytes
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.fcore_weights import held_weights, index_bytes

NETWORK = two_layers()
STIMULUS = stimulus_for(NETWORK, np.random.default_rng(4))
SEMI = Schedule("semi-folded")


def mapped(network: Network = NETWORK, **options: Any) -> FCoreGraph:
    return map_network(network, chip(24, 12, **options), schedule=SEMI)


BY_INDEX, PLAIN = mapped(), mapped(forms=("values",))


def spikes(graph: FCoreGraph, simulator: Any = FCoreEngine) -> Any:
    return simulator(graph).run(STIMULUS, record=True).spikes["n2"]


def changed(column: str, entry: int, value: int) -> FCoreGraph:
    values = BY_INDEX[column].copy()
    values[entry] = value
    return BY_INDEX.replace({column: values})


def used_index() -> int:
    """A weight of a block of indices whose index is not the last one of its table."""
    block = int(np.flatnonzero(BY_INDEX["block.entries"])[0])
    first, size = (
        int(BY_INDEX["block.weight0"][block]),
        int(BY_INDEX["block.axons"][block] * BY_INDEX["block.neurons"][block]),
    )
    index = BY_INDEX["weight.value"][first : first + size]
    return first + int(np.flatnonzero(index < BY_INDEX["block.entries"][block] - 1)[0])


def test_both_forms_hold_the_same_weights() -> None:
    assert BY_INDEX["block.entries"].any()
    assert not PLAIN["block.entries"].any() and not PLAIN.size("entry")
    np.testing.assert_array_equal(held_weights(BY_INDEX), PLAIN["weight.value"])
    np.testing.assert_array_equal(spikes(BY_INDEX), spikes(PLAIN))
    np.testing.assert_array_equal(spikes(BY_INDEX, ReferenceFCores), spikes(PLAIN))


@pytest.mark.parametrize("simulator", [FCoreEngine, ReferenceFCores])
def test_a_wrong_entry_of_a_table_shows(simulator: Any) -> None:
    entry = int(np.flatnonzero(BY_INDEX["entry.value"])[0])
    wrong = changed("entry.value", entry, -int(BY_INDEX["entry.value"][entry]))
    assert not np.array_equal(spikes(wrong, simulator), spikes(PLAIN))


def test_a_wrong_index_shows() -> None:
    """One weight of one core; neighbours in the table differ by 1 only, so ten of them."""
    at = used_index()
    values = BY_INDEX["weight.value"].copy()
    values[at : at + 10] = 0
    wrong = BY_INDEX.replace({"weight.value": values})
    assert not np.array_equal(spikes(wrong), spikes(PLAIN))


def test_memory_by_form() -> None:
    assert index_bytes(256 * 256, 32) == 40_960 + 32
    saved = memory_bytes(PLAIN) - memory_bytes(BY_INDEX)
    by_index = BY_INDEX["block.entries"][BY_INDEX["core.block"]] > 0
    size = BY_INDEX["core.axons"].astype(int) * BY_INDEX["core.neurons"]
    wanted = [int(n) - index_bytes(int(n), 32) for n in size[by_index]]
    assert saved[by_index].tolist() == wanted and min(wanted) > 0
    assert not saved[~by_index].any()
    rows = layer_rows(BY_INDEX)
    assert sum(int(str(row["indexed_cores"])) for row in rows) == np.count_nonzero(by_index)


def test_a_small_block_stores_weights() -> None:
    """72 weights of a byte are fewer bytes than 72 indices and a table."""
    graph = map_network(NETWORK, chip(8, 10, chips=2500), schedule=SEMI)
    assert int((graph["core.axons"] * graph["core.neurons"]).max()) == 72 < index_bytes(72, 32)
    assert not graph["block.entries"].any()
    small = map_network(NETWORK, chip(8, 10, chips=2500, forms=("indices",)), schedule=SEMI)
    assert small["block.entries"].any()
    np.testing.assert_array_equal(spikes(small), spikes(PLAIN))


def varied(values: int) -> Network:
    """The second layer has weights of so many values, 0 among them."""

    def more(op: ops.Conv2d) -> ops.Conv2d:
        weight = np.arange(op.weight.data.size) % values - values // 2
        return dataclasses.replace(op, weight=Array(weight.reshape(op.weight.shape).astype("i1")))

    return NETWORK.map_nodes(
        lambda n: dataclasses.replace(n, op=more(n.op)) if isinstance(n.op, ops.Conv2d) else n
    )


@pytest.mark.parametrize(("values", "fits"), [(32, True), (33, False)])
def test_more_weights_than_the_table_has_entries(values: int, fits: bool) -> None:
    """They are stored as they are, or refused where a core cannot."""
    network = varied(values)
    whole = map_network(network, chip(), schedule=SEMI)
    assert bool((whole["block.entries"] == values).any()) == fits
    only = chip(forms=("indices",))
    if fits:
        graph = map_network(network, only, schedule=SEMI)
        np.testing.assert_array_equal(spikes(graph), spikes(whole))
        return
    with pytest.raises(NmError) as caught:
        map_network(network, only, schedule=SEMI)
    assert caught.value.codes == ("NM0344", "NM0344")
    assert [d.where for d in caught.value.diagnostics] == ["conv1", "conv2"]
    first = caught.value.diagnostics[0]
    assert first.found == "33" and first.limit is not None and first.limit.startswith("32 (")


def test_a_template_is_never_an_index() -> None:
    graph = map_network(matched(), chip(40, 20), schedule=SEMI)
    assert graph["block.entries"].any()
    graph.validate()
    with pytest.raises(NmError) as caught:
        map_network(matched(), chip(40, 20, forms=("indices",)), schedule=SEMI)
    assert caught.value.codes == ("NM0344",)
    assert "template" in str(caught.value.diagnostics[0].found)


@pytest.mark.parametrize(
    ("column", "entry", "value"),
    [
        ("weight.value", used_index(), 32),
        ("weight.value", used_index(), -1),
        ("block.entries", int(np.flatnonzero(BY_INDEX["block.entries"])[0]), 33),
        ("block.entry0", int(np.flatnonzero(BY_INDEX["block.entries"])[0]), 9999),
    ],
)
def test_indices_outside_of_their_table_are_refused(column: str, entry: int, value: int) -> None:
    with pytest.raises(NmError, match="table of weights") as caught:
        changed(column, entry, value).validate()
    assert caught.value.codes == ("NM0309",)


def test_both_forms_are_stored(tmp_path: Path) -> None:
    BY_INDEX.save(tmp_path / "coregraph")
    again = FCoreGraph.load(tmp_path / "coregraph")
    assert again.digest == BY_INDEX.digest != PLAIN.digest
    np.testing.assert_array_equal(held_weights(again), held_weights(BY_INDEX))
