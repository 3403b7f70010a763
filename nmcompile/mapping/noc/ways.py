"""Which links the packets of every pair of cores pass, one after the other.

A way begins at the port out of its core, leads over the links of the mesh (x first, then y) and
ends at the port into its core. Packets of the host begin at a port of their own beside the core
that they go to: no source states where they enter the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.route import DIRECTIONS, Routing
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LinkCycles:
    """Cycles that packets spend on links; a link takes a packet in every cycle but for `crossing`.

    Attributes:
        hop: from a router to the next one.
        crossing: between two packets on a link from chip to chip.
    """

    hop: int = 1
    crossing: int = 1


@dataclass(frozen=True)
class Ways:
    """Ways of all pairs of cores over the links that any of them uses.

    Attributes:
        way0: `(pairs + 1,)` where the links of every pair begin in `way`, and their end.
        way: which links, as rows of the columns below, pair after pair.
        number: `(links,)` in the mesh, then ports out of cores, into cores, of the host.
        latency: `(links,)` cycles that a packet is on the link.
        gap: `(links,)` cycles between two packets.
        source: `(links,)` whether packets begin there.
        mesh: number of links of the whole mesh, used or not. columns: routers along x.
    """

    way0: I64
    way: I32
    number: I64
    latency: I64
    gap: I64
    source: Flags
    mesh: int
    columns: int

    @property
    def pairs(self) -> int:
        """Number of pairs of cores."""
        return len(self.way0) - 1

    @property
    def in_mesh(self) -> Flags:
        """`(links,)` whether the link leads from router to router."""
        return self.number < self.mesh


def ways_of(
    routing: Routing, cores: int, cycles: LinkCycles, crossing: Flags | None = None
) -> Ways:
    """The ways of all pairs that exchange packets.

    Args:
        routing: their routes.
        cores: number of cores.
        cycles: what links take.
        crossing: `(routing.links,)` links from chip to chip, see `crossings`.
    """
    host = routing.source < 0
    first = routing.links + np.where(host, 2 * cores + routing.target, routing.source)
    last = routing.links + cores + routing.target
    way0 = routing.link0 + 2 * np.arange(len(routing.link0))
    way = np.zeros(int(way0[-1]), np.int64)
    _fill(routing.link0, routing.link, first, last, way0, way)
    number, position = np.unique(way, return_inverse=True)
    in_mesh = number < routing.links
    slow = np.zeros(len(number), np.bool_)
    if crossing is not None:
        slow[in_mesh] = crossing[number[in_mesh]]
    source = np.zeros(len(number), np.bool_)
    source[position.reshape(-1)[way0[:-1]]] = True
    return Ways(
        way0=way0,
        way=position.reshape(-1).astype(np.int32),
        number=number,
        latency=np.where(in_mesh, cycles.hop, 1),
        gap=np.where(slow, cycles.crossing, 1),
        source=source,
        mesh=routing.links,
        columns=routing.columns,
    )


def crossings(graph: MappedGraph, routing: Routing) -> Flags:
    """`(routing.links,)` links that lead from one chip to another."""
    columns, rows = graph.mesh.columns, graph.mesh.rows
    router, direction = np.divmod(np.arange(routing.links), DIRECTIONS)
    y, x = np.divmod(router, max(1, routing.columns))
    edges = (x % columns == columns - 1, x % columns == 0, y % rows == 0, y % rows == rows - 1)
    found: Flags = np.choose(direction, edges).astype(np.bool_)
    return found


@njit
def _fill(link0: I64, link: I32, first: I64, last: I64, way0: I64, way: I64) -> None:
    for pair in range(len(first)):
        at = way0[pair]
        way[at] = first[pair]
        for n in range(link0[pair], link0[pair + 1]):
            at += 1
            way[at] = link[n]
        way[at + 1] = last[pair]
