"""Graphs of functional cores on disk, as digests, checked, and their packets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.fcore_nets import chip, two_layers

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.schedule import Kind, Schedule
from nmcompile.diagnostics import NmError
from nmcompile.mapping.fcore_graph import ORIGINAL, PARTIAL, FCoreGraph
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.mapping.stored import load_graph

KINDS: tuple[Kind, ...] = ("unfolded", "semi-folded", "folded")
GRAPHS = {kind: map_network(two_layers(), chip(24, 12), schedule=Schedule(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_save_and_load(tmp_path: Path, kind: str) -> None:
    graph = GRAPHS[kind]
    graph.save(tmp_path / "coregraph")
    again = load_graph(tmp_path / "coregraph")
    assert isinstance(again, FCoreGraph)
    assert again == graph
    assert again.digest == graph.digest
    for name in FCoreGraph.columns():
        assert again[name].dtype == graph[name].dtype
        np.testing.assert_array_equal(again[name], graph[name])


def test_the_same_network_gives_the_same_tables() -> None:
    again = map_network(two_layers(), chip(24, 12), schedule=Schedule("folded"))
    assert again.digest == GRAPHS["folded"].digest


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("core.block", 999, "core.block"),
        ("core.period", 0, "core.period"),
        ("core.ny", 99, "core.ny"),
        ("core.neurons", 3, "share out the neurons"),
        ("axon.source", 2, "axon.source"),
        ("axon.c", 99, "channel"),
        ("neuron.parameter", -1, "neuron.parameter"),
        ("neuron.x", 99, "neuron.x"),
        ("block.weight0", 10**6, "block.weight0"),
        ("parameter.shift", 32, "parameter.shift"),
        ("host.row", 9, "host.row"),
        ("host.phase", -2, "host.phase"),
        ("readout.index", 10**6, "readout.index"),
    ],
)
def test_wrong_tables_are_refused(column: str, value: int, problem: str) -> None:
    graph = GRAPHS["semi-folded"]
    changed = graph[column].copy()
    changed[0] = value
    with pytest.raises(NmError, match="inconsistent") as error:
        graph.replace({column: changed}).validate()
    assert error.value.codes == ("NM0309",)
    assert problem in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_packets_go_where_axons_read(kind: str) -> None:
    """Element by element and step by step, in plain loops."""
    graph = GRAPHS[kind]
    core_of = graph.neuron_cores().tolist()
    owner: dict[tuple[int, int, int, int], int] = {}
    for n, core in enumerate(core_of):
        if graph["neuron.role"][n] != ORIGINAL:
            continue
        for ky, kx in np.ndindex(int(graph["core.ny"][core]), int(graph["core.nx"][core])):
            c = graph["neuron.c"][n] + kx * graph["core.ec"][core]
            y = graph["neuron.y"][n] + ky * graph["core.ey"][core]
            x = graph["neuron.x"][n] + kx * graph["core.ex"][core]
            owner[int(graph["core.population"][core]), int(c), int(y), int(x)] = n
    wanted: set[tuple[int, int]] = set()
    channels, height, width = graph.input_shape3
    for a, core in enumerate(graph.axon_cores().tolist()):
        source = int(graph["axon.source"][a])
        for ky, kx in np.ndindex(int(graph["core.ny"][core]), int(graph["core.nx"][core])):
            c, y, x = (int(graph[f"axon.{name}"][a]) for name in "cyx")
            y, x = y + ky * int(graph["axon.dy"][a]), x + kx * int(graph["axon.dx"][a])
            if source == PARTIAL:
                wanted.add((c + kx * int(graph["axon.dx"][a]), core))
            elif source < 0:
                if 0 <= y < height and 0 <= x < width:
                    wanted.add((graph.neurons + (y * width + x) * channels + c, core))
            elif (source, c, y, x) in owner:
                wanted.add((owner[source, c, y, x], core))
    packets = graph.packets()
    assert set(zip(packets.sender.tolist(), packets.target.tolist(), strict=True)) == wanted
    inside = packets.sender < graph.neurons
    assert (packets.source[inside] == np.array(core_of)[packets.sender[inside]]).all()
    assert (packets.source[~inside] == -1).all()


def test_measured_traffic_weighs_routes_and_brings_cores_together() -> None:
    network, small = two_layers(), chip(16, 10)
    rng = np.random.default_rng(0)
    traffic: dict[str, Any] = {"n1": rng.integers(0, 50, (6, 9, 7)), "n2": np.zeros((8, 4, 5), int)}
    graph = map_network(network, small, traffic, schedule=Schedule("semi-folded"))
    originals = graph["neuron.role"] == ORIGINAL
    first = graph["core.population"][graph.neuron_cores()] == 0
    assert graph["neuron.traffic"][originals & first].sum() == traffic["n1"].sum()
    assert graph["neuron.traffic"][originals & ~first].sum() == 0
    assert placement_metrics(graph) is not None
    order = np.random.default_rng(1).permutation(graph.cores)
    shuffled = graph.replace({f"core.{n}": graph[f"core.{n}"][order] for n in ("x", "y")})

    def way(one: FCoreGraph) -> int:
        source, target, _, packets = one.core_edges()
        inside = source >= 0
        x, y = one["core.x"].astype(int), one["core.y"].astype(int)
        s, t = source[inside], target[inside]
        return int(((abs(x[s] - x[t]) + abs(y[s] - y[t])) * packets[inside]).sum())

    assert way(graph) < way(shuffled)
