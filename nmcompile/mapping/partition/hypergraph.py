"""Networks as directed hypergraphs: every neuron sends one spike to all neurons that read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Hypergraph:
    """Hyperedges with one source and its readers.

    Attributes:
        nodes: neurons.
        source: `(edges,)` neuron that sends.
        first: `(edges + 1,)` where the readers of an edge begin in `target`.
        target: neurons that read.
        rate: `(edges,)` spikes of the source.
    """

    nodes: int
    source: I32
    first: I64
    target: I32
    rate: F32

    @property
    def edges(self) -> int:
        """Number of hyperedges."""
        return len(self.source)

    def inputs(self) -> tuple[I64, I32]:
        """Where the edges that every neuron reads begin, `(nodes + 1,)`, and the edges."""
        edge = np.repeat(np.arange(self.edges, dtype=np.int32), np.diff(self.first))
        order = np.argsort(self.target, kind="stable")
        count = np.bincount(self.target, minlength=self.nodes)
        return np.concatenate([[0], np.cumsum(count)]).astype(np.int64), edge[order]
