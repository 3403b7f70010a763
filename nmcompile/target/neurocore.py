"""Chips of programmable neurocores with a synapse memory: Loihi 1, Loihi 2."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmcompile.target import schema
from nmcompile.target.numbers import Bits, Bytes, Energy, Number, NumberOrNone, SignedNumber, Time


class NeuroCore(schema.Core):
    """What one core holds."""

    synapse_memory_bytes: Bytes = Field(description="weights and their index")
    total_memory_bytes: Bytes = Field(description="synapses, neuron state and axon entries")
    neuron_state_bytes: Bytes = Field(description="state and parameters of one neuron")
    in_axons: Number = Field(description="input axon entries")
    out_axons: Number = Field(description="output axon entries")
    axon_atoms: Number = Field(description="neurons that one population axon can name")
    axon_entry_bytes: Bytes = Field(description="memory of one axon entry")


class NeuroFormats(schema.Formats):
    """Number formats and what fits into them."""

    membrane_shift: NumberOrNone = Field(description="left shift from weights to state")
    bias_mantissa_bits: Bits = Field(description="signed width of the bias mantissa")
    bias_exponent_max: NumberOrNone = Field(description="largest exponent of the bias")
    weight_exponent_min: SignedNumber = Field(description="smallest exponent of the weights")
    weight_exponent_max: SignedNumber = Field(description="largest exponent of the weights")


class NeuroRouting(schema.Routing):
    """How packets travel and how synapses may be shared."""

    shared_kernels: bool = Field(description="whether axons of one core may share weights")


class NeuroEnergy(schema.EnergyPerAction):
    """Energy of one action, beyond the static power."""

    neuron_active: Energy = Field(description="update of a neuron that received input or fires")
    neuron_inactive: Energy = Field(description="update of an idle neuron")
    spike_in_tile: Energy = Field(description="one spike packet, before it leaves its router")


class NeuroTime(schema.TimePerAction):
    """Time of one action in the core or link that does it."""

    synaptic_op: Time = Field(description="one spike at one synapse")
    neuron_active: Time = Field(description="update of an active neuron")
    neuron_inactive: Time = Field(description="update of an idle neuron")
    hop: Time = Field(description="one packet over one link")
    barrier: Time = Field(description="end-of-step barrier of one chip, fewest to most tiles")
    barrier_multi_chip: Time = Field(description="end-of-step barrier of several chips")
    step_min: Time = Field(description="no step is shorter")


class NeurocoreTarget(schema.Target):
    """A chip whose cores run neuron programs and store synapses in memory."""

    family: Literal["neurocore"] = Field(
        default="neurocore", description="neurons with a synapse memory"
    )
    core: NeuroCore
    formats: NeuroFormats
    routing: NeuroRouting
    energy: NeuroEnergy
    time: NeuroTime
