"""Input channels to axon types, so that a neuron never needs two values for one type."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

MOST_STEPS: Final = 20_000
"""Steps of the exact search; a network of channels that needs more counts as not colourable."""


def conflicts(values: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.bool_]:
    """Pairs of channels that some neuron gives two different non-zero values.

    Args:
        values: `(neurons, channels)`, 0 where a neuron does not read a channel.

    Returns:
        `(channels, channels)`, symmetric.
    """
    channels = values.shape[1]
    found = np.zeros((channels, channels), np.bool_)
    for i in range(channels):
        mine = values[:, i, None]
        found[i] = ((mine != 0) & (values != 0) & (values != mine)).any(axis=0)
    return found


def colour(adjacent: npt.NDArray[np.bool_], colours: int) -> tuple[int, ...] | None:
    """A colour for every vertex with no two adjacent ones alike, or None.

    The vertex with the most differently coloured neighbours comes next (DSATUR), with
    backtracking: exact within `MOST_STEPS`.
    """
    count = len(adjacent)
    neighbours = [np.flatnonzero(row).tolist() for row in adjacent]
    chosen = [-1] * count
    order: list[tuple[int, list[int]]] = []
    for _ in range(MOST_STEPS):
        if len(order) == count:
            return tuple(chosen)
        vertex = _next(chosen, neighbours)
        used = {chosen[n] for n in neighbours[vertex]}
        # a colour that is new to the whole graph is tried once: new colours are alike
        fresh = max(chosen, default=-1) + 1
        free = [c for c in range(min(colours, fresh + 1)) if c not in used]
        order.append((vertex, free))
        while order and not order[-1][1]:
            chosen[order.pop()[0]] = -1
            if order:
                chosen[order[-1][0]] = -1
        if not order:
            return None
        vertex, free = order[-1]
        chosen[vertex] = free.pop(0)
    return None


def _next(chosen: list[int], neighbours: list[list[int]]) -> int:
    """The uncoloured vertex that has the fewest colours left."""
    open_ = [v for v, c in enumerate(chosen) if c < 0]
    return max(
        open_,
        key=lambda v: (len({chosen[n] for n in neighbours[v]} - {-1}), len(neighbours[v]), -v),
    )
