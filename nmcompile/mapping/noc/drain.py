"""How many cycles the mesh needs for the packets of one timestep.

All packets of a timestep are ready in their cores when it begins, and a core sends one of them in
a cycle, to its destinations in turn. At every link they wait in a queue in the order of arrival
(of those that arrive at once, the one from the link with the lower number is first), and a link
takes the first one as soon as it is free. Queues have no end: no source states what a router
holds, so that nothing blocks what is behind it, and the length of a queue says what it would need.

Every packet leaves after at least

    max over links (fewest cycles to the link + (packets - 1) gap + latency + fewest cycles after)

and at least as many cycles as its own way has. `bound` is the largest of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.noc.ways import I32, I64, Flags, Ways
from nmcompile.reference.jit import njit

U64 = npt.NDArray[np.uint64]
_WORD = 64
_FAR = np.iinfo(np.int64).max // 4


@dataclass(frozen=True)
class Drains:
    """What the mesh did in every timestep.

    Attributes:
        cycles: `(ticks,)` until the last packet arrived; 0 where there was none.
        bound: `(ticks,)` cycles that no order of the packets can be below.
        packets: `(ticks,)` packets that arrived.
        waited: `(ticks,)` cycles that packets waited at links, outside their own core, in total.
        load: `(links,)` packets over every link (`Ways.number`), all ticks.
        load_max: `(links,)` of its busiest tick.
        queue_max: `(links,)` most packets that waited at once.
    """

    cycles: I64
    bound: I64
    packets: I64
    waited: I64
    load: I64
    load_max: I64
    queue_max: I64


def drain(ways: Ways, packets: I64) -> Drains:
    """Send the packets of some timesteps, each when the one before has arrived.

    Args:
        ways: of the pairs.
        packets: `(ticks, pairs)`.

    Raises:
        ValueError: the packets are those of other pairs.
    """
    if packets.ndim != 2 or packets.shape[1] != ways.pairs:
        raise ValueError(f"{packets.shape} packets for {ways.pairs} pairs of cores")
    ticks, links = len(packets), len(ways.number)
    cycles, bound, waited = (np.zeros(ticks, np.int64) for _ in range(3))
    load, load_max, queue_max = (np.zeros(links, np.int64) for _ in range(3))
    for tick in range(ticks):
        sent = np.ascontiguousarray(packets[tick], np.int64)
        carried = np.zeros(links, np.int64)
        bound[tick] = _bound(sent, ways.way0, ways.way, ways.latency, ways.gap, carried)
        arrived = np.zeros(links, np.int64)
        cycles[tick], waited[tick] = _drain(
            _injected(sent, ways.way0, ways.way),
            *(ways.way0, ways.way, ways.latency, ways.gap, ways.source),
            *(arrived, queue_max),
        )
        if not np.array_equal(carried, arrived):
            raise RuntimeError("packets were lost or doubled in the mesh")
        load += arrived
        np.maximum(load_max, arrived, out=load_max)
    return Drains(cycles, bound, packets.sum(axis=1), waited, load, load_max, queue_max)


@njit
def _bound(packets: I64, way0: I64, way: I32, latency: I64, gap: I64, load: I64) -> int:
    """See the module; `load` becomes the packets over every link."""
    before, after = np.full(len(load), _FAR), np.full(len(load), _FAR)
    most = 0
    for pair in range(len(packets)):
        if packets[pair] == 0:
            continue
        total = 0
        for n in range(way0[pair], way0[pair + 1]):
            total += latency[way[n]]
        most = max(most, total)
        passed = 0
        for n in range(way0[pair], way0[pair + 1]):
            link = way[n]
            load[link] += packets[pair]
            before[link] = min(before[link], passed)
            passed += latency[link]
            after[link] = min(after[link], total - passed)
    for link in range(len(load)):
        if load[link]:
            busy = (load[link] - 1) * gap[link] + latency[link]
            most = max(most, before[link] + busy + after[link])
    return most


@njit
def _injected(packets: I64, way0: I64, way: I32) -> I32:
    """The pair of every packet in the order in which its core sends them.

    Pairs of one core follow each other: it sends one packet to each destination in turn.
    """
    order = np.zeros(packets.sum(), np.int32)
    at, first = 0, 0
    while first < len(packets):
        last, left, most = first, 0, 0
        while last < len(packets) and way[way0[last]] == way[way0[first]]:
            left += packets[last]
            most = max(most, packets[last])
            last += 1
        if left:
            for turn in range(most):
                for pair in range(first, last):
                    if packets[pair] > turn:
                        order[at] = pair
                        at += 1
        first = last
    return order


@njit
def _drain(
    pair: I32,
    way0: I64,
    way: I32,
    latency: I64,
    gap: I64,
    source: Flags,
    load: I64,
    queue_max: I64,
) -> tuple[int, int]:
    """Cycles until all packets have arrived, and cycles that they waited at links.

    Args:
        pair: `(packets,)` of every packet, those of a core in the order in which it sends them.
        way0, way, latency, gap, source: see `Ways`.
        load: `(links,)` zeros; becomes the packets that passed. queue_max: raised in place.
    """
    links, left = len(load), len(pair)
    head, tail = np.full(links, -1), np.full(links, -1)
    length, free = np.zeros(links, np.int64), np.zeros(links, np.int64)
    behind = np.full(left, -1)  # the packet behind a packet, in a queue or on its way
    place = np.zeros(left, np.int64)  # where in `way` it waits
    busy = np.zeros((links + _WORD - 1) // _WORD, np.uint64)
    slots = latency.max() + 1 if links else 1
    first, last = np.full(slots, -1), np.full(slots, -1)  # packets that arrive in a later cycle
    for packet in range(left):
        place[packet] = way0[pair[packet]]
        _enqueue(packet, way[place[packet]], head, tail, length, behind, busy)
    cycle = end = waited = 0
    while left:
        now = cycle % slots
        packet = first[now]
        first[now] = -1
        while packet >= 0:
            following = behind[packet]
            _enqueue(packet, way[place[packet]], head, tail, length, behind, busy)
            packet = following
        for word in range(len(busy)):
            if not busy[word]:
                continue
            for bit in range(_WORD):
                if not (busy[word] >> np.uint64(bit)) & np.uint64(1):
                    continue
                link = word * _WORD + bit
                if free[link] <= cycle:
                    packet = head[link]
                    head[link] = behind[packet]
                    length[link] -= 1
                    load[link] += 1
                    free[link] = cycle + gap[link]
                    arrival = cycle + latency[link]
                    place[packet] += 1
                    if place[packet] == way0[pair[packet] + 1]:
                        end = max(end, arrival)
                        left -= 1
                    else:
                        slot = arrival % slots
                        behind[packet] = -1
                        if first[slot] < 0:
                            first[slot] = packet
                        else:
                            behind[last[slot]] = packet
                        last[slot] = packet
                    if not length[link]:
                        busy[word] &= ~(np.uint64(1) << np.uint64(bit))
                if not source[link]:
                    waited += length[link]
                    queue_max[link] = max(queue_max[link], length[link])
        cycle += 1
    return end, waited


@njit
def _enqueue(
    packet: int, link: int, head: I64, tail: I64, length: I64, behind: I64, busy: U64
) -> None:
    """A packet at the end of a link's queue."""
    behind[packet] = -1
    if length[link]:
        behind[tail[link]] = packet
    else:
        head[link] = packet
        busy[link // _WORD] |= np.uint64(1) << np.uint64(link % _WORD)
    tail[link] = packet
    length[link] += 1
