"""The packets of a deployment, as its cores send them, through the network on chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.base import MappedResult
from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import NetworkInput
from nmcompile.cost.mesh import LinkTime, MeshTiming, link_times, mesh_timing
from nmcompile.cost.rates import rates_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.noc.drain import Drains, drain
from nmcompile.mapping.noc.ways import LinkCycles, Ways, crossings, ways_of
from nmcompile.mapping.route import DIRECTIONS, route, system_coordinates

I64 = npt.NDArray[np.int64]
_STEP = ((1, 0), (-1, 0), (0, -1), (0, 1))
"""From a router to the one at the other end of its link, in the order of directions."""


@dataclass(frozen=True, slots=True)
class BusyLink:
    """One link of the mesh, or the port into a core.

    Attributes:
        start: (column, row) of a router. end: likewise; None for the port into a core there.
        packets: over all timesteps. most: of its busiest timestep.
        queue: most packets that waited at once.
    """

    start: tuple[int, int]
    end: tuple[int, int] | None
    packets: int
    most: int
    queue: int


@dataclass(frozen=True)
class MeshReading:
    """One way to take the times of links, and what follows.

    Attributes:
        link: the times.
        drains: what the mesh did in every timestep of all inferences.
        timing: seconds, beside those of the cores.
        busiest: the links that carried most in one timestep, and at last such a port into a core.
    """

    link: LinkTime
    drains: Drains
    timing: MeshTiming
    busiest: tuple[BusyLink, ...]

    def cycles(self, percent: float) -> int:
        """Cycles of a timestep: this percentile of all timesteps."""
        if not len(self.drains.cycles):
            return 0
        return int(np.percentile(self.drains.cycles, percent, method="higher"))


@dataclass(frozen=True)
class MeshRun:
    """A network's packets in the mesh.

    Attributes:
        network: its name. inferences: how many were run.
        timesteps: of all inferences; where they overlap, packets of the same time are together.
        packets: among them `host`, those of the host.
        crossings: links between chips that packets passed.
        readings: one for every way to take the published times.
    """

    network: str
    inferences: int
    timesteps: int
    packets: int
    host: int
    crossings: int
    readings: tuple[MeshReading, ...]


def run_mesh(
    deployment: Deployment,
    network: str,
    inputs: Sequence[NetworkInput],
    *,
    crossing: int = 1,
    links: int = 5,
) -> MeshRun:
    """Run a network's cores and send what they sent.

    Args:
        deployment: a build. network: of the chip.
        inputs: of consecutive inferences.
        crossing: cycles that a link between chips takes for a packet.
        links: how many of the busiest links to name.
    """
    graph, target = deployment.graph(network), deployment.target
    routing = route(graph)
    simulator = deployment.simulator(network)
    results = [simulator.run(i.stimulus, i.slots, record=True) for i in inputs]
    samples = [result.counters for result in results]
    traffic = [_overlapped(result) for result in results]
    packets = np.concatenate(traffic)
    between = crossings(graph, routing)
    table = rates_of(target).time
    ends = np.cumsum([len(t) for t in traffic])[:-1]
    readings = []
    for link in link_times(target):
        cycles = LinkCycles(link.hop, crossing)
        ways = ways_of(routing, graph.cores, cycles, between)
        drains = drain(ways, packets)
        timing = mesh_timing(samples, np.split(drains.cycles, ends), link, table, graph.chips)
        busiest = _busiest(graph, ways, drains, links)
        readings.append(MeshReading(link, drains, timing, busiest))
    total = packets.sum(axis=0)
    return MeshRun(
        network=network,
        inferences=len(inputs),
        timesteps=len(packets),
        packets=int(total.sum()),
        host=int(total[routing.source < 0].sum()),
        crossings=int((total * routing.crossings).sum()),
        readings=tuple(readings),
    )


def unverified(deployment: Deployment) -> tuple[Diagnostic, ...]:
    """NM0355 where the packets are those of cores that nobody compared with the golden network."""
    if deployment.report.headline.verdict == "verified":
        return ()
    return (
        Diagnostic(
            code="NM0355",
            severity="warning",
            message="the packets come from cores that were not compared with the golden network",
            where=str(deployment.folder.name),
            found=deployment.report.headline.verdict,
            help=("compare them with `nmcompile run`, or build again without --no-verify",),
        ),
    )


def _overlapped(result: MappedResult) -> I64:
    """`(ticks, pairs)` packets; of inferences that overlap, those of an interval in steady state.

    Raises:
        ValueError: the simulator recorded no packets.
    """
    if result.traffic is None:
        raise ValueError("the simulator recorded no packets")
    interval = result.counters.interval
    if not interval:
        return result.traffic
    steady = np.zeros((interval, result.traffic.shape[1]), np.int64)
    for tick, packets in enumerate(result.traffic):
        steady[tick % interval] += packets
    return steady


def _busiest(graph: MappedGraph, ways: Ways, drains: Drains, count: int) -> tuple[BusyLink, ...]:
    column, row = system_coordinates(graph)
    order = np.lexsort((ways.number, -drains.load, -drains.load_max))
    links, ports = order[ways.in_mesh[order]], order[~(ways.in_mesh | ways.source)[order]]
    found = []
    for link in [*links[:count], *ports[:1]]:
        number = int(ways.number[link])
        end = None
        if number < ways.mesh:
            router, direction = divmod(number, DIRECTIONS)
            y, x = divmod(router, ways.columns)
            dx, dy = _STEP[direction]
            end = (x + dx, y + dy)
        else:
            core = number - ways.mesh - graph.cores
            x, y = int(column[core]), int(row[core])
        found.append(
            BusyLink(
                start=(x, y),
                end=end,
                packets=int(drains.load[link]),
                most=int(drains.load_max[link]),
                queue=int(drains.queue_max[link]),
            )
        )
    return tuple(found)
