"""Counters of measured inferences as sections of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from nmcompile.cost.workload import Workload
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.ir.program import Program
from nmcompile.report.figure import Number, number
from nmcompile.report.measures import CoreCounts, Counters, LayerCounts, StepCounts

Counted = Mapping[str, Sequence[NetworkCounters]]


def counters_section(program: Program, counted: Counted, work: Workload) -> Counters:
    """Counts per step (one inference) and per frame (all runs).

    Args:
        program: the golden program.
        counted: step name -> counters of its measured inferences.
        work: the same counts joined with the schedule.
    """
    per_frame = [
        (sample, step.repeat * work.share(step.trigger, step.every) / len(counted[step.name]))
        for step in program.schedule
        for sample in counted.get(step.name, ())
    ]
    on_cores = [(run, run.repeat * work.share(run.trigger, run.every)) for run in work.chip]
    done = sum(run.activity.sops * times for run, times in on_cores)
    asked = sum(
        fmean(sample.sops + sample.macs for sample in run.samples) * times
        for run, times in on_cores
    )
    return Counters(
        steps=tuple(
            _step(step.name, step.place, counted[step.name])
            for step in program.schedule
            if counted.get(step.name)
        ),
        sops_per_frame=number(sum(s.sops * times for s, times in per_frame)),
        macs_per_frame=number(sum(s.macs * times for s, times in per_frame)),
        core_sops_per_frame=number(done),
        repeated_sops_per_frame=number(done - asked),
        spikes_per_frame=number(
            sum(layer.spikes * times for s, times in per_frame for layer in s.layers)
        ),
    )


def _step(name: str, place: str, samples: Sequence[NetworkCounters]) -> StepCounts:
    cores = [sample.cores for sample in samples if sample.cores is not None]
    return StepCounts(
        step=name,
        network=samples[0].network,
        place=place,
        inferences=len(samples),
        timesteps=samples[0].timesteps,
        ticks=_mean(sample.ticks for sample in samples),
        layers=tuple(
            _layer(same) for same in zip(*(sample.layers for sample in samples), strict=True)
        ),
        cores=_cores(cores) if len(cores) == len(samples) else None,
    )


def _layer(same: Sequence[LayerCounters]) -> LayerCounts:
    return LayerCounts(
        layer=same[0].layer,
        neurons=same[0].neurons,
        spikes=_mean(layer.spikes for layer in same),
        sops=_mean(layer.sops for layer in same),
        macs=_mean(layer.macs for layer in same),
        neuron_updates=_mean(layer.neuron_updates for layer in same),
    )


def _cores(samples: Sequence[CoreCounters]) -> CoreCounts:
    active = [int(c.updates_active.sum()) for c in samples]
    updates = [c.updates_active.shape[0] * int(c.neurons.sum()) for c in samples]
    return CoreCounts(
        sops=_mean(int(c.sops.sum()) for c in samples),
        zero_accesses=_mean(c.zero_accesses for c in samples),
        updates_active=_mean(active),
        updates_idle=_mean(u - a for u, a in zip(updates, active, strict=True)),
        packets=_mean(c.packets for c in samples),
        packets_local=_mean(c.packets_local for c in samples),
        hops_east_west=_mean(c.hops_east_west for c in samples),
        hops_north_south=_mean(c.hops_north_south for c in samples),
        chip_crossings=_mean(c.chip_crossings for c in samples),
        host_packets=_mean(c.host_packets for c in samples),
        link_load_max=max(int(c.link_load_max.max(initial=0)) for c in samples),
    )


def _mean(values: Iterable[int]) -> Number:
    return number(fmean(values))
