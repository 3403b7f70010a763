"""Hypergraphs, their files, repair within both limits, and what a partition costs."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.mapping.partition import libraries
from nmcompile.mapping.partition.axonflow import read_axonflow, write_axonflow
from nmcompile.mapping.partition.hypergraph import Hypergraph
from nmcompile.mapping.partition.quality import core_flows, quality
from nmcompile.mapping.partition.repair import filled, repaired


def made(nodes: int, edges: list[tuple[int, list[int]]], rate: float = 1.0) -> Hypergraph:
    sizes = np.array([len(targets) for _, targets in edges], np.int64)
    return Hypergraph(
        nodes,
        np.array([source for source, _ in edges], np.int32),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.array([t for _, targets in edges for t in targets], np.int32),
        np.full(len(edges), rate, np.float32),
    )


@st.composite
def graphs(draw: st.DrawFn) -> Hypergraph:
    nodes = draw(st.integers(1, 24))
    node = st.integers(0, nodes - 1)
    readers = st.lists(node, max_size=6, unique=True)
    sources = draw(st.lists(node, max_size=24, unique=True))
    return made(nodes, [(source, draw(readers)) for source in sources])


def brute(graph: Hypergraph, part: np.ndarray) -> tuple[int, ...]:
    """Cores, axons, the most of one core, connectivity and copies, edge by edge."""
    entered: dict[int, int] = {}
    connectivity = copies = 0
    for edge in range(graph.edges):
        readers = graph.target[graph.first[edge] : graph.first[edge + 1]]
        cores = {int(part[t]) for t in readers}
        for core in cores:
            entered[core] = entered.get(core, 0) + 1
        connectivity += len(cores - {int(part[graph.source[edge]])})
        copies += max(0, len(cores) - 1)
    most = max(entered.values(), default=0)
    return len(set(part.tolist())), sum(entered.values()), most, connectivity, copies


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(1, 6), st.integers(0, 99))
def test_repair_keeps_both_limits(graph: Hypergraph, neurons: int, seed: int) -> None:
    first, _ = graph.inputs()
    axons = max(1, int(np.diff(first).max(initial=0)))
    part = np.random.default_rng(seed).integers(0, 4, graph.nodes).astype(np.int32)
    order = np.argsort(part, kind="stable")
    for core in (repaired(graph, part, neurons, axons), filled(graph, order, neurons, axons)):
        found = quality(graph, core)
        assert found.within(neurons, axons)
        assert sorted(set(core.tolist())) == list(range(found.cores))
        wanted = (found.cores, found.axons, found.axons_max, found.connectivity, found.copies)
        assert wanted == brute(graph, core)
        flows = core_flows(graph, core)
        assert flows.packets.sum() == found.connectivity == found.rated


def test_cores_that_share_inputs_are_merged() -> None:
    # parts 0 and 2 read neurons 0 and 1, parts 1 and 3 read 2 and 3
    edges = [(0, [4, 6]), (1, [4, 6]), (2, [5, 7]), (3, [5, 7])]
    graph = made(8, edges)
    part = np.array([8, 9, 10, 11, 0, 1, 2, 3], np.int32)
    core = repaired(graph, part, 2, 2)
    assert core[4] == core[6] != core[5] == core[7]


def test_a_neuron_with_too_many_inputs_is_refused() -> None:
    graph = made(4, [(0, [3]), (1, [3]), (2, [3])])
    with pytest.raises(NmError) as error:
        repaired(graph, np.zeros(4, np.int32), 4, 2)
    (problem,) = error.value.diagnostics
    assert (problem.code, problem.where, problem.found) == ("NM0352", "neuron 3", "3")


@settings(max_examples=40, deadline=None)
@given(graphs(), st.floats(0, 100, width=32))
def test_files_keep_the_graph(graph: Hypergraph, rate: float) -> None:
    with_rate = Hypergraph(
        *(graph.nodes, graph.source, graph.first, graph.target),
        np.full(graph.edges, rate, np.float32),
    )
    path = Path("graph.bin")
    with pytest.MonkeyPatch.context() as patch:
        stored: list[bytes] = []
        patch.setattr(Path, "write_bytes", lambda _, content: stored.append(content))
        patch.setattr(Path, "read_bytes", lambda _: stored[0])
        write_axonflow(path, with_rate)
        found = read_axonflow(path)
    assert found.nodes == graph.nodes
    for name in ("source", "first", "target", "rate"):
        np.testing.assert_array_equal(getattr(found, name), getattr(with_rate, name))


WORDS = struct.pack("<IIIIIIfIIf", 3, 2, 2, 0, 1, 2, 0.5, 0, 2, 4.0)


def test_a_file_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "graph"
    path.write_bytes(WORDS)
    graph = read_axonflow(path)
    assert (graph.nodes, graph.source.tolist(), graph.first.tolist()) == (3, [0, 2], [0, 2, 2])
    assert (graph.target.tolist(), graph.rate.tolist()) == ([1, 2], [0.5, 4.0])
    write_axonflow(path, graph)
    assert path.read_bytes() == WORDS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "words of 4 bytes"),
        (WORDS[:-1], "words of 4 bytes"),
        (WORDS[:-4], "ends within an edge"),
        (WORDS + b"\0\0\0\0", "words follow"),
        (struct.pack("<II", 2, 2**31), "ends within an edge"),
        (struct.pack("<IIIIIf", 2, 1, 1, 0, 2, 1.0), "does not exist"),
        (struct.pack("<IIIIIf", 2, 1, 1, 7, 1, 1.0), "does not exist"),
        (struct.pack("<IIIIIf", 2, 1, 2**31 + 5, 0, 1, 1.0), "ends within an edge"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "graph"
    path.write_bytes(content)
    with pytest.raises(NmError) as error:
        read_axonflow(path)
    assert error.value.codes == ("NM0351",)
    assert said in error.value.diagnostics[0].message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NmError) as error:
        read_axonflow(tmp_path / "none")
    assert error.value.codes == ("NM0351",)


def two_halves() -> Hypergraph:
    """16 neurons; each of a half reads all of its half, and one of the other half."""
    edges = [(n, [*range(8 * (n // 8), 8 * (n // 8) + 8)]) for n in range(16)]
    edges[0][1].append(12)
    return made(16, edges)


def test_metis_finds_the_halves() -> None:
    pytest.importorskip("pymetis")
    part = libraries.metis(two_halves(), 2)
    assert len(set(part[:8].tolist())) == len(set(part[8:].tolist())) == 1
    assert quality(two_halves(), part).connectivity == 1


def test_mt_kahypar_finds_the_halves_again_and_again() -> None:
    pytest.importorskip("mtkahypar")
    parts = [libraries.mt_kahypar(two_halves(), 2) for _ in range(2)]
    np.testing.assert_array_equal(*parts)
    assert quality(two_halves(), parts[0]).connectivity == 1


@pytest.mark.parametrize(("use", "name"), [("metis", "pymetis"), ("mt_kahypar", "mtkahypar")])
def test_a_missing_library_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, use: str, name: str
) -> None:
    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(libraries.importlib, "import_module", missing)
    with pytest.raises(NmError) as error:
        getattr(libraries, use)(two_halves(), 2)
    (problem,) = error.value.diagnostics
    assert problem.code == "NM0350"
    assert f"pip install {name}" in problem.help[0]
