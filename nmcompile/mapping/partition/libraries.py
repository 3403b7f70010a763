"""Partitioners that are installed apart: Mt-KaHyPar (connectivity) and METIS (edge cut).

They know a size for parts, but no limit on distinct inputs: see
`nmcompile.mapping.partition.repair`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.partition.hypergraph import Hypergraph

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

IMBALANCE = 0.03
"""How much larger than the mean a part may be."""
MANY_PARTS = 1024
"""Parts from which Mt-KaHyPar's preset for many parts is taken."""


def mt_kahypar(graph: Hypergraph, parts: int, seed: int = 0, threads: int = 1) -> I32:
    """Parts of every neuron with low connectivity (lambda - 1), by Mt-KaHyPar.

    Up to `MANY_PARTS` parts by its deterministic preset, beyond by its preset for many parts, which
    repeats itself with one thread only.

    Args:
        graph: the network.
        parts: how many.
        seed: of its random choices; same seed, same parts.
        threads: that it may use; the first call of a process decides.

    Raises:
        NmError: NM0350 when it is not installed.
    """
    package = _package("mtkahypar")
    library = _initialized(threads)
    package.set_seed(seed)
    many = parts > MANY_PARTS
    preset = package.PresetType.LARGE_K if many else package.PresetType.DETERMINISTIC
    context = library.context_from_preset(preset)
    context.set_partitioning_parameters(parts, IMBALANCE, package.Objective.KM1)
    context.logging = False
    pins = [
        np.unique(np.append(graph.target[low:high], source)).tolist()
        for source, low, high in zip(graph.source, graph.first, graph.first[1:], strict=False)
    ]
    several = [pin for pin in pins if len(pin) > 1]
    made = library.create_hypergraph(context, graph.nodes, len(several), several)
    found = made.partition(context)
    return np.array([found.block_id(node) for node in range(graph.nodes)], np.int32)


def metis(graph: Hypergraph, parts: int, seed: int = 0) -> I32:
    """Parts of every neuron with a low edge cut, by METIS: an edge from source to every reader.

    Args:
        graph: the network.
        parts: how many.
        seed: of its random choices.

    Raises:
        NmError: NM0350 when it is not installed.
    """
    package = _package("pymetis")
    start, neighbour = _undirected(graph)
    options = package.Options(seed=seed, ufactor=round(1000 * IMBALANCE))
    _, found = package.part_graph(parts, package.CSRAdjacency(start, neighbour), options=options)
    return np.array(found, np.int32)


def _undirected(graph: Hypergraph) -> tuple[I64, I64]:
    source = np.repeat(graph.source, np.diff(graph.first)).astype(np.int64)
    target = graph.target.astype(np.int64)
    other = source != target
    ends = np.concatenate([source[other], target[other]]) * graph.nodes
    pairs = np.unique(ends + np.concatenate([target[other], source[other]]))
    start = np.searchsorted(pairs // graph.nodes, np.arange(graph.nodes + 1))
    return start.astype(np.int64), pairs % graph.nodes


@cache
def _initialized(threads: int) -> Any:
    return _package("mtkahypar").initialize(threads)


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NmError(
            Diagnostic(
                code="NM0350",
                message="a partitioner is not installed",
                where=name,
                help=(f"pip install 'nmcompile[partition]', or: pip install {name}",),
            )
        ) from error
