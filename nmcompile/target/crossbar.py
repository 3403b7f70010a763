"""Chips of crossbar cores with a fixed neuron: TrueNorth."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmcompile.config import Frozen
from nmcompile.target import schema
from nmcompile.target.numbers import Bits, Energy, Number, Power, Ticks, Time


class CrossbarCore(schema.Core):
    """What one core holds."""

    axons: Number = Field(description="input lines (rows of the crossbar)")
    axon_types: Number = Field(description="types of axons; a neuron has one weight per type")
    targets_per_neuron: Number = Field(description="axons that a neuron's spike reaches")
    row_bits: Bits = Field(description="memory of one neuron: crossbar column, state, target")


class CrossbarFormats(schema.Formats):
    """Number formats and what fits into them."""

    synapse_bits: Bits = Field(description="width of a cross-point")
    membrane_clip: Number = Field(description="largest |membrane| before it clips")
    leak_bits: Bits = Field(description="signed width of the leak added at every tick")
    floor_bits: Bits = Field(description="unsigned width of the negative threshold")
    mask_bits: Bits = Field(description="most bits of the random number added to the threshold")
    reset_exponent_max: Number = Field(
        description="largest VR of the reset value, which is 2^VR - 1 or its negative"
    )
    delay_ticks_min: Ticks = Field(description="shortest axon delay")


class CrossbarNeuron(schema.Capabilities):
    """The modes of the neuron."""

    reset_modes: tuple[Literal["value", "linear", "none"], ...] = Field(
        strict=False, description="what a spike does to the membrane"
    )
    floor_modes: tuple[Literal["saturate", "reset"], ...] = Field(
        strict=False, description="what happens below the negative threshold"
    )
    leak_reversal: bool = Field(description="whether the leak can follow the membrane's sign")
    stochastic: tuple[Literal["synapse", "leak", "threshold"], ...] = Field(
        strict=False, description="what can be random"
    )


class CrossbarRouting(schema.Routing):
    """How packets travel."""

    reach_cores: Number = Field(description="longest way of a packet along x or y, in cores")
    packet_bits: Bits = Field(description="width of a spike packet")


class CrossbarEnergy(schema.EnergyPerAction):
    """Energy of one action, beyond the static power.

    Two consistent ways to charge a frame: `synaptic_op_routed` for every synaptic operation, or
    `synaptic_op` with the hops apart. Both come on top of `static.power_per_chip`.
    """

    synaptic_op_routed: Energy = Field(description="one spike at one synapse, its routing included")
    chip_edge: Energy = Field(description="one packet from a core to the edge of the chip")
    row_read: Energy = Field(description="reading one neuron's memory, every neuron every tick")
    neuron_update: Energy = Field(description="arithmetic of one neuron update")


class CrossbarTime(schema.TimePerAction):
    """Times of the chip."""

    tick: Time = Field(description="one tick in real time")
    tick_verified: Time = Field(description="shortest tick that was verified one to one")
    synaptic_op_chip: Time = Field(description="per synaptic operation at the chip's peak rate")
    edge_packet: Time = Field(description="per packet at the peak rate over a chip edge")


class Headline(Frozen):
    """Published totals that name one operating point each; no cost model adds them up."""

    energy_per_synaptic_op: Energy = Field(description="everything divided by the operations")
    energy_at_typical_efficiency: Energy = Field(description="the inverse of SOPS/W, real time")
    energy_at_fast_efficiency: Energy = Field(description="the inverse of SOPS/W, faster ticks")
    energy_at_peak_efficiency: Energy = Field(description="the inverse of the best SOPS/W")
    power_recurrent: Power = Field(description="chip with a recurrent network at 20 Hz")
    power_detection: Power = Field(description="chip with the multi-object detector")
    power_lowest: Power = Field(description="idle chip at the lowest voltage")
    power_highest: Power = Field(description="busiest chip at the highest voltage")


class CrossbarTarget(schema.Target):
    """A chip of binary crossbars whose neurons are configured, not programmed."""

    family: Literal["crossbar"] = Field(description="binary crossbars with axon types")
    chip: schema.GridChip
    core: CrossbarCore
    formats: CrossbarFormats
    neuron: CrossbarNeuron
    routing: CrossbarRouting
    energy: CrossbarEnergy
    time: CrossbarTime
    headline: Headline
