"""Placements to compare with: random, in order, along a Hilbert curve, and that relaxed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.force import relaxed
from nmcompile.mapping.placement.slots import Slots

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def random(flows: Flows, slots: Slots, seed: int = 0) -> I32:
    """Cores on random slots."""
    order = np.random.default_rng(seed).permutation(len(slots.chip)).astype(np.int32)
    return order[: flows.cores]


def row_major(flows: Flows, slots: Slots) -> I32:
    """Core after core along the rows of the system."""
    order: I32 = np.lexsort((slots.slot, slots.column, slots.row)).astype(np.int32)
    return order[: flows.cores]


def hilbert(flows: Flows, slots: Slots) -> I32:
    """Core after core, layer after layer, along a Hilbert curve (the start of Jin et al. 2023)."""
    side = 1
    while side <= max(int(slots.column.max()), int(slots.row.max())):
        side *= 2
    curve = hilbert_index(slots.column, slots.row, side)
    order: I32 = np.lexsort((slots.slot, curve)).astype(np.int32)
    return order[: flows.cores]


def hilbert_relaxed(flows: Flows, slots: Slots) -> I32:
    """The Hilbert curve, then force-directed sweeps over adjacent slots."""
    return relaxed(flows, slots, hilbert(flows, slots))


BASELINES = {
    "random": random,
    "row-major": row_major,
    "layer-major Hilbert": hilbert,
    "Hilbert + force-directed": hilbert_relaxed,
}
"""By name; cores are numbered layer after layer."""


def hilbert_index(column: I32, row: I32, side: int) -> I64:
    """Position on the Hilbert curve through a square of `side` (a power of two) routers."""
    x, y = column.astype(np.int64), row.astype(np.int64)
    index = np.zeros(len(x), np.int64)
    step = side // 2
    while step:
        right, up = (x & step) > 0, (y & step) > 0
        index += step * step * ((3 * right.astype(np.int64)) ^ up)
        # the quadrants below turn, so that the ends of their curves meet
        flip = ~up & right
        x, y = np.where(flip, side - 1 - x, x), np.where(flip, side - 1 - y, y)
        x, y = np.where(up, x, y), np.where(up, y, x)
        step //= 2
    return index
