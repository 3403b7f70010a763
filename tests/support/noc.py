"""Small meshes, and the network on chip once more: plain Python, one packet after the other."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.noc.ways import LinkCycles, Ways, ways_of
from nmcompile.mapping.route import DIRECTIONS, Routing, links_between

I64 = npt.NDArray[np.int64]
ONE_CYCLE = LinkCycles()


def mesh_ways(
    columns: int,
    rows: int,
    pairs: Sequence[tuple[int, int]],
    cycles: LinkCycles = ONE_CYCLE,
    crossing: npt.NDArray[np.bool_] | None = None,
) -> Ways:
    """Ways of (source, target) pairs, rising, of cores that each have a router; -1 is the host."""
    cores = np.array(pairs, np.int64).reshape(-1, 2)
    target = cores[:, 1]
    source = np.where(cores[:, 0] < 0, target, cores[:, 0])
    x0, y0, x1, y1 = source % columns, source // columns, target % columns, target // columns
    link0, link = links_between(x0, y0, x1, y1, columns)
    none = np.zeros(0, np.int64)
    routing = Routing(
        sender=none,
        core=none,
        pair=none,
        source=cores[:, 0],
        target=target,
        east_west=np.abs(x1 - x0),
        north_south=np.abs(y1 - y0),
        crossings=np.zeros(len(cores), np.int64),
        local=source == target,
        link0=link0,
        link=link,
        columns=columns,
        rows=rows,
    )
    assert routing.links == columns * rows * DIRECTIONS
    return ways_of(routing, columns * rows, cycles, crossing)


def slow_drain(ways: Ways, packets: Sequence[int]) -> tuple[int, int, dict[int, int]]:
    """Cycles, cycles that packets waited outside their cores, and packets per row of `ways`."""
    way = [
        [int(link) for link in ways.way[a:b]]
        for a, b in zip(ways.way0[:-1], ways.way0[1:], strict=True)
    ]
    queues: dict[int, deque[list[int]]] = defaultdict(deque)
    by_port: dict[int, list[list[int]]] = defaultdict(list)
    for pair, links in enumerate(way):
        by_port[links[0]].append([pair, int(packets[pair])])
    for port, counts in by_port.items():
        while any(left for _, left in counts):
            for count in counts:
                if count[1]:
                    count[1] -= 1
                    queues[port].append(way[count[0]][1:])
    coming: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
    free: dict[int, int] = defaultdict(int)
    load: dict[int, int] = defaultdict(int)
    left = sum(int(n) for n in packets)
    cycle = end = waited = 0
    while left:
        for link, rest in coming.pop(cycle, []):
            queues[link].append(rest)
        for link in sorted(queues):
            if queues[link] and free[link] <= cycle:
                rest = queues[link].popleft()
                load[link] += 1
                free[link] = cycle + int(ways.gap[link])
                arrival = cycle + int(ways.latency[link])
                if rest:
                    coming[arrival].append((rest[0], rest[1:]))
                else:
                    end, left = max(end, arrival), left - 1
            if not ways.source[link]:
                waited += len(queues[link])
        cycle += 1
    return end, waited, load
