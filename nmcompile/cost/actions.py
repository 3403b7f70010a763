"""Which actions one inference on the chip performs, component by component."""

from __future__ import annotations

from typing import Final

from nmcompile.cost.charge import Charge
from nmcompile.cost.rates import EnergyRates
from nmcompile.cost.workload import Activity
from nmcompile.units import Quantity

_UNKNOWN: Final = Quantity(None, "J", "unknown")


def synapse(activity: Activity, table: EnergyRates) -> list[Charge]:
    """Synapse accesses; a stored zero is fetched and added like any other weight."""
    cost, macs = table.synaptic_op, 0.0 if table.mac is None else activity.macs
    return [
        Charge("synaptic operations", activity.sops - macs, cost),
        Charge("multiply-accumulates", macs, table.mac or cost),
        Charge("accesses to stored zeros", activity.zero_accesses, cost),
    ]


def neuron(activity: Activity, table: EnergyRates) -> list[Charge]:
    """Neuron updates: every mapped neuron is serviced at every tick.

    An unmapped network does not tell active from idle: all updates are charged as active, with
    a range that reaches down to all idle.
    """
    charges = []
    if activity.active is None:
        cost = _down_to(table.neuron_active, table.neuron_inactive)
        charges.append(Charge("neuron updates", activity.updates, cost))
    else:
        idle = activity.updates - activity.active
        charges.append(Charge("active neuron updates", activity.active, table.neuron_active))
        charges.append(Charge("idle neuron updates", idle, table.neuron_inactive))
    if table.neuron_spike is not None:
        charges.append(Charge("spikes fired", activity.spikes, table.neuron_spike))
    return charges


def routing(activity: Activity, table: EnergyRates) -> list[Charge]:
    """Every packet pays one delivery inside a tile, and each router hop on its way there."""
    if not activity.mapped:
        return [Charge("routing of a network that is not mapped", 1, _UNKNOWN)]
    return [
        Charge("spike deliveries inside a tile", activity.packets, table.spike_in_tile),
        Charge("hops east-west", activity.hops_east_west, table.hop_east_west),
        Charge("hops north-south", activity.hops_north_south, table.hop_north_south),
    ]


def off_chip(activity: Activity, table: EnergyRates) -> list[Charge]:
    """Packets over a chip's edge: to another chip, from the host and to it."""
    if not activity.mapped:
        return [Charge("chip crossings of a network that is not mapped", 1, _UNKNOWN)]
    charges = [
        Charge("spikes between chips", activity.chip_crossings, table.chip_crossing),
        Charge("spikes from the host", activity.host_packets, table.host_packet),
    ]
    if table.output_spike is not None:
        charges.append(Charge("spikes to the host", activity.output_spikes, table.output_spike))
    return charges


def _down_to(upper: Quantity, lower: Quantity) -> Quantity:
    if upper.value is None or lower.value is None:
        return upper
    low = min(upper.range[0], lower.range[0])
    return Quantity(upper.value, upper.unit, "assumed", upper.source, upper.where, low, upper.high)
