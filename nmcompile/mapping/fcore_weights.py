"""The two forms in which a functional core stores its weights: themselves, or indices.

A core has room for one table of a few weights (32 on Tianjic). Indices into it are narrower than
weights (5 bits instead of 8), so that a block with no more distinct weights than that takes less
memory: 256 x 256 of them 40,992 bytes with their table instead of 65,536. What it computes is the
same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import I64, MappedGraph

I8 = npt.NDArray[np.int8]


def indexed(weight: I8, room: int) -> tuple[I8, I8] | None:
    """Indices of the same shape and the table of weights, ascending; None: too many for a table.

    Args:
        weight: of one block. room: entries of a table.
    """
    table, index = np.unique(weight, return_inverse=True)
    if len(table) > room:
        return None
    return index.reshape(weight.shape).astype(np.int8), table


def index_bytes(weights: int, room: int) -> int:
    """Memory of so many indices and their table, whose entries are bytes."""
    bits = max(1, (room - 1).bit_length())
    return -(-weights * bits // 8) + room


def held_weights(graph: MappedGraph) -> I8:
    """`(weights,)` the weights of a graph of functional cores, indices looked up."""
    weight: I8 = graph["weight.value"].copy()
    for first, size, entry0, entries in _tables(graph):
        table = graph["entry.value"][entry0 : entry0 + entries]
        weight[first : first + size] = table[weight[first : first + size]]
    return weight


def block_bytes(graph: MappedGraph, room: int) -> I64:
    """`(blocks,)` memory of every block of weights in its form.

    Args:
        graph: of functional cores. room: entries of the table of a core.
    """
    size = graph["block.axons"].astype(np.int64) * graph["block.neurons"]
    by_index = np.flatnonzero(graph["block.entries"])
    size[by_index] = [index_bytes(int(n), room) for n in size[by_index]]
    return size


def tables_fit(graph: MappedGraph, room: int) -> bool:
    """Whether all indices point into their own table, and no template is written over them."""
    slots = np.sort(graph["slot.weight"])
    for first, size, entry0, entries in _tables(graph):
        index = graph["weight.value"][first : first + size]
        written = np.searchsorted(slots, [first, first + size])
        inside = 0 <= entry0 <= entry0 + entries <= graph.size("entry") and entries <= room
        if not inside or written[0] != written[1]:
            return False
        if index.min(initial=0) < 0 or index.max(initial=0) >= entries:
            return False
    return bool((graph["block.entries"] >= 0).all())


def _tables(graph: MappedGraph) -> list[tuple[int, int, int, int]]:
    """First weight, weights, first entry, entries of all blocks of indices."""
    size = graph["block.axons"].astype(np.int64) * graph["block.neurons"]
    columns = graph["block.weight0"], size, graph["block.entry0"], graph["block.entries"]
    mine = graph["block.entries"] > 0
    return list(zip(*(column[mine].tolist() for column in columns), strict=True))
