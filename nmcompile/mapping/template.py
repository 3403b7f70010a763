"""How much the host writes so that the cores hold a template as synapses."""

from __future__ import annotations

import numpy as np

from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.expand import axon_groups, expanded
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.list_usage import list_usage


def template_words(graph: CoreGraph, limits: Limits) -> int:
    """Synapse words of one template, copies included; 0 for a network without one.

    Where synapses are packed into words of the memory, all words of its lists are rewritten;
    elsewhere a word is a weight.

    Args:
        graph: mapped network.
        limits: of its target.
    """
    if not graph.slot:
        return 0
    names = [p.name for p in graph.populations]
    index = names.index(graph.output)
    if limits.packing is not None:
        layers = list_usage(graph, limits, limits.packing).layers
        return sum(words for _, words in layers[index])
    mine = graph["tile.population"] == index
    if limits.shared_kernels:
        return int(graph.size("slot") * mine.sum())
    axon, group = axon_groups(graph)
    into = mine[graph["axon.tile"][axon]]
    axon, lines = axon[into], graph["group.lines"][group[into]]
    rows = expanded(graph["axon.row_base"][axon], lines)
    stored = np.unique(np.stack([np.repeat(graph["axon.tile"][axon], lines), rows]), axis=1)[1]
    before = np.concatenate([[0], np.cumsum(graph["run.length"], dtype=np.int64)])
    first, count = graph["row.run0"][stored], graph["row.runs"][stored]
    return int((before[first + count] - before[first]).sum())
