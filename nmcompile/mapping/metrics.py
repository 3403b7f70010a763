"""How good a placement is: average hop, a lower bound on it, and the gap between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmcompile.mapping.graph import PLACE, MappedGraph
from nmcompile.mapping.jin2023 import Jin2023, jin2023
from nmcompile.mapping.placement.bounds import hop_bound
from nmcompile.mapping.placement.flows import Flows
from nmcompile.mapping.placement.slots import Slots
from nmcompile.mapping.route import route


@dataclass(frozen=True, slots=True)
class PlacementMetrics:
    """Quality of a placement under the calibration traffic.

    Attributes:
        cores: used. chips: used.
        packets: spike packets from core to core.
        packets_in_router: those of them that stay within one router.
        packets_in_core: packets that stay within their core (not among `packets`).
        packets_host: packets of the host (not among `packets`).
        hops: router hops of all packets.
        chip_crossings: chip borders crossed by all packets.
        average_hop: hops per packet.
        average_hop_bound: no placement on the same places has less, see
            `nmcompile.mapping.placement.bounds`.
        gap: average_hop / average_hop_bound - 1, 0 when both are 0.
        link_load_max: packets on the busiest link.
    """

    cores: int
    chips: int
    packets: int
    packets_in_router: int
    packets_in_core: int
    packets_host: int
    hops: int
    chip_crossings: int
    average_hop: float
    average_hop_bound: float
    gap: float
    link_load_max: int


def placement_metrics(graph: MappedGraph) -> PlacementMetrics:
    """Metrics of a placed graph under its calibration traffic."""
    routing = route(graph)
    packets = routing.pair_packets(graph.packets().traffic)
    own = routing.source == routing.target
    host = routing.source < 0
    hops = int((packets * (routing.east_west + routing.north_south)).sum())
    total = int(packets[~own & ~host].sum())
    bound = hop_bound(*_placed(graph)) / total if total else 0.0
    average = hops / total if total else 0.0
    return PlacementMetrics(
        cores=graph.cores,
        chips=graph.chips,
        packets=total,
        packets_in_router=int(packets[routing.local & ~own].sum()),
        packets_in_core=int(packets[own].sum()),
        packets_host=int(packets[host].sum()),
        hops=hops,
        chip_crossings=int((packets * routing.crossings).sum()),
        average_hop=average,
        average_hop_bound=bound,
        gap=average / bound - 1 if bound else 0.0,
        link_load_max=int(routing.link_loads(packets).max(initial=0)),
    )


def jin2023_metrics(graph: MappedGraph) -> Jin2023:
    """The metrics of Jin et al. 2023 of a placed graph under its calibration traffic.

    Packets between different cores count; those of the host, which has no place, do not. A chip
    border is a hop like any other.
    """
    flows, slots = _placed(graph)
    return jin2023(flows, slots, np.arange(graph.cores, dtype=np.int32))


def _placed(graph: MappedGraph) -> tuple[Flows, Slots]:
    """Packets between cores, and the places that the cores have: core `i` is on slot `i`."""
    source, target, _, packets = graph.core_edges()
    between = (source >= 0) & (source != target)
    flows = Flows(graph.cores, source[between], target[between], packets[between])
    columns = (np.asarray(graph[f"core.{name}"], np.int32) for name in PLACE)
    return flows, Slots(graph.mesh, *columns)
