"""Does the mesh or do the cores decide how long a timestep takes?

    t_tick = max(t_min, max(busiest core, cycles to drain x time of a cycle) + t_barrier)

A cycle is the time between two packets on one link. Where no source states it, the cycles stand
without seconds, and the longest cycle with which the mesh decides no timestep says what it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from nmcompile.cost.rates import TimeRates
from nmcompile.cost.timing import barrier_of, busiest_core
from nmcompile.ir.counters import NetworkCounters
from nmcompile.target import NeurocoreTarget, Target
from nmcompile.units import Quantity

I64 = npt.NDArray[np.int64]
Seconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinkTime:
    """One way to take what is published about links.

    Attributes:
        name: in words.
        cycle: seconds between two packets on a link; may be unknown.
        hop: cycles from router to router.
    """

    name: str
    cycle: Quantity
    hop: int


def link_times(target: Target) -> tuple[LinkTime, ...]:
    """The fastest link that the sources allow, then the slowest.

    The fastest takes the next packet while the last one is still under way. The slowest is busy
    for a whole hop, as the times of the report have it.
    """
    stated = target.time.link_packet
    link = Quantity(None, "s", "unknown") if stated is None else stated.quantity()
    if not isinstance(target, NeurocoreTarget):
        return (LinkTime("a packet in every cycle", link, 1),)
    hop = target.time.hop.quantity()
    whole = LinkTime("busy for a whole hop", hop, 1)
    if not link.value:
        return (whole,)
    cycle = replace(link, low=None, high=None)
    cycles = max(1, round((hop.value or 0.0) / link.value))
    return (LinkTime("a packet in every cycle", cycle, cycles), whole)


@dataclass(frozen=True, slots=True)
class MeshTiming:
    """How long the mesh takes, beside the cores.

    Attributes:
        slowest: seconds of the mesh in its slowest timestep; None where a cycle is unknown.
        decides: timesteps that the mesh makes longer than the cores, the shortest step or the
            clock; None likewise.
        without: mean seconds of an inference if packets took no time.
        together: likewise with the mesh; None where a cycle is unknown, and where a clock sets
            the time.
        enough: the longest cycle, in seconds, with which the mesh decides no timestep; None where
            no packet was sent.
    """

    slowest: float | None
    decides: int | None
    without: float
    together: float | None
    enough: float | None


def mesh_timing(
    samples: Sequence[NetworkCounters],
    cycles: Sequence[I64],
    link: LinkTime,
    table: TimeRates,
    chips: int,
) -> MeshTiming:
    """Set the mesh beside the cores.

    Args:
        samples: inferences.
        cycles: `(ticks,)` of every inference until the mesh is empty.
        link: its links.
        table: times of the cores; an unknown one counts as none, which leaves the mesh less time.
        chips: chips that wait for one another.
    """
    barrier, least = barrier_of(table, chips).value or 0.0, table.step_min.value or 0.0
    cores = [_core_seconds(s, len(c), table) for s, c in zip(samples, cycles, strict=True)]
    without = [np.maximum(core + barrier, least) for core in cores]
    room = np.concatenate(without) - barrier
    drained = np.concatenate(list(cycles))
    used = drained > 0
    mean = float(np.mean([w.sum() for w in without]))
    enough = float((room[used] / drained[used]).min()) if used.any() else None
    if link.cycle.value is None:
        return MeshTiming(None, None, mean, None, enough)
    mesh = [c * link.cycle.value for c in cycles]
    both = [
        np.maximum(np.maximum(core, m) + barrier, least)
        for core, m in zip(cores, mesh, strict=True)
    ]
    return MeshTiming(
        slowest=float(np.concatenate(mesh).max(initial=0.0)),
        decides=int((np.concatenate(mesh) > room).sum()),
        without=mean,
        together=None if table.clocked else float(np.mean([b.sum() for b in both])),
        enough=enough,
    )


def _core_seconds(sample: NetworkCounters, ticks: int, table: TimeRates) -> Seconds:
    if table.clocked or sample.cores is None:
        return np.zeros(ticks)
    return busiest_core(sample.cores, table)
