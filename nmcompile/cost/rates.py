"""A target's cost tables as quantities: the other input of the cost model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from nmcompile.target import CrossbarTarget, FCoreTarget, NeurocoreTarget, Target, of_family
from nmcompile.units import Quantity, total


@dataclass(frozen=True, slots=True)
class EnergyRates:
    """Joules per action; the names are those of a target's `energy` table.

    Attributes:
        host_packet: one packet of the host, on its way to its core.
        output_spike: one spike on its way to the host; None where the host reads neurons instead.
        neuron_spike: one spike that a neuron fires; None where its update contains it.
        mac: one value at one synapse; None where it costs what a spike costs.
    """

    synaptic_op: Quantity
    neuron_active: Quantity
    neuron_inactive: Quantity
    spike_in_tile: Quantity
    hop_east_west: Quantity
    hop_north_south: Quantity
    chip_crossing: Quantity
    host_packet: Quantity
    host_op: Quantity
    output_spike: Quantity | None = None
    neuron_spike: Quantity | None = None
    mac: Quantity | None = None


@dataclass(frozen=True, slots=True)
class TimeRates:
    """Seconds per action; the names are those of a target's `time` table.

    Attributes:
        clocked: whether a tick takes `step_min`, whatever the cores do in it.
        pipelined: whether inferences overlap, and networks run beside each other.
        packet_in: one packet that arrives at a core; None where its synapses contain it.
    """

    synaptic_op: Quantity
    neuron_active: Quantity
    neuron_inactive: Quantity
    hop: Quantity
    barrier: Quantity
    barrier_multi_chip: Quantity
    step_min: Quantity
    clocked: bool = False
    packet_in: Quantity | None = None
    pipelined: bool = False


@dataclass(frozen=True, slots=True)
class StaticRates:
    """Watts per chip; the names are those of a target's `static` table."""

    power_per_chip: Quantity
    host_power_per_chip: Quantity


@dataclass(frozen=True, slots=True)
class Rates:
    """All cost tables of a target in base units.

    Attributes:
        in_static: components of a frame's energy that the static power contains already.
        in_operations: likewise, that the energy of an operation contains.
        assumptions: what the tables take for granted, one sentence each.
    """

    energy: EnergyRates
    time: TimeRates
    static: StaticRates
    in_static: tuple[str, ...] = ()
    in_operations: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()


TILES: Final = "every packet pays one delivery inside a tile and one hop per router on its way"
AFFINE: Final = (
    "synaptic operations, hops and chip edges come on top of a static power that contains all "
    "neuron updates and memory reads: no source states the energy of a neuron update",
    "the energy of a synaptic operation is the slope of measured chip power less its hops, so that "
    "it contains the delivery of the packet inside its core",
    "a packet of the host and a spike that it reads cross the edge and the pads of one chip; "
    "packets between chips cross the pads, their way to the edge is counted as hops",
    "every tick takes as long as the clock says; the lower end of the range is the fastest clock "
    "that ran some networks, not this one",
    "frames do not overlap in the pipeline: the host rewrites all membranes between them",
)


WHOLE_CHIP: Final = (
    "the energy of an operation is the power of a chip at its peak, less static power, over the "
    "operations of the peak: neuron updates and hops inside a chip are in it",
    "what a packet costs that leaves a chip, or comes from the host, is not published",
    "a phase takes as long as the clock says; networks hold cores of their own, run beside each "
    "other, and a network takes the next input before it has answered the last one: the rate "
    "follows from phases between inputs, the latency stands apart",
)


def rates_of(target: Target) -> Rates:
    """The cost tables of a target.

    Raises:
        NmError: NM0312 for a chip of a family without a cost model.
    """
    if isinstance(target, CrossbarTarget):
        return _crossbar(target)
    if isinstance(target, FCoreTarget):
        return _functional(target)
    chip = of_family(target, NeurocoreTarget)
    energy, time, static = chip.energy, chip.time, chip.static
    return Rates(
        EnergyRates(
            synaptic_op=energy.synaptic_op.quantity(),
            neuron_active=energy.neuron_active.quantity(),
            neuron_inactive=energy.neuron_inactive.quantity(),
            spike_in_tile=energy.spike_in_tile.quantity(),
            hop_east_west=energy.hop_east_west.quantity(),
            hop_north_south=energy.hop_north_south.quantity(),
            chip_crossing=energy.chip_crossing.quantity(),
            host_packet=energy.chip_crossing.quantity(),
            host_op=energy.host_op.quantity(),
            neuron_spike=energy.neuron_spike.quantity() if energy.neuron_spike else None,
        ),
        TimeRates(
            synaptic_op=time.synaptic_op.quantity(),
            neuron_active=time.neuron_active.quantity(),
            neuron_inactive=time.neuron_inactive.quantity(),
            hop=time.hop.quantity(),
            barrier=time.barrier.quantity(),
            barrier_multi_chip=time.barrier_multi_chip.quantity(),
            step_min=time.step_min.quantity(),
            packet_in=time.packet_in.quantity() if time.packet_in else None,
        ),
        StaticRates(
            power_per_chip=static.power_per_chip.quantity(),
            host_power_per_chip=static.host_power_per_chip.quantity(),
        ),
        assumptions=(TILES,),
    )


def _crossbar(chip: CrossbarTarget) -> Rates:
    """Crossbar cores: what the affine model of the chip's power leaves for single actions.

    Static power holds whatever every neuron costs at every tick, and the clock hides how long
    the cores work in it; both are charged there and nowhere else.
    """
    energy, time, static = chip.energy, chip.time, chip.static
    contained = replace(static.power_per_chip.quantity(), value=0.0, unit="J", low=None, high=None)
    tick = time.tick.quantity()
    hidden = replace(tick, value=0.0, low=None, high=None)
    pads = energy.chip_crossing.quantity()
    outside = total((("edge", energy.chip_edge.quantity()), ("pads", pads)), "J")
    return Rates(
        EnergyRates(
            synaptic_op=energy.synaptic_op.quantity(),
            neuron_active=contained,
            neuron_inactive=contained,
            spike_in_tile=contained,
            hop_east_west=energy.hop_east_west.quantity(),
            hop_north_south=energy.hop_north_south.quantity(),
            chip_crossing=pads,
            host_packet=outside,
            host_op=energy.host_op.quantity(),
            output_spike=outside,
        ),
        TimeRates(
            synaptic_op=hidden,
            neuron_active=hidden,
            neuron_inactive=hidden,
            hop=hidden,
            barrier=hidden,
            barrier_multi_chip=hidden,
            step_min=tick,
            clocked=True,
        ),
        StaticRates(
            power_per_chip=static.power_per_chip.quantity(),
            host_power_per_chip=static.host_power_per_chip.quantity(),
        ),
        in_static=("neuron",),
        assumptions=AFFINE,
    )


def _functional(chip: FCoreTarget) -> Rates:
    """Functional cores: published efficiencies of whole chips, and phases of one length."""
    energy, static = chip.energy, chip.static
    contained = replace(energy.synaptic_op.quantity(), value=0.0, low=None, high=None)
    phase = chip.time.phase.quantity()
    hidden = replace(phase, value=0.0, low=None, high=None)
    return Rates(
        EnergyRates(
            synaptic_op=energy.synaptic_op.quantity(),
            mac=energy.mac.quantity(),
            neuron_active=contained,
            neuron_inactive=contained,
            spike_in_tile=contained,
            hop_east_west=contained,
            hop_north_south=contained,
            chip_crossing=energy.chip_crossing.quantity(),
            host_packet=energy.chip_crossing.quantity(),
            host_op=energy.host_op.quantity(),
        ),
        TimeRates(
            synaptic_op=hidden,
            neuron_active=hidden,
            neuron_inactive=hidden,
            hop=hidden,
            barrier=hidden,
            barrier_multi_chip=hidden,
            step_min=phase,
            clocked=True,
            pipelined=True,
        ),
        StaticRates(
            power_per_chip=static.power_per_chip.quantity(),
            host_power_per_chip=static.host_power_per_chip.quantity(),
        ),
        in_operations=("neuron", "routing"),
        assumptions=WHOLE_CHIP,
    )
