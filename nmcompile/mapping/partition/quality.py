"""What a partition of neurons onto cores costs, whatever made it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.partition.hypergraph import Hypergraph
from nmcompile.mapping.placement.flows import Flows

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of a partition.

    Attributes:
        cores: that hold a neuron.
        neurons_max: neurons of the fullest core.
        axons: distinct hyperedges that enter a core, over all cores. axons_max: of one core.
        connectivity: cores beside the source's own that a spike of every neuron reaches once
            (lambda - 1): the packets of one spike per neuron.
        rated: the same with the rates of the neurons.
        copies: targets beyond one of all neurons, the own core included: copies of neurons that
            a chip with one target per neuron needs.
    """

    cores: int
    neurons_max: int
    axons: int
    axons_max: int
    connectivity: int
    rated: float
    copies: int

    def within(self, neurons: int, axons: int) -> bool:
        """Whether no core holds more."""
        return self.neurons_max <= neurons and self.axons_max <= axons


def quality(graph: Hypergraph, part: I32) -> Quality:
    """Figures of `(nodes,)` cores."""
    edge, core = reached(graph, part)
    outside = core != part[graph.source[edge]]
    targets = np.bincount(edge, minlength=graph.edges)
    return Quality(
        cores=len(np.unique(part)),
        neurons_max=int(np.bincount(part).max(initial=0)) if len(part) else 0,
        axons=len(edge),
        axons_max=int(np.bincount(core).max(initial=0)) if len(core) else 0,
        connectivity=int(outside.sum()),
        rated=float(graph.rate[edge[outside]].astype(np.float64).sum()),
        copies=int(np.maximum(0, targets - 1).sum()),
    )


def reached(graph: Hypergraph, part: I32) -> tuple[I64, I64]:
    """Every (hyperedge, core that reads it) once, sorted."""
    cores = int(part.max(initial=0)) + 1
    edge = np.repeat(np.arange(graph.edges, dtype=np.int64), np.diff(graph.first))
    pairs = np.unique(edge * cores + part[graph.target])
    return pairs // cores, pairs % cores


def core_flows(graph: Hypergraph, part: I32) -> Flows:
    """Packets between cores for one spike of every neuron, for placement.

    Args:
        graph: the network. part: `(nodes,)` cores, numbered without gaps.
    """
    edge, core = reached(graph, part)
    source = part[graph.source[edge]].astype(np.int64)
    cores = int(part.max(initial=-1)) + 1
    between = source != core
    pairs, packets = np.unique(source[between] * cores + core[between], return_counts=True)
    return Flows(cores, pairs // cores, pairs % cores, packets.astype(np.int64))
