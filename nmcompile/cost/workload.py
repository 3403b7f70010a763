"""What one frame makes the chip and the host do: schedule times counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Final

from nmcompile.ir import ops
from nmcompile.ir.counters import NetworkCounters
from nmcompile.ir.network import Network
from nmcompile.ir.program import HostCounts, Program, Step, Trigger

NETWORK_OPS: Final = ("sops", "macs")
"""Names of host operations that are a network's own work, as opposed to crop or search."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Mean counts of one inference on the chip; see `CoreCounters` for their meaning.

    Attributes:
        sops: synapse accesses with a non-zero weight, binary and graded together.
        zero_accesses: accesses to stored zeros.
        updates: neuron updates, active and idle.
        active: neurons that received input or fired, summed over ticks; None when the network
            was not mapped, because nothing then tells active from idle.
        packets: spike packets. hops_east_west: hops along x. hops_north_south: hops along y.
        chip_crossings: chip borders crossed. host_packets: packets injected by the host.
        ticks: ticks of the chip.
        spikes: spikes that neurons fired, on cores those of copies and relays too.
        macs: multiply-accumulates of the layers, contained in `sops`.
        output_spikes: spikes of the population that is read out.
    """

    sops: float
    zero_accesses: float
    updates: float
    active: float | None
    packets: float
    hops_east_west: float
    hops_north_south: float
    chip_crossings: float
    host_packets: float
    ticks: float
    spikes: float = 0.0
    macs: float = 0.0
    output_spikes: float = 0.0

    @property
    def mapped(self) -> bool:
        """Whether cores were simulated, so that packets and idle neurons are known."""
        return self.active is not None


@dataclass(frozen=True, slots=True)
class ChipWork:
    """A network that the schedule runs on the chip.

    Attributes:
        step: the schedule's step. network: the network it runs.
        trigger: when it runs.
        repeat: runs per trigger.
        samples: counters of the measured inferences, at least one.
        output: the node whose spikes the host reads, "" when it reads none.
        every: it runs at every so-many-th trigger.
    """

    step: str
    network: str
    trigger: Trigger
    repeat: int
    samples: tuple[NetworkCounters, ...]
    output: str = ""
    every: int = 1

    @property
    def activity(self) -> Activity:
        """Mean over the samples."""
        spikes = fmean(
            sum(layer.spikes for layer in sample.layers if layer.node == self.output)
            for sample in self.samples
        )
        return replace(mean_activity(self.samples), output_spikes=spikes)


@dataclass(frozen=True, slots=True)
class HostWork:
    """A step that runs on the host.

    Attributes:
        step: the schedule's step. trigger: when it runs. repeat: runs per trigger.
        ops: elementary operations of one run, by name.
        reason: why it is not on the chip.
        every: as in `ChipWork`.
    """

    step: str
    trigger: Trigger
    repeat: int
    ops: tuple[tuple[str, float], ...]
    reason: str
    every: int = 1


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything that one output costs.

    Attributes:
        chip: networks on the chip, in schedule order.
        host: steps on the host, in schedule order.
        chips: chips that are powered.
        frames_per_init: frames over which the work of `on_init` is spread; None keeps it apart.
        windows_per_frame: windows of events from frame to frame, where every window gives an
            output; None where every frame does.
    """

    chip: tuple[ChipWork, ...]
    host: tuple[HostWork, ...]
    chips: int
    frames_per_init: int | None = None
    windows_per_frame: float | None = None

    @property
    def output_trigger(self) -> Trigger:
        """What an output follows."""
        return "every_frame" if self.windows_per_frame is None else "on_event"

    def share(self, trigger: Trigger, every: int = 1) -> float:
        """How often per output a step of `trigger` runs, repeats apart.

        Args:
            trigger: of the step. every: it runs at every so-many-th of them.
        """
        if trigger == self.output_trigger:
            return 1.0 / every
        a_frame = 1.0 / (self.windows_per_frame or 1.0)
        if trigger == "every_frame":
            return a_frame / every
        return a_frame / self.frames_per_init if self.frames_per_init else 0.0


def workload_of(
    program: Program,
    counters: Mapping[str, Sequence[NetworkCounters]],
    *,
    chips: int,
    frames_per_init: int | None = None,
) -> Workload:
    """Join a program's schedule with what was counted when it ran.

    Args:
        program: the golden program.
        counters: step name -> counters of its measured inferences.
        chips: chips that are powered.
        frames_per_init: frames that share one `on_init`.
    """
    chip, host = [], []
    for step in program.schedule:
        samples = tuple(counters.get(step.name, ()))
        if step.place == "chip" and step.network is not None and samples:
            output = _spikes_read(program.network(step.network))
            chip.append(
                ChipWork(
                    *(step.name, step.network, step.trigger, step.repeat, samples, output),
                    every=step.every,
                )
            )
        elif step.place == "host":
            ops = _host_ops(step, samples)
            host.append(
                HostWork(step.name, step.trigger, step.repeat, ops, step.reason, step.every)
            )
    windows = program.windows_per_frame
    return Workload(tuple(chip), tuple(host), chips, frames_per_init, windows)


def _spikes_read(network: Network) -> str:
    """The node whose spikes leave the chip: the output itself, or what is counted for it."""
    node = network.by_name[network.output.inputs[0]]
    while isinstance(node.op, ops.Decode | ops.Flatten):
        node = network.by_name[node.inputs[0]]
    return node.name


def mean_activity(samples: Sequence[NetworkCounters]) -> Activity:
    """Mean counts of several inferences of one network."""
    each = [_activity(sample) for sample in samples]
    active = [a.active for a in each if a.active is not None]
    return Activity(
        sops=fmean(a.sops for a in each),
        zero_accesses=fmean(a.zero_accesses for a in each),
        updates=fmean(a.updates for a in each),
        active=fmean(active) if len(active) == len(each) else None,
        packets=fmean(a.packets for a in each),
        hops_east_west=fmean(a.hops_east_west for a in each),
        hops_north_south=fmean(a.hops_north_south for a in each),
        chip_crossings=fmean(a.chip_crossings for a in each),
        host_packets=fmean(a.host_packets for a in each),
        ticks=fmean(a.ticks for a in each),
        spikes=fmean(a.spikes for a in each),
        macs=fmean(sample.macs for sample in samples),
    )


def _activity(sample: NetworkCounters) -> Activity:
    cores = sample.cores
    if cores is None:
        updates = sum(layer.neuron_updates for layer in sample.layers)
        work = sample.sops + sample.macs
        spikes = sum(layer.spikes for layer in sample.layers)
        return Activity(work, 0, updates, None, 0, 0, 0, 0, 0, sample.ticks, spikes)
    return Activity(
        sops=int(cores.sops.sum()),
        zero_accesses=cores.zero_accesses,
        updates=int(cores.neurons.sum()) * sample.ticks,
        active=int(cores.updates_active.sum()),
        packets=cores.packets,
        hops_east_west=cores.hops_east_west,
        hops_north_south=cores.hops_north_south,
        chip_crossings=cores.chip_crossings,
        host_packets=cores.host_packets,
        ticks=sample.ticks,
        spikes=int(cores.spikes.sum()),
    )


def _host_ops(step: Step, samples: Sequence[NetworkCounters]) -> tuple[tuple[str, float], ...]:
    listed: HostCounts = step.host_ops
    if not samples:
        return tuple((name, float(count)) for name, count in listed)
    counted = (
        ("sops", fmean(s.sops for s in samples)),
        ("macs", fmean(s.macs for s in samples)),
    )
    own = tuple((name, count) for name, count in counted if count)
    named = {name for name, _ in own}
    return own + tuple((name, float(count)) for name, count in listed if name not in named)
