"""Chips of programmable neurocores with a synapse memory: Loihi 1, Loihi 2."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmcompile.config import Frozen
from nmcompile.target import schema
from nmcompile.target.numbers import (
    Bits,
    Bytes,
    Codes,
    Energy,
    Number,
    NumberOrNone,
    SignedNumber,
    Ticks,
    Time,
)


class NeuroCore(schema.Core):
    """What one core holds."""

    synapse_memory_bytes: Bytes = Field(description="weights and their index")
    total_memory_bytes: Bytes | None = Field(
        default=None,
        description="synapses, neuron state and axon entries, where they share one memory",
    )
    neuron_state_bytes: Bytes = Field(description="state and parameters of one neuron")
    in_axons: Number = Field(description="input axon entries")
    out_axons: Number = Field(description="output axon entries")
    out_axon_discrete: Number = Field(description="output entries of an axon of one neuron")
    out_axon_population: Number = Field(description="output entries of an axon of several neurons")
    out_axon_crossing: NumberOrNone = Field(
        description="further output entries of an axon that ends on another chip"
    )
    axon_atoms: Number = Field(description="neurons that one population axon can name")
    axon_entry_bytes: Bytes | None = Field(
        default=None, description="share of one axon entry in the total memory"
    )
    compartment_configs: Number | None = Field(
        default=None, description="different decays and reset rules of the neurons"
    )
    threshold_configs: Number | None = Field(
        default=None, description="different thresholds of the neurons"
    )
    destination_groups: Number | None = Field(
        default=None, description="sets of neurons whose indices are interleaved"
    )
    delay_steps: Ticks | None = Field(
        default=None,
        description="timesteps that the input buffer keeps for every neuron of a full core; "
        "longer delays take as many more of its places",
    )

    @model_validator(mode="after")
    def _one_memory(self) -> NeuroCore:
        if (self.total_memory_bytes is None) != (self.axon_entry_bytes is None):
            raise ValueError("total_memory_bytes and axon_entry_bytes need each other")
        return self


class WordSynapses(Frozen):
    """A synapse memory of words: entries of a header and up to so many synapses of few bits."""

    encoding: Literal["words"] = Field(description="words that hold entries of packed fields")
    word_bits: Bits = Field(description="width of a word")
    header_bits: Bits = Field(description="format and number of synapses, before every entry")
    spill_bits: Bits = Field(
        description="bits that must stay free at the end of the last word of a source"
    )
    entry_synapses: Number = Field(description="synapses of one entry")
    index_bits: Codes = Field(description="widths of a neuron index")
    skip_bits: Codes = Field(description="widths of a distance between neuron indices")
    weight_bits: Codes = Field(description="widths of a weight, its sign included if it has one")
    delay_bits: Codes = Field(description="widths of a delay; none where there is no delay")
    words_per_axon: Number = Field(description="words of one source neuron")
    formats: Number = Field(description="different formats of the entries of one core")
    base_offset_max: NumberOrNone = Field(
        description="how far an axon can shift the neuron indices of a list that it shares"
    )


class RowSynapses(Frozen):
    """A synapse memory of rows: runs of neurons with the weights that they read."""

    encoding: Literal["rows"] = Field(description="rows, runs and weights")
    row_bytes: Bytes = Field(description="of one row: a source neuron's runs and first weight")
    run_bytes: Bytes = Field(description="of one run: first neuron, first weight, length")


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
    neuron_spike: Energy | None = Field(
        default=None, description="one spike that a neuron fires, beyond its update"
    )
    spike_in_tile: Energy = Field(description="one spike packet, before it leaves its router")


class NeuroTime(schema.TimePerAction):
    """Time of one action in the core or link that does it."""

    synaptic_op: Time = Field(description="one spike at one synapse")
    neuron_active: Time = Field(description="update of an active neuron")
    neuron_inactive: Time = Field(description="update of an idle neuron")
    packet_in: Time | None = Field(
        default=None, description="one packet that arrives at a core, beyond its synapses"
    )
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
    synapses: Annotated[WordSynapses | RowSynapses, Field(discriminator="encoding")]
    routing: NeuroRouting
    energy: NeuroEnergy
    time: NeuroTime
