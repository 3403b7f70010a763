"""Chips of functional cores that run ANN and SNN layers in phases of equal length: Tianjic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmcompile.config import Frozen
from nmcompile.target import schema
from nmcompile.target.numbers import Bits, Bytes, Energy, Number, Power, Time

Mode = Literal["ann", "snn"]
WeightForm = Literal["values", "indices"]


class FCore(schema.Core):
    """What one core holds."""

    axons: Number = Field(description="input lines; the fan-in of a neuron of one core")
    fan_out: Number = Field(description="neurons that an input line reaches")
    weight_indices: Number = Field(
        description="entries of the table of weights that a core stores indices into"
    )
    stated_memory_bytes: Bytes = Field(
        description="memory of a core as stated; it contradicts the weights and limits nothing here"
    )
    multipliers: Number = Field(description="multiply-accumulates of a core in one clock cycle")
    phase_cycles: Number = Field(description="clock cycles of a phase")


class FCoreFormats(schema.Formats):
    """Number formats and what fits into them."""

    activation_bits: Bits = Field(description="unsigned width of a value in ANN mode")
    sum_bits: Bits = Field(description="signed width of the sum of a core's products")
    partial_sum_bits: Bits = Field(
        description="signed width of a sum that one core sends to another"
    )


class FCoreModes(schema.Capabilities):
    """What axons and neurons of a core can be."""

    axon_modes: tuple[Mode, ...] = Field(strict=False, description="what an input line carries")
    soma_modes: tuple[Mode, ...] = Field(strict=False, description="what a neuron sends")
    reset_modes: tuple[Literal["zero", "subtract"], ...] = Field(
        strict=False, description="what a spike does to the membrane"
    )
    maximum: bool = Field(description="whether a core can send the largest of its inputs")
    weight_forms: tuple[WeightForm, ...] = Field(
        strict=False,
        min_length=1,
        description="what a core stores: weights, or indices into its own table of weights",
    )
    partial_sums: Literal["graded", "none"] = Field(
        description="how a sum of more inputs than a core has is made"
    )


class FCoreEnergy(schema.EnergyPerAction):
    """Energy of one action, beyond the static power."""

    mac: Energy = Field(description="one value at one synapse")


class FCoreTime(schema.TimePerAction):
    """Times of the chip."""

    phase: Time = Field(description="one phase: all cores compute once and communicate")
    clock_period: Time = Field(description="one clock cycle")


class FCoreHeadline(Frozen):
    """Published totals that name one operating point each; no cost model adds them up."""

    energy_per_synaptic_op: Energy = Field(description="the inverse of SOPS/W at the peak")
    energy_per_mac: Energy = Field(description="two over the OPS/W at the peak")
    power_typical: Power = Field(description="chip in its applications, mean")
    power_full: Power = Field(description="chip with all cores busy in every phase")


class FCoreTarget(schema.Target):
    """A chip whose cores hold a dense block of weights and work in phases."""

    family: Literal["fcore"] = Field(description="cores of dense weights, ANN and SNN, in phases")
    chip: schema.GridChip
    core: FCore
    formats: FCoreFormats
    neuron: FCoreModes
    energy: FCoreEnergy
    time: FCoreTime
    headline: FCoreHeadline
