"""How much the host writes so that the cores hold a template as synapses."""

from __future__ import annotations

import numpy as np

from nmcompile.mapping.coregraph import CoreGraph


def template_words(graph: CoreGraph, *, shared_kernels: bool) -> int:
    """Synapse words of one template, copies included; 0 for a network without one.

    Args:
        graph: mapped network.
        shared_kernels: whether the rows of a tile share weights; otherwise each stores its own.
    """
    if not graph.slot:
        return 0
    names = [p.name for p in graph.populations]
    mine = graph["tile.population"] == names.index(graph.output)
    if shared_kernels:
        return int(graph.size("slot") * mine.sum())
    axon0 = np.searchsorted(graph["axon.core"], np.arange(graph.cores))
    axon = axon0[graph["route.core"]] + graph["route.axon"]
    into = mine[graph["axon.tile"][axon]]
    axon, lines = axon[into], graph["group.lines"][graph["route.group"][into]]
    within = np.arange(lines.sum()) - np.repeat(np.cumsum(lines) - lines, lines)
    rows = np.repeat(graph["axon.row_base"][axon], lines) + within
    stored = np.unique(np.stack([np.repeat(graph["axon.tile"][axon], lines), rows]), axis=1)[1]
    before = np.concatenate([[0], np.cumsum(graph["run.length"], dtype=np.int64)])
    first, count = graph["row.run0"][stored], graph["row.runs"][stored]
    return int((before[first + count] - before[first]).sum())
