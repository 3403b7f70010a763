"""How much the host writes so that functional cores hold a template as weights."""

from __future__ import annotations

import numpy as np

from nmcompile.mapping.fcore_graph import FCoreGraph


def written_weights(graph: FCoreGraph) -> int:
    """Weights of one template on all cores; a block that several cores use is written to each."""
    if not graph.slot:
        return 0
    first = graph["block.weight0"].astype(np.int64)
    order = np.argsort(first, kind="stable")
    place = np.searchsorted(first[order], graph["slot.weight"], side="right") - 1
    entries = np.bincount(order[place], minlength=graph.size("block"))
    copies = np.bincount(graph["core.block"], minlength=graph.size("block"))
    return int((entries * copies).sum())
