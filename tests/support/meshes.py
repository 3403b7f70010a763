"""Meshes and traffic for placement."""

from __future__ import annotations

import numpy as np

from nmcompile.mapping.graph import Mesh
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots


def mesh(columns: int, rows: int) -> Slots:
    """One chip, one core at every router."""
    number = np.arange(columns * rows, dtype=np.int32)
    none = np.zeros(len(number), np.int32)
    return Slots(Mesh(1, columns, rows, 1), none, number % columns, number // columns, none)


def random_flows(cores: int, count: int, seed: int) -> Flows:
    """Random packets between different cores."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, cores, count)
    target = (source + rng.integers(1, cores, count)) % cores
    return Flows(cores, source, target, rng.integers(1, 50, count))


def hops(flows: Flows, slots: Slots, place: np.ndarray) -> int:
    """Packet hops, counted one flow after the other."""
    total = 0
    for one, two, packets in zip(flows.source, flows.target, flows.packets, strict=True):
        a, b = place[one], place[two]
        total += int(packets) * int(
            abs(slots.column[a] - slots.column[b]) + abs(slots.row[a] - slots.row[b])
        )
    return total
