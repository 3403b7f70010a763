"""The binary hypergraphs of AxonFlow (Ronzani and Silvano, arXiv 2601.16118), read and written.

Little-endian words of 32 bits: nodes, edges, then for every edge the number of its readers, the
source, the readers, and the rate as a float.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.partition.hypergraph import Hypergraph
from nmcompile.reference.jit import njit

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_CUT, _REST, _NODE = 1, 2, 3
_PROBLEMS = {
    _CUT: "the file ends within an edge",
    _REST: "words follow the last edge",
    _NODE: "an edge names a neuron that does not exist",
}


def read_axonflow(path: Path) -> Hypergraph:
    """A stored hypergraph.

    Raises:
        NmError: NM0351 for a file that is cut off, too long, or names unknown neurons.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, str(error.strerror), "") from error
    if len(content) % 4 or len(content) < 8:
        raise _unreadable(path, "the file is not made of words of 4 bytes", f"{len(content)} bytes")
    words = np.frombuffer(content, "<u4").astype(np.uint32)
    nodes, edges = int(words[0]), int(words[1])
    if edges > (len(words) - 2) // 3 or nodes > np.iinfo(np.int32).max:
        raise _unreadable(path, _PROBLEMS[_CUT], f"{nodes} neurons, {edges} edges")
    begin = np.zeros(edges + 1, np.int64)
    problem, at = _scan(words, nodes, begin)
    if problem:
        raise _unreadable(path, _PROBLEMS[problem], f"word {at} of {len(words)}")
    first = begin - begin[0] - 3 * np.arange(edges + 1)
    inside = np.ones(len(words), bool)
    inside[:2] = False
    for offset in (0, 1):
        inside[begin[:-1] + offset] = False
    inside[begin[1:] - 1] = False
    return Hypergraph(
        nodes,
        words[begin[:-1] + 1].astype(np.int32),
        first,
        words[inside].astype(np.int32),
        words[begin[1:] - 1].view(np.float32).copy(),
    )


def write_axonflow(path: Path, graph: Hypergraph) -> None:
    """Store a hypergraph: the same bytes for the same graph."""
    begin = 2 + graph.first + 3 * np.arange(graph.edges + 1)
    words = np.zeros(int(begin[-1]), np.uint32)
    inside = np.ones(len(words), bool)
    words[:2] = graph.nodes, graph.edges
    words[begin[:-1]] = np.diff(graph.first)
    words[begin[:-1] + 1] = graph.source
    words[begin[1:] - 1] = graph.rate.astype(np.float32).view(np.uint32)
    inside[:2] = inside[begin[:-1]] = inside[begin[:-1] + 1] = inside[begin[1:] - 1] = False
    words[inside] = graph.target
    path.write_bytes(words.astype("<u4").tobytes())


def _unreadable(path: Path, what: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0351",
            message=f"this is not a readable hypergraph: {what}",
            where=path.name,
            found=found,
            help=("store the hypergraph again with the program that wrote it",),
        )
    )


@njit
def _scan(words: U32, nodes: int, begin: I64) -> tuple[int, int]:
    """Fill where edges begin; returns a problem (0 for none) and the word where it is."""
    at = 2
    for edge in range(len(begin) - 1):
        begin[edge] = at
        if at + 3 > len(words) or at + 3 + np.int64(words[at]) > len(words):
            return _CUT, int(at)
        end = int(at + 2 + np.int64(words[at]))
        for k in range(at + 1, end):
            if words[k] >= nodes:
                return _NODE, int(k)
        at = end + 1
    begin[len(begin) - 1] = at
    return (_REST, int(at)) if at < len(words) else (0, int(at))
