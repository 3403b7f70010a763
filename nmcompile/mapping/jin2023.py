"""The metrics of Jin et al. 2023 (ASPLOS, "Mapping Very Large Scale Spiking Neuron Network...").

Every packet goes to one core along a shortest path. A router takes part in every stop on the way,
both ends included; a wire in every hop. Their constants are the defaults: energy in units of one
routing, latency in cycles. Ronzani and Silvano (arXiv 2601.16118) use the same definitions; here
the congestion counts every router on the way, also on straight ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots
from nmcompile.reference.jit import njit

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Costs:
    """Energy and latency of a routing and of a wire (tables 2 and 3 of the paper)."""

    routing_energy: float = 1.0
    wire_energy: float = 0.1
    routing_latency: float = 1.0
    wire_latency: float = 0.01


@dataclass(frozen=True, slots=True)
class Jin2023:
    """Metrics of a placement.

    Attributes:
        energy: of all packets.
        average_latency: of a packet. max_latency: of the longest way.
        average_congestion: packets through a router, the mean of the mesh up to its last column
            and row with a slot.
        max_congestion: expected packets through the busiest router, when a packet takes either
            way on with probability 1/2 wherever both are shortest.
    """

    energy: float
    average_latency: float
    max_latency: float
    average_congestion: float
    max_congestion: float


def jin2023(flows: Flows, slots: Slots, place: I32, costs: Costs | None = None) -> Jin2023:
    """Metrics of `(cores,)` slots.

    Args:
        flows: traffic. slots: the places; cores of one router are no hop apart. place: slot of
            every core.
        costs: None takes those of the paper.
    """
    costs = costs or Costs()
    one, two = place[flows.source], place[flows.target]
    hops = slots.hops(one, two)
    energy = (hops + 1) * costs.routing_energy + hops * costs.wire_energy
    latency = (hops + 1) * costs.routing_latency + hops * costs.wire_latency
    visits = np.zeros((int(slots.column.max()) + 1, int(slots.row.max()) + 1))
    column, row = slots.column.astype(np.int64), slots.row.astype(np.int64)
    _visit(visits, column[one], row[one], column[two], row[two], flows.packets)
    return Jin2023(
        energy=float((flows.packets * energy).sum()),
        average_latency=float((flows.packets * latency).sum() / max(1, flows.packets.sum())),
        max_latency=float(latency.max(initial=0)),
        average_congestion=float(visits.mean()),
        max_congestion=float(visits.max()),
    )


@njit
def _visit(visits: F64, x0: I64, y0: I64, x1: I64, y1: I64, packets: I64) -> None:
    """Add the expected visits of every flow to the routers."""
    for flow in range(len(packets)):
        wide, high = abs(x1[flow] - x0[flow]), abs(y1[flow] - y0[flow])
        right = 1 if x1[flow] >= x0[flow] else -1
        down = 1 if y1[flow] >= y0[flow] else -1
        chance = np.zeros((wide + 1, high + 1))
        chance[0, 0] = packets[flow]
        for i in range(wide + 1):
            for j in range(high + 1):
                visits[x0[flow] + right * i, y0[flow] + down * j] += chance[i, j]
                if i < wide and j < high:
                    chance[i + 1, j] += chance[i, j] / 2
                    chance[i, j + 1] += chance[i, j] / 2
                elif i < wide:
                    chance[i + 1, j] += chance[i, j]
                elif j < high:
                    chance[i, j + 1] += chance[i, j]
