"""A target's cost tables as quantities: the other input of the cost model."""

from __future__ import annotations

from dataclasses import dataclass

from nmcompile.target import NeurocoreTarget, Target, of_family
from nmcompile.units import Quantity


@dataclass(frozen=True, slots=True)
class EnergyRates:
    """Joules per action; the names are those of a target's `energy` table."""

    synaptic_op: Quantity
    neuron_active: Quantity
    neuron_inactive: Quantity
    spike_in_tile: Quantity
    hop_east_west: Quantity
    hop_north_south: Quantity
    chip_crossing: Quantity
    host_op: Quantity


@dataclass(frozen=True, slots=True)
class TimeRates:
    """Seconds per action; the names are those of a target's `time` table."""

    synaptic_op: Quantity
    neuron_active: Quantity
    neuron_inactive: Quantity
    hop: Quantity
    barrier: Quantity
    barrier_multi_chip: Quantity
    step_min: Quantity


@dataclass(frozen=True, slots=True)
class StaticRates:
    """Watts per chip; the names are those of a target's `static` table."""

    power_per_chip: Quantity
    host_power_per_chip: Quantity


@dataclass(frozen=True, slots=True)
class Rates:
    """All cost tables of a target in base units."""

    energy: EnergyRates
    time: TimeRates
    static: StaticRates


def rates_of(target: Target) -> Rates:
    """The cost tables of a target of neurocores.

    Raises:
        NmError: NM0312 for a chip of another family.
    """
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
            host_op=energy.host_op.quantity(),
        ),
        TimeRates(
            synaptic_op=time.synaptic_op.quantity(),
            neuron_active=time.neuron_active.quantity(),
            neuron_inactive=time.neuron_inactive.quantity(),
            hop=time.hop.quantity(),
            barrier=time.barrier.quantity(),
            barrier_multi_chip=time.barrier_multi_chip.quantity(),
            step_min=time.step_min.quantity(),
        ),
        StaticRates(
            power_per_chip=static.power_per_chip.quantity(),
            host_power_per_chip=static.host_power_per_chip.quantity(),
        ),
    )
