"""Put a report together: computes what follows from counters, takes over what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

from nmcompile import __version__
from nmcompile.cost.chip_conventions import chip_conventions
from nmcompile.cost.conventions import conventions
from nmcompile.cost.energy import frame_energy
from nmcompile.cost.layer_conventions import Weighted, layer_conventions
from nmcompile.cost.layer_facts import layer_facts
from nmcompile.cost.rates import Rates, rates_of
from nmcompile.cost.second_opinion import Opinion, second_opinion
from nmcompile.cost.timing import (
    output_latency,
)
from nmcompile.cost.workload import NETWORK_OPS, ChipWork, Workload, workload_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.report import measures, sections
from nmcompile.report.cost_sections import convention_rows, energy_section, timing_section
from nmcompile.report.counting import Counted, counters_section
from nmcompile.report.figure import figure, number
from nmcompile.report.opinions import checked_sections, cost_entries, doubt, opinion_section
from nmcompile.report.schema import Report

if TYPE_CHECKING:
    from nmcompile.target import Target

IN_TURN: Final = (
    "the runs of a frame follow one another; static power is charged while the chip is busy, not "
    "while it waits for the host"
)
AT_FULL_RATE: Final = (
    "static power is charged from one input to the next at the full rate: a chip that waits for "
    "its host or its camera draws it longer"
)
ONE_WINDOW: Final = (
    "a frame of this report is one window of events; a frame of the camera comes every "
    "{windows:.3g} windows, and what runs on it counts with that part"
)
FIRST_FRAME_APART: Final = "the work of the first frame stands apart and is not spread over frames"


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
    provenance: sections.Provenance | None = None,
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
        provenance: passes, seeds and options of the build.
        manifest_digest: digest of the build's manifest.
    """
    rates = rates_of(target)
    work = workload_of(program, counted, chips=mapping.chips, frames_per_init=frames_per_init)
    counters = counters_section(program, counted, work)
    energy = frame_energy(work, rates)
    accuracy = accuracy or sections.Accuracy()
    timing = timing_section(work, rates)
    host = host_section(program, work)
    opinion = second_opinion(target, rates)
    checked = checked_sections(target)
    return Report(
        tool=sections.Tool(version=__version__),
        headline=measures.Headline(
            verdict=verdict_of(verification),
            cores=mapping.cores,
            chips=mapping.chips,
            sops_per_frame=counters.sops_per_frame,
            fps=timing.fps,
            latency=figure(output_latency(work, rates)),
            energy_per_frame=figure(energy.total),
            on_chip_share=host.on_chip_share,
            host_ops_per_frame=host.ops_per_frame,
            mean_overlap=mean_overlap(accuracy),
        ),
        model=model,
        target=target_section(target, opinion),
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
                *layer_conventions(_weighted_layers(program, counted, work)),
                *chip_conventions(
                    *(target, work, energy, rates),
                    *(counters.sops_per_frame, counters.macs_per_frame),
                ),
            ),
            figure(energy.total),
        ),
        diagnostics=tuple(sections.Message.of(d) for d in diagnostics),
        second_opinion=opinion_section(work, energy, opinion),
        checked=checked,
        assumptions=_assumptions(
            program.assumptions,
            assumptions,
            [*_cost_assumptions(work, counters, rates), *(doubt(r, target.name) for r in checked)],
        ),
        provenance=provenance or sections.Provenance(),
        manifest_digest=manifest_digest,
    )


def _weighted_layers(program: Program, counted: Counted, work: Workload) -> list[Weighted]:
    """Layers with weights of all networks of a frame, chip and host, with their runs per frame."""
    return [
        (facts, step.repeat * work.share(step.trigger, step.every))
        for step in program.schedule
        if step.trigger != "on_init" and step.network and counted.get(step.name)
        for facts in layer_facts(program.network(step.network), counted[step.name][0])
    ]


def target_section(target: Target, opinion: Opinion | None) -> sections.TargetInfo:
    """The chip with its cost tables, and all sources, those of a second opinion too."""
    known = {**(opinion.target.sources if opinion else {}), **target.sources}
    return sections.TargetInfo(
        name=target.name,
        title=target.title,
        digest=target.digest,
        notes=(target.evidence,) if target.evidence else (),
        costs=tuple(cost_entries(target, "energy", "time", "static", "headline")),
        sources=tuple(
            sections.Source(key=key, text=", ".join(t for t in (source.title, source.at) if t))
            for key, source in known.items()
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


def host_section(program: Program, work: Workload) -> measures.Host:
    """Steps on the host with their reasons, and how much of the networks' work is on cores.

    The share is taken after input transduction: the layer that turns pixels into spikes counts
    on neither side, wherever it runs.
    """
    frame = [step for step in work.host if step.trigger != "on_init"]
    transduces = {
        step.name
        for step in program.schedule
        if step.network
        and step.network not in program.fed
        and any(program.network(step.network).of_type(ops.Encode))
    }
    beside = sum(
        count * step.repeat * work.share(step.trigger, step.every)
        for step in frame
        if step.step not in transduces
        for name, count in step.ops
        if name in NETWORK_OPS
    )
    on_cores = sum(
        run.repeat
        * work.share(run.trigger, run.every)
        * _behind_input(program.network(run.network), run, fed=run.network in program.fed)
        for run in work.chip
        if run.trigger != "on_init"
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
        ops_per_frame=number(
            sum(
                count * step.repeat * work.share(step.trigger, step.every)
                for step in frame
                for _, count in step.ops
            )
        ),
        on_chip_share=on_cores / everything if everything else None,
    )


def _behind_input(network: Network, run: ChipWork, *, fed: bool) -> float:
    """Mean operations of one inference on cores, without those on the values of the input.

    What another network says is no input from outside: `fed`.
    """
    first = {
        name
        for node in network.of_type(ops.Encode)
        if isinstance(node.op, ops.Encode) and not node.op.spikes and not fed
        for name in _populations_behind(network, node.name)
    }
    return fmean(
        sum(layer.sops + (0 if layer.node in first else layer.macs) for layer in sample.layers)
        for sample in run.samples
    )


def _populations_behind(network: Network, name: str) -> Iterator[str]:
    """The first populations that what a node sends arrives at."""
    for reader in network.consumers[name]:
        if isinstance(reader.op, ops.Neuron | ops.Accumulate):
            yield reader.name
        else:
            yield from _populations_behind(network, reader.name)


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


def _assumptions(
    programs: Sequence[str], further: Sequence[str], cost: Sequence[str]
) -> tuple[str, ...]:
    """Every assumption once; those of an earlier report of the same build may come in again."""
    earlier = (s for s in (*programs, *further) if s != FIRST_FRAME_APART)
    return tuple(dict.fromkeys((*earlier, *cost)))


def _cost_assumptions(work: Workload, counters: measures.Counters, rates: Rates) -> list[str]:
    said = [*rates.assumptions, IN_TURN if not rates.time.pipelined else AT_FULL_RATE]
    if any(step.cores is not None and step.cores.zero_accesses for step in counters.steps):
        said.append("fetching a stored zero costs as much as a synaptic operation")
    if any(run.trigger == "on_init" for run in work.chip) and not work.frames_per_init:
        said.append(FIRST_FRAME_APART)
    if work.windows_per_frame is not None:
        said.append(ONE_WINDOW.format(windows=work.windows_per_frame))
    return said
