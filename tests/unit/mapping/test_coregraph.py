"""Core graphs on disk, as digests and as networkx graphs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from support.mapping import limits, line, matched_line, skip_networks, small_limits

from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.coregraph import COLUMNS, CoreGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network

CAPS = limits(neurons=40)


@settings(max_examples=10, deadline=None)
@given(skip_networks(), small_limits())
def test_save_and_load(
    tmp_path_factory: pytest.TempPathFactory, network: Network, caps: Limits
) -> None:
    folder = tmp_path_factory.mktemp("graph")
    try:
        graph = map_network(network, caps)
    except NmError:
        return
    graph.save(folder / "coregraph")
    again = CoreGraph.load(folder / "coregraph")
    assert again == graph
    assert again.digest == graph.digest
    for name in COLUMNS:
        assert again[name].dtype == graph[name].dtype
        np.testing.assert_array_equal(again[name], graph[name])


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        map_network(line(), CAPS, seed=3).save(tmp_path / name)
    for suffix in (".json", ".safetensors"):
        one, two = ((tmp_path / name).with_suffix(suffix) for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()


def test_the_digest_does_not_depend_on_the_process() -> None:
    script = (
        "from support.mapping import limits, line\n"
        "from nmcompile.mapping.mapper import map_network\n"
        "print(map_network(line(), limits(neurons=40)).digest)"
    )
    for seed in ("1", "2"):
        path = os.pathsep.join(p for p in sys.path if p)
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True
        )
        assert done.stdout.strip() == map_network(line(), CAPS).digest, done.stderr


def test_every_column_counts_in_the_digest() -> None:
    graph = map_network(matched_line(), CAPS)
    digests = {graph.digest}
    for name in COLUMNS:
        digests.add(graph.replace({name: np.append(graph[name], 1)}).digest)
    assert len(digests) == len(COLUMNS) + 1


def test_columns_are_read_only() -> None:
    graph = map_network(line(), CAPS)
    with pytest.raises(ValueError, match="read-only"):
        graph["neuron.bias"][0] = 1


@pytest.mark.parametrize("damage", ["missing", "truncated", "text", "version"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    stem = tmp_path / "coregraph"
    map_network(line(), CAPS).save(stem)
    body, tables = stem.with_suffix(".json"), stem.with_suffix(".safetensors")
    if damage == "missing":
        tables.unlink()
    elif damage == "truncated":
        tables.write_bytes(tables.read_bytes()[:-100])
    elif damage == "text":
        body.write_text("not json")
    else:
        body.write_text(body.read_text().replace('"version": 3', '"version": 99'))
    with pytest.raises(NmError) as error:
        CoreGraph.load(stem)
    assert error.value.codes == ("NM0504",)


def test_networkx_view_has_the_traffic() -> None:
    network = line()
    spikes = {name: np.full((4, *shape), 5) for name, shape in (("n0", (6, 7)), ("n1", (4, 5)))}
    graph = map_network(network, CAPS, {**spikes, "input": np.full((2, 8, 9), 2)})
    view = graph.to_networkx()
    assert set(view) == {"host", *range(graph.cores)}
    assert sum(d["routes"] for *_, d in view.edges(data=True)) == graph.size("route")
    group, _ = np.unique(np.stack([graph["route.group"], graph["route.core"]]), axis=1)
    packets = graph["group.traffic"][group].sum()
    assert sum(d["weight"] for *_, d in view.edges(data=True)) == packets
    assert set(graph["group.traffic"][graph["group.tile"] < 0]) == {4}
    assert {name for _, d in view.nodes(data=True) for name in d.get("populations", ())} == {
        "n0",
        "n1",
    }
