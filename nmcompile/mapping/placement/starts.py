"""Where a search starts: image positions or an embedding of the graph, snapped onto the mesh."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.annealing import cost
from nmcompile.mapping.placement.embedding import averaged, distances, smooth
from nmcompile.mapping.placement.flows import Flows, Links
from nmcompile.mapping.placement.slots import Slots

I32 = npt.NDArray[np.int32]
F64 = npt.NDArray[np.float64]

TURNS = ((1, 0), (12, 5), (4, 3), (1, 1), (3, 4), (5, 12))
"""Directions in which an embedding is laid onto the mesh; their mirror images come from swapped
axes."""
AVERAGES = 10
"""Means over neighbours that tell cores with equal distances apart."""
DIGITS = 9
"""Decimals of a coordinate that count: what is equal but for rounding is equal."""


def snapped(coordinates: F64, slots: Slots) -> I32:
    """Slots by (column, row), cores by (x, then y inside the column).

    Args:
        coordinates: `(cores, 2)`, any scale.
        slots: the places; at least as many as cores.
    """
    by_column = np.lexsort((slots.slot, slots.row, slots.column))
    _, sizes = np.unique(slots.column[by_column], return_counts=True)
    result = np.zeros(len(coordinates), np.int32)
    by_x = np.argsort(coordinates[:, 0], kind="stable")
    taken = slot0 = 0
    for index in range(len(sizes)):
        # Leave the slack of the mesh evenly: every column gets its share of the cores.
        share = ceil((len(coordinates) - taken) * sizes[index] / max(1, sizes[index:].sum()))
        members = by_x[taken : taken + share]
        members = members[np.argsort(coordinates[members, 1], kind="stable")]
        result[members] = by_column[slot0 : slot0 + len(members)]
        taken += len(members)
        slot0 += int(sizes[index])
    return result


def embedded(flows: Flows, slots: Slots) -> I32:
    """The cheapest way to lay an embedding of the graph alone onto the mesh."""
    links = flows.neighbours()
    at = slots.distances()
    found = [snapped(turned, slots) for turned in _embeddings(links)]
    return min(found, key=lambda place: cost(links, at, place))


def _embeddings(links: Links) -> Iterator[F64]:
    apart = distances(links)
    for coordinates in (apart, averaged(links, apart, AVERAGES), smooth(links)):
        centred = coordinates - coordinates.mean(axis=0)
        x, y = (centred / np.maximum(np.abs(centred).max(axis=0), 1e-30)).T
        for a, b in TURNS:
            turned = np.stack([a * x - b * y, b * x + a * y], axis=1).round(DIGITS)
            yield turned
            yield turned[:, ::-1]
