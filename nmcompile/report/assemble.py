"""Put a report together: computes what follows from counters, takes over what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

from nmcompile import __version__
from nmcompile.cost.charge import add
from nmcompile.cost.chip_conventions import chip_conventions
from nmcompile.cost.conventions import Convention, conventions
from nmcompile.cost.energy import FrameEnergy, frame_energy
from nmcompile.cost.layer_conventions import Weighted, layer_conventions
from nmcompile.cost.layer_facts import layer_facts
from nmcompile.cost.rates import Rates, rates_of
from nmcompile.cost.timing import frame_seconds, frames_per_second, network_timing
from nmcompile.cost.workload import NETWORK_OPS, Workload, workload_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.program import Program
from nmcompile.report import measures, sections
from nmcompile.report.counting import Counted, counters_section
from nmcompile.report.figure import Figure, figure, number
from nmcompile.report.schema import Report
from nmcompile.units import Quantity

if TYPE_CHECKING:
    from nmcompile.target import Target

FIRST_FRAME_APART: Final = "the work of the first frame stands apart and is not spread over frames"
IN_STATIC: Final = "part of the static power"
HOST_TIME: Final = "not measured and not included: the rate is that of the chip alone"


def assemble(
    *,
    model: sections.ModelInfo,
    target: Target,
    program: Program,
    counted: Counted,
    mapping: sections.Mapping,
    digests: Mapping[str, str],
    accuracy: sections.Accuracy | None = None,
    verification: Sequence[sections.VerificationRow] = (),
    diagnostics: Sequence[Diagnostic] = (),
    assumptions: Sequence[str] = (),
    frames_per_init: int | None = None,
    manifest_digest: str = "",
) -> Report:
    """Compute energy, time, host share, conventions and headline, and join all sections.

    Args:
        model: what was compiled.
        target: what it was compiled for.
        program: the golden program; its schedule says what a frame is.
        counted: step name -> counters of the measured inferences of that step.
        mapping: chips, cores and limits.
        digests: level -> digest of the program at that level.
        accuracy: float against integer, tracking table.
        verification: equality checks.
        diagnostics: messages of the build that did not end it.
        assumptions: further assumptions, beside the program's and the cost model's.
        frames_per_init: frames that share the work of the first one (a sequence's length).
        manifest_digest: digest of the build's manifest.
    """
    rates = rates_of(target)
    work = workload_of(program, counted, chips=mapping.chips, frames_per_init=frames_per_init)
    counters = counters_section(program, counted, work)
    energy = frame_energy(work, rates)
    accuracy = accuracy or sections.Accuracy()
    timing = timing_section(work, rates)
    host = host_section(program, work)
    return Report(
        tool=sections.Tool(version=__version__),
        headline=measures.Headline(
            verdict=verdict_of(verification),
            cores=mapping.cores,
            chips=mapping.chips,
            sops_per_frame=counters.sops_per_frame,
            fps=timing.fps,
            latency=timing.frame,
            energy_per_frame=figure(energy.total),
            on_chip_share=host.on_chip_share,
            host_ops_per_frame=host.ops_per_frame,
            mean_overlap=mean_overlap(accuracy),
        ),
        model=model,
        target=target_section(target),
        program=program_section(program, counted, digests),
        accuracy=accuracy,
        verification=tuple(verification),
        mapping=mapping,
        counters=counters,
        energy=energy_section(energy, counters.sops_per_frame, rates),
        timing=timing,
        host=host,
        conventions=convention_rows(
            (
                *conventions(counters.sops_per_frame, counters.macs_per_frame),
                *layer_conventions(_weighted_layers(program, counted)),
                *chip_conventions(target, work, energy, counters.sops_per_frame),
            ),
            figure(energy.total),
        ),
        diagnostics=tuple(sections.Message.of(d) for d in diagnostics),
        assumptions=_assumptions(
            program.assumptions, assumptions, _cost_assumptions(work, counters, rates)
        ),
        manifest_digest=manifest_digest,
    )


def _weighted_layers(program: Program, counted: Counted) -> list[Weighted]:
    """Layers with weights of all networks of a frame, chip and host, with their runs per frame."""
    return [
        (facts, float(step.repeat))
        for step in program.schedule
        if step.trigger == "every_frame" and step.network and counted.get(step.name)
        for facts in layer_facts(program.network(step.network), counted[step.name][0])
    ]


def target_section(target: Target) -> sections.TargetInfo:
    """The chip with its cost tables and sources."""
    costs = [
        (f"{table}.{name}", getattr(getattr(target, table), name))
        for table in ("energy", "time", "static", "headline")
        if hasattr(target, table)
        for name in type(getattr(target, table)).model_fields
    ]
    return sections.TargetInfo(
        name=target.name,
        title=target.title,
        digest=target.digest,
        notes=(target.evidence,) if target.evidence else (),
        costs=tuple(
            sections.CostEntry(name=name, figure=figure(cost.quantity())) for name, cost in costs
        ),
        sources=tuple(
            sections.Source(key=key, text=", ".join(t for t in (source.title, source.at) if t))
            for key, source in target.sources.items()
        ),
    )


def program_section(
    program: Program, counted: Counted, digests: Mapping[str, str]
) -> sections.ProgramInfo:
    """Digests, networks and schedule of the golden program."""
    first = {samples[0].network: samples[0] for samples in counted.values() if samples}
    return sections.ProgramInfo(
        digests=dict(digests),
        networks=tuple(
            sections.NetworkInfo(
                name=network.name,
                timesteps=network.timesteps,
                neurons=sum(layer.neurons for layer in first[network.name].layers),
                layers=len(first[network.name].layers),
            )
            for network in program.networks
            if network.name in first
        ),
        schedule=tuple(
            sections.ScheduleStep(
                name=step.name,
                trigger=step.trigger,
                place=step.place,
                network=step.network or "",
                repeat=step.repeat,
            )
            for step in program.schedule
        ),
    )


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
                note=IN_STATIC if name in rates.in_static else "",
            )
            for name, part in energy.components
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
                tick_seconds=timing.tick_seconds,
                limited_by=tuple(
                    measures.LimitedBy(limiter=name, ticks=ticks)
                    for name, ticks in timing.limited_by
                ),
                idle_updates=_idle(run.activity.updates, run.activity.active),
            )
            for run, timing in steps
        ),
    )


def host_section(program: Program, work: Workload) -> measures.Host:
    """Steps on the host with their reasons, and how much of the networks' work is on cores.

    The share is taken after input transduction: the layer that turns pixels into spikes counts
    on neither side, wherever it runs.
    """
    frame = [step for step in work.host if step.trigger == "every_frame"]
    transduces = {
        step.name
        for step in program.schedule
        if step.network and any(program.network(step.network).of_type(ops.Encode))
    }
    beside = sum(
        count * step.repeat
        for step in frame
        if step.step not in transduces
        for name, count in step.ops
        if name in NETWORK_OPS
    )
    on_cores = sum(
        run.repeat * fmean(sample.sops for sample in run.samples)
        for run in work.chip
        if run.trigger == "every_frame"
    )
    everything = on_cores + beside
    return measures.Host(
        steps=tuple(
            measures.HostStep(
                step=step.step,
                trigger=step.trigger,
                repeat=step.repeat,
                reason=step.reason,
                ops=tuple(measures.OpCount(name=n, count=number(c)) for n, c in step.ops),
            )
            for step in work.host
        ),
        ops_per_frame=number(sum(count * step.repeat for step in frame for _, count in step.ops)),
        on_chip_share=on_cores / everything if everything else None,
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


def verdict_of(verification: Sequence[sections.VerificationRow]) -> measures.Verdict:
    """`verified` only when spikes were compared in every network and everything was equal."""
    if not all(row.equal for row in verification):
        return "mismatch"
    compared = bool(verification) and all(row.compared.spikes for row in verification)
    return "verified" if compared else "not verified"


def mean_overlap(accuracy: sections.Accuracy) -> float | None:
    """Mean overlap of the mapped tracker over all sequences; None when it did not track."""
    rows = [row for row in accuracy.tracking if row.level == "mapped"]
    means = [row.mean_iou for row in rows if row.sequence == "mean"]
    values = means or [row.mean_iou for row in rows]
    return fmean(values) if values else None


def _rate(frame: Quantity) -> Figure:
    rate = figure(frames_per_second(frame))
    if not frame.at_least or rate.value is None:
        return rate
    return rate.model_copy(update={"bound": "at_most"})


def _idle(updates: float, active: float | None) -> int | float | None:
    return None if active is None else number(updates - active)


def _assumptions(
    programs: Sequence[str], further: Sequence[str], cost: Sequence[str]
) -> tuple[str, ...]:
    """Every assumption once; those of an earlier report of the same build may come in again."""
    earlier = (s for s in (*programs, *further) if s != FIRST_FRAME_APART)
    return tuple(dict.fromkeys((*earlier, *cost)))


def _cost_assumptions(work: Workload, counters: measures.Counters, rates: Rates) -> list[str]:
    said = [
        *rates.assumptions,
        "the runs of a frame follow one another; static power is charged while the chip is busy, "
        "not while it waits for the host",
    ]
    if any(step.cores is not None and step.cores.zero_accesses for step in counters.steps):
        said.append("fetching a stored zero costs as much as a synaptic operation")
    if any(run.trigger == "on_init" for run in work.chip) and not work.frames_per_init:
        said.append(FIRST_FRAME_APART)
    return said
