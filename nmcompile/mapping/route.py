"""Dimension-order (x, then y) routes: hops, chip borders and link loads of every core pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import MappedGraph
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
DIRECTIONS = 4
"""Links that leave a router: east, west, north, south."""


@dataclass(frozen=True)
class Routing:
    """Paths of all pairs of cores that exchange spikes.

    Attributes:
        sender: `(packets,)` whose spikes cause a packet, see `MappedGraph.packets`.
        core: `(packets,)` where it goes. pair: `(packets,)` the pair of cores.
        source: `(pairs,)` core, -1 for the host. target: core.
        east_west: `(pairs,)` hops along x. north_south: hops along y (0 from the host, whose
            entry point no source states).
        crossings: `(pairs,)` chip borders on the way.
        local: `(pairs,)` whether the packet stays within one router (or one core).
        link0: `(pairs + 1,)` where the links of every pair begin in `link`, and their end.
        link: `(hops,)` numbers of the links on the way of pair after pair.
        columns: routers along x, up to the last one used. rows: along y.
    """

    sender: I64
    core: I64
    pair: I64
    source: I64
    target: I64
    east_west: I64
    north_south: I64
    crossings: I64
    local: npt.NDArray[np.bool_]
    link0: I64
    link: I32
    columns: int
    rows: int

    @property
    def links(self) -> int:
        """Number of links of the mesh."""
        return self.rows * self.columns * DIRECTIONS

    def link_loads(self, pair_packets: I64) -> I64:
        """`(links,)` packets on every link for `(pairs,)` packets."""
        loads = np.zeros(max(1, self.links), np.int64)
        _add_loads(pair_packets.astype(np.int64), self.link0, self.link, loads)
        return loads

    def router_loads(self, pair_packets: I64) -> I64:
        """`(rows, columns, 4)` packets on the links that leave every router."""
        loads = self.link_loads(pair_packets)[: self.links]
        return loads.reshape(self.rows, self.columns, DIRECTIONS)

    def busiest_links(self, packets: I64) -> I64:
        """`(ticks,)` packets on the busiest link for `(ticks, pairs)` packets."""
        busiest = np.zeros(len(packets), np.int64)
        _busiest(packets.astype(np.int64), self.link0, self.link, max(1, self.links), busiest)
        return busiest

    def pair_packets(self, packets: I64) -> I64:
        """`(pairs,)` sums of `(packets,)`."""
        sums = np.bincount(self.pair, weights=packets, minlength=len(self.source))
        return sums.astype(np.int64)


def route(graph: MappedGraph) -> Routing:
    """Routes of a placed graph."""
    packets = graph.packets()
    key = (packets.source + 1) * graph.cores + packets.target
    pairs, pair = np.unique(key, return_inverse=True)
    start, end = pairs // graph.cores - 1, pairs % graph.cores
    host = start < 0
    column, row = system_coordinates(graph)
    x0, y0, x1, y1 = (c[np.maximum(e, 0)] for e in (start, end) for c in (column, row))
    x0, y0 = np.where(host, x1, x0), np.where(host, y1, y0)
    mesh = graph.mesh
    chip = graph["core.chip"]
    chip0, chip1 = np.where(host, chip[end], chip[np.maximum(start, 0)]), chip[end]
    crossings = np.abs(chip0 % mesh.chip_columns - chip1 % mesh.chip_columns) + np.abs(
        chip0 // mesh.chip_columns - chip1 // mesh.chip_columns
    )
    east_west, north_south = np.abs(x1 - x0), np.abs(y1 - y0)
    width, height = int(column.max(initial=0)) + 1, int(row.max(initial=0)) + 1
    link0, link = links_between(x0, y0, x1, y1, width)
    return Routing(
        sender=packets.sender,
        core=packets.target,
        pair=pair.reshape(-1),
        source=start,
        target=end,
        east_west=east_west,
        north_south=north_south,
        crossings=crossings.astype(np.int64),
        local=(east_west + north_south == 0) & ~host,
        link0=link0,
        link=link,
        columns=width,
        rows=height,
    )


def links_between(x0: I64, y0: I64, x1: I64, y1: I64, columns: int) -> tuple[I64, I32]:
    """Links of the ways between routers of a mesh: x first, then y.

    Args:
        x0, y0: `(pairs,)` where each begins. x1, y1: where it ends.
        columns: routers along x; a link's number is 4 (y columns + x) + direction.

    Returns:
        `(pairs + 1,)` where the links of every pair begin, and `(hops,)` their numbers.
    """
    link0 = np.concatenate([[0], np.cumsum(np.abs(x1 - x0) + np.abs(y1 - y0))]).astype(np.int64)
    link = np.zeros(link0[-1], np.int32)
    _links(x0, y0, x1, y1, columns, link)
    return link0, link


def system_coordinates(graph: MappedGraph) -> tuple[I64, I64]:
    """(column, row) of every core's router in the whole system of chips."""
    mesh, chip = graph.mesh, graph["core.chip"].astype(np.int64)
    return (
        (chip % mesh.chip_columns) * mesh.columns + graph["core.x"],
        (chip // mesh.chip_columns) * mesh.rows + graph["core.y"],
    )


@njit
def _busiest(packets: I64, link0: I64, link: I32, links: int, busiest: I64) -> None:
    loads = np.zeros(links, np.int64)
    for tick in range(packets.shape[0]):
        _add_loads(packets[tick], link0, link, loads)
        busiest[tick] = loads.max()
        loads[:] = 0


@njit
def _add_loads(pair_packets: I64, link0: I64, link: I32, loads: I64) -> None:
    """Packets of every pair onto the links of its way; most pairs are silent in most ticks."""
    for pair in range(len(pair_packets)):
        if pair_packets[pair]:
            for n in range(link0[pair], link0[pair + 1]):
                loads[link[n]] += pair_packets[pair]


@njit
def _links(x0: I64, y0: I64, x1: I64, y1: I64, width: int, link: I32) -> None:
    """Fill the links of every pair: x first, then y."""
    n = 0
    for pair in range(x0.shape[0]):
        x, y = x0[pair], y0[pair]
        while x != x1[pair]:
            east = x1[pair] > x
            link[n] = (y * width + x) * 4 + (0 if east else 1)
            n += 1
            x += 1 if east else -1
        while y != y1[pair]:
            south = y1[pair] > y
            link[n] = (y * width + x) * 4 + (3 if south else 2)
            n += 1
            y += 1 if south else -1
