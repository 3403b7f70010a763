"""Sections of a report that restate what the cost model found: energy, time, conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nmcompile.cost.charge import add
from nmcompile.cost.conventions import Convention
from nmcompile.cost.energy import FrameEnergy
from nmcompile.cost.rates import Rates
from nmcompile.cost.timing import frame_seconds, frames_per_second, network_timing
from nmcompile.cost.workload import Workload
from nmcompile.ir.counters import NetworkCounters
from nmcompile.report import measures
from nmcompile.report.figure import Figure, figure, number
from nmcompile.units import Quantity

IN_STATIC: Final = "part of the static power"
IN_OPERATIONS: Final = "part of an operation's energy"
HOST_TIME: Final = "not measured and not included: the rate is that of the chip alone"


def energy_section(energy: FrameEnergy, sops_per_frame: float, rates: Rates) -> measures.Energy:
    """Joules per frame, by component and by layer."""
    per_sop = Quantity(None, "J", "unknown", unknown_parts=("synaptic operations",))
    if sops_per_frame:
        per_sop = energy.total.scale(1.0 / sops_per_frame)
    return measures.Energy(
        total=figure(energy.total),
        per_crop=figure(energy.per_crop),
        per_sop=figure(per_sop),
        components=tuple(
            measures.EnergyComponent(
                name=name,
                figure=figure(part),
                note=_charged_elsewhere(name, rates),
            )
            for name, part in energy.components
        ),
        actions=tuple(
            measures.ActionEnergy(
                component=row.component,
                action=row.what,
                count=number(row.count),
                cost=figure(row.cost),
                energy=figure(row.energy),
            )
            for row in energy.actions
        ),
        layers=tuple(
            measures.LayerEnergy(
                step=row.step,
                layer=row.layer,
                synapse=figure(row.synapse),
                neuron=figure(row.neuron),
                total=figure(add((("synapses", row.synapse), ("neurons", row.neuron)), "J")),
            )
            for row in energy.layers
        ),
        init=figure(energy.init),
        frames_per_init=energy.frames_per_init,
    )


def _charged_elsewhere(component: str, rates: Rates) -> str:
    """Where a component is charged that is not charged by itself."""
    if component in rates.in_static:
        return IN_STATIC
    return IN_OPERATIONS if component in rates.in_operations else ""


def timing_section(work: Workload, rates: Rates) -> measures.Timing:
    """Seconds per frame on the chip alone, and tick by tick."""
    frame = frame_seconds(work, rates)
    steps = [(run, network_timing(run.samples, rates, chips=work.chips)) for run in work.chip]
    return measures.Timing(
        frame=figure(frame),
        fps=_rate(frame),
        host_time=HOST_TIME,
        steps=tuple(
            measures.StepTiming(
                step=run.step,
                ticks=number(timing.ticks),
                latency=figure(timing.latency),
                tick_mean=figure(timing.tick_mean),
                tick_max=figure(timing.tick_max),
                barriers=figure(timing.barriers),
                tick_seconds=timing.tick_seconds,
                tick_accesses=_accesses(run.samples[0]),
                limited_by=tuple(
                    measures.LimitedBy(limiter=name, ticks=ticks)
                    for name, ticks in timing.limited_by
                ),
                idle_updates=_idle(run.activity.updates, run.activity.active),
            )
            for run, timing in steps
        ),
    )


def convention_rows(
    stated: Sequence[Convention], ours: Figure
) -> tuple[measures.ConventionRow, ...]:
    """What the papers' formulas say for the same counts, and by what factor we differ."""
    return tuple(
        measures.ConventionRow(
            name=row.name,
            title=row.title,
            formula=row.formula,
            energy_j=row.energy_j,
            factor=row.factor(ours.value),
            factor_bound=ours.bound,
            leaves_out=row.leaves_out,
            source=row.source,
            low_j=row.low_j,
            high_j=row.high_j,
        )
        for row in stated
    )


def _rate(frame: Quantity) -> Figure:
    rate = figure(frames_per_second(frame))
    if not frame.at_least or rate.value is None:
        return rate
    return rate.model_copy(update={"bound": "at_most"})


def _accesses(sample: NetworkCounters) -> tuple[int, ...]:
    """Synapse accesses of all cores in every tick."""
    return () if sample.cores is None else tuple(sample.cores.sops.sum(axis=1).tolist())


def _idle(updates: float, active: float | None) -> int | float | None:
    return None if active is None else number(updates - active)
