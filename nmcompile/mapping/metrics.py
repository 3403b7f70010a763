"""How good a placement is: average hop, a lower bound on it, and the gap between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nmcompile.mapping.graph import MappedGraph
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
        average_hop_bound: no placement has less (degree bound: the heaviest flows of every core
            at the nearest places, each flow counted at both ends and halved).
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
    bound = _degree_bound(graph) / total if total else 0.0
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


def _degree_bound(graph: MappedGraph) -> float:
    """Least total hops: every core's flows, heaviest first, at the nearest free places."""
    source, target, _, packets = graph.core_edges()
    between = (source >= 0) & (source != target)
    flows: dict[int, dict[int, int]] = {core: {} for core in range(graph.cores)}
    for a, b, n in zip(source[between], target[between], packets[between], strict=True):
        for one, other in ((int(a), int(b)), (int(b), int(a))):
            flows[one][other] = flows[one].get(other, 0) + int(n)
    distances = _nearest_places(max((len(f) for f in flows.values()), default=0), graph)
    total = 0
    for partners in flows.values():
        heaviest = sorted(partners.values(), reverse=True)
        total += int(np.dot(heaviest, distances[: len(heaviest)]))
    return total / 2


def _nearest_places(count: int, graph: MappedGraph) -> list[int]:
    """Distances of the `count` places nearest to a core in an unbounded mesh."""
    per_router = graph.mesh.cores_per_router
    distances = [0] * (per_router - 1)
    radius = 1
    while len(distances) < count:
        distances += [radius] * (4 * radius * per_router)
        radius += 1
    return distances
