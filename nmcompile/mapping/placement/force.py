"""Force-directed sweeps: adjacent cores change places where the packets pull them to.

After the refinement of Jin et al., "Mapping Very Large Scale Spiking Neuron Network to
Neuromorphic Hardware" (ASPLOS 2023): the swap of two neighbouring slots that lowers the cost is
done, until a sweep finds none. They order swaps by their tension; here a sweep goes slot by slot.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.annealing import change
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

SWEEPS = 200


def relaxed(flows: Flows, slots: Slots, start: I32, radius: int = 1) -> I32:
    """The slot of every core after sweeps that only lower the cost.

    Args:
        flows: traffic.
        slots: the places.
        start: `(cores,)` slot of every core.
        radius: half-width of the window of slots that a core changes places with.
    """
    place = start.copy()
    order = np.full(len(slots.chip), -1, np.int32)
    order[start] = np.arange(flows.cores, dtype=np.int32)
    routers = np.stack([slots.column, slots.row], axis=1).astype(np.int32)
    _sweeps(place, order, *flows.neighbours(), slots.distances(), routers, slots.table(), radius)
    return place


@njit
def _sweeps(
    place: I32,
    order: I32,
    first: I32,
    neighbour: I32,
    weight: I64,
    at: I32,
    routers: I32,
    table: I32,
    radius: int,
) -> None:
    links = (first, neighbour, weight)
    position = at[place]
    for _ in range(SWEEPS):
        swapped = False
        for here in range(len(order)):
            for column in range(routers[here, 0], routers[here, 0] + radius + 1):
                for row in range(routers[here, 1] - radius, routers[here, 1] + radius + 1):
                    if column >= table.shape[0] or row < 0 or row >= table.shape[1]:
                        continue
                    for depth in range(table.shape[2]):
                        there = table[column, row, depth]
                        if there < 0 or there == here:
                            continue
                        one, two = order[here], order[there]
                        rise = np.int64(0)
                        if one >= 0:
                            rise += change(one, two, at[there], position, links)
                        if two >= 0:
                            rise += change(two, one, at[here], position, links)
                        if rise >= 0:
                            continue
                        order[here], order[there] = two, one
                        if one >= 0:
                            place[one] = there
                            position[one] = at[there]
                        if two >= 0:
                            place[two] = here
                            position[two] = at[here]
                        swapped = True
        if not swapped:
            return
