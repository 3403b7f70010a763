"""Time of one frame: the busiest core and link of every tick, against barrier and minimum step.

    t_tick = max(t_min, max(max over cores (sops t_sop + active t_active + idle t_inactive
                                            + packets t_in),
                            packets on the busiest link x t_hop) + t_barrier)

Barrier-synchronised chips wait for their busiest core at every tick. The networks of a frame run
one after the other, so a network's latency is the sum of its ticks and FPS is one over the time
of a frame. Chips with a pipeline answer at another rate, see `frame_seconds`. Time on the host is
not in it: nothing here has measured a host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from nmcompile.cost.charge import add, joined_sources
from nmcompile.cost.rates import Rates, TimeRates
from nmcompile.cost.workload import Workload
from nmcompile.ir.counters import CoreCounters, NetworkCounters
from nmcompile.units import Quantity, weakest

Seconds = npt.NDArray[np.float64]
Limiter = Literal["core", "link", "step_min"]
End = Literal["low", "value", "high"]

LIMITERS: Final[tuple[Limiter, ...]] = ("core", "link", "step_min")
_ENDS: Final[tuple[End, ...]] = ("low", "value", "high")


@dataclass(frozen=True, slots=True)
class NetworkTiming:
    """How long one inference of one network takes on the chip.

    Attributes:
        ticks: of one inference (mean over the measured ones).
        latency: seconds from the first tick to the last output (mean).
        tick_mean: seconds per tick.
        tick_max: seconds of the slowest tick of all measured inferences.
        barriers: of the latency, seconds at the barriers; 0 where a clock hides them.
        limited_by: ticks decided by the busiest core, the busiest link, the minimum step.
        tick_seconds: seconds of every tick of the first measured inference.
    """

    ticks: float
    latency: Quantity
    tick_mean: Quantity
    tick_max: Quantity
    barriers: Quantity
    limited_by: tuple[tuple[Limiter, int], ...]
    tick_seconds: tuple[float, ...]


def network_timing(
    samples: Sequence[NetworkCounters], rates: Rates, *, chips: int = 1
) -> NetworkTiming:
    """Time the measured inferences of one network.

    Args:
        samples: at least one inference.
        rates: the target's tables.
        chips: chips that wait for one another.
    """
    table = rates.time
    ticks = fmean(sample.ticks for sample in samples)
    each = [tick_seconds(sample, table, chips, "value") for sample in samples]
    slowest = int(np.argmax([seconds.max(initial=0.0) for seconds, _ in each]))
    low, value, high = (
        float(tick_seconds(samples[slowest], table, chips, end)[0].max(initial=0.0))
        for end in _ENDS
    )
    latency = mean_latency(samples, rates, chips=chips)
    limiters = np.concatenate([limiter for _, limiter in each])
    return NetworkTiming(
        ticks=ticks,
        latency=latency,
        tick_mean=latency.scale(1.0 / ticks),
        tick_max=_time(low, value, high, _used(samples, table, chips)),
        barriers=barrier_of(table, chips).scale(ticks),
        limited_by=tuple((name, int((limiters == i).sum())) for i, name in enumerate(LIMITERS)),
        tick_seconds=tuple(float(s) for s in each[0][0]),
    )


def mean_latency(samples: Sequence[NetworkCounters], rates: Rates, *, chips: int = 1) -> Quantity:
    """Mean time of one inference in seconds; a lower bound where a time is unknown."""
    low, value, high = (
        fmean(float(tick_seconds(s, rates.time, chips, end)[0].sum()) for s in samples)
        for end in _ENDS
    )
    return _time(low, value, high, _used(samples, rates.time, chips))


def frame_seconds(work: Workload, rates: Rates) -> Quantity:
    """Time from one output to the next, in seconds.

    Runs follow one another; where inferences overlap, networks run beside each other, each takes
    an input every `interval` ticks, and the slowest of them decides.
    """
    if rates.time.pipelined:
        each: dict[str, list[tuple[str, Quantity]]] = {}
        for run in work.chip:
            ticks = fmean(s.interval or s.ticks for s in run.samples)
            seconds = rates.time.step_min.scale(
                ticks * run.repeat * work.share(run.trigger, run.every)
            )
            each.setdefault(run.network, []).append((run.step, seconds))
        sums = [add(runs, "s") for runs in each.values()]
        return max(sums, key=lambda s: s.value or 0.0, default=add((), "s"))
    return add(
        (
            (
                run.step,
                mean_latency(run.samples, rates, chips=work.chips).scale(
                    run.repeat * work.share(run.trigger, run.every)
                ),
            )
            for run in work.chip
        ),
        "s",
    )


def output_latency(work: Workload, rates: Rates) -> Quantity:
    """Time from an input to its output, in seconds.

    The time of a frame, unless inferences overlap: then the ticks of the last of all runs that an
    output follows, each of which begins an interval after the one before.
    """
    if not rates.time.pipelined:
        return frame_seconds(work, rates)
    runs = [run for run in work.chip if run.trigger == work.output_trigger]
    return add(
        (
            (
                run.step,
                rates.time.step_min.scale(
                    fmean(s.ticks + (run.repeat - 1) * (s.interval or s.ticks) for s in run.samples)
                ),
            )
            for run in runs
        ),
        "s",
    )


def frames_per_second(frame: Quantity) -> Quantity:
    """The rate of frames that take `frame` seconds each.

    Where the time is a lower bound, the rate is an upper one, and its range starts at zero.
    """
    if not frame.value:
        return Quantity(None, "Hz", "unknown", unknown_parts=frame.unknown_parts)
    low, high = frame.range
    return Quantity(
        value=1.0 / frame.value,
        unit="Hz",
        kind=frame.kind,
        source=frame.source,
        low=1.0 / high,
        high=1.0 / low if low else None,
        unknown_parts=frame.unknown_parts,
    )


def tick_seconds(
    sample: NetworkCounters, table: TimeRates, chips: int, end: End
) -> tuple[Seconds, npt.NDArray[np.int64]]:
    """Seconds of every tick of one inference, and what decided them (index into `LIMITERS`).

    Args:
        sample: one inference.
        table: times; one without a value adds nothing here, and whoever sums up calls the
            result a lower bound.
        chips: chips that wait for one another.
        end: which end of the table's ranges to use.
    """
    minimum, barrier = _take(table.step_min, end), _take(barrier_of(table, chips), end)
    core = link = np.zeros(sample.ticks)
    if sample.cores is not None:
        core = busiest_core(sample.cores, table, end)
        link = sample.cores.link_load_max * _take(table.hop, end)
    busy = np.maximum(core, link) + barrier
    limiter = np.where(busy <= minimum, 2, np.where(core >= link, 0, 1))
    return np.maximum(busy, minimum), limiter


def busiest_core(cores: CoreCounters, table: TimeRates, end: End = "value") -> Seconds:
    """Seconds that the busiest core needs for its own work, `(ticks,)`."""
    idle = cores.neurons[None, :] - cores.updates_active
    work = (
        cores.sops * _take(table.synaptic_op, end)
        + cores.updates_active * _take(table.neuron_active, end)
        + idle * _take(table.neuron_inactive, end)
    )
    if table.packet_in is not None:
        work = work + cores.packets_in * _take(table.packet_in, end)
    busiest: Seconds = work.max(axis=1, initial=0.0)
    return busiest


def _take(quantity: Quantity, end: End) -> float:
    if quantity.value is None:
        return 0.0
    stated = {"low": quantity.low, "value": quantity.value, "high": quantity.high}[end]
    return quantity.value if stated is None else stated


def barrier_of(table: TimeRates, chips: int) -> Quantity:
    """The barrier at the end of a tick: of one chip, or of several that wait for one another."""
    return table.barrier if chips == 1 else table.barrier_multi_chip


def _used(
    samples: Sequence[NetworkCounters], table: TimeRates, chips: int
) -> list[tuple[str, Quantity]]:
    """The entries of the table that decide these inferences, by what they are the time of."""
    used = [("the shortest tick", table.step_min), ("the barrier", barrier_of(table, chips))]
    mapped = [sample.cores for sample in samples if sample.cores is not None]
    if len(mapped) < len(samples):
        used.append(("work on cores", Quantity(None, "s", "unknown")))
    if any(c.sops.any() for c in mapped):
        used.append(("a synaptic operation", table.synaptic_op))
    if any(c.updates_active.any() for c in mapped):
        used.append(("an active neuron", table.neuron_active))
    if any((c.neurons[None, :] > c.updates_active).any() for c in mapped):
        used.append(("an idle neuron", table.neuron_inactive))
    if table.packet_in is not None and any(c.packets_in.any() for c in mapped):
        used.append(("a packet's arrival", table.packet_in))
    if any(c.link_load_max.any() for c in mapped):
        used.append(("a hop", table.hop))
    return used


def _time(low: float, value: float, high: float, used: list[tuple[str, Quantity]]) -> Quantity:
    """A time with the weakest kind and all sources of what it used."""
    missing = tuple(f"time of {name}" for name, entry in used if not entry.known)
    if value == 0.0:
        return Quantity(None, "s", "unknown", unknown_parts=missing or ("time of a tick",))
    known = [entry for _, entry in used if entry.known]
    return Quantity(
        value=value,
        unit="s",
        kind=weakest(entry.kind for entry in known),
        source=joined_sources(known),
        low=low,
        high=high,
        at_least=bool(missing) or any(entry.at_least for entry in known),
        unknown_parts=missing,
    )
