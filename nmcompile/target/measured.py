"""Published measurements of a chip: what was measured, and what is known about the work done."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from nmcompile.config import Frozen
from nmcompile.target.numbers import Energy, Number, NumberOrNone, Ticks, Time

Covered = Literal["synapse", "neuron", "routing", "static"]


class Measurement(Frozen):
    """One measurement, beside the counters of the workload that it was taken of.

    A counter that the source leaves open has a range; one that nothing bounds is left out, and so
    is the component that needs it.
    """

    title: str = Field(description="what ran, for people")
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")
    energy: Energy = Field(description="measured energy of the whole workload")
    covers: tuple[Covered, ...] = Field(
        strict=False, min_length=1, description="components of the cost model that are in it"
    )
    tick: Time | None = Field(default=None, description="measured length of one timestep")
    chips: Number = Field(description="chips")
    cores: Number = Field(description="cores that shared the work evenly")
    ticks: Ticks = Field(description="timesteps")
    synaptic_ops: Number = Field(description="spikes times synapses")
    neuron_updates: Number = Field(description="updates of neurons, active and idle")
    updates_active: NumberOrNone = Field(description="of these, by neurons with input")
    spikes: NumberOrNone = Field(description="spikes that neurons fired")
    packets: NumberOrNone | None = Field(default=None, description="spike packets")
    hops_east_west: NumberOrNone | None = Field(default=None, description="hops along rows")
    hops_north_south: NumberOrNone | None = Field(default=None, description="hops along columns")
    explained: str = Field(description="what explains the difference, one sentence")
    open: str = Field(description="what is not known, one sentence")

    @model_validator(mode="after")
    def _counts_what_it_covers(self) -> Measurement:
        routed = (self.packets, self.hops_east_west, self.hops_north_south)
        if "routing" in self.covers and None in routed:
            raise ValueError("it covers routing, so packets and hops are needed")
        return self
