"""The values of RANC's two files, `input.json` and `config.json`, by their names there.

RANC (Mack et al., IEEE TCAD 2020, https://github.com/UA-RCL/RANC) is a simulator and an FPGA
design of crossbar cores whose sizes are parameters. Keys that RANC does not read are ignored here
too; `connections`, by far the largest part, is read apart (`scan`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Int32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
Natural = Annotated[int, Field(ge=0, le=2**31 - 1)]
Size = Annotated[int, Field(ge=1, le=2**16)]
Side = Annotated[int, Field(ge=1, le=2**12)]
Place = Annotated[list[Int32], Field(min_length=2, max_length=2)]

ABSOLUTE, LINEAR = 0, 1
"""Values of `reset_mode`."""
ASYMMETRIC, SYMMETRIC = 0, 1
"""Values of `neuron_reset_type`: the negative threshold acts below it, or at it too."""


class Part(BaseModel):
    """Base of all values: no conversions, unknown keys ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class RancConfig(Part):
    """`config.json`."""

    num_neurons: Size = Field(description="neurons of a core")
    num_axons: Size = Field(description="axons of a core")
    num_cores_x: Side = Field(description="columns of the grid")
    num_cores_y: Side = Field(description="rows of the grid")
    num_weights: Size = Field(description="types of axons")
    max_tick_offset: Size = Field(description="words of a scheduler, the current one included")
    neuron_block_trace_verbosity: Natural = 0
    core_controller_trace_verbosity: Natural = 0
    scheduler_trace_verbosity: Natural = 0
    neuron_reset_type: Literal[0, 1] = Field(description="asymmetric or symmetric")


class RancPacket(Part):
    """A packet of the host: entry i of `packets` lists those that are sent in tick i."""

    destination_core: Place = Field(description="x, y")
    destination_axon: Natural
    destination_tick: Natural = Field(description="read that many ticks after tick i + 1")


class RancBus(Part):
    """`output_bus`: what stands in the place of one core and writes spikes to the output file."""

    coordinates: Place = Field(description="x, y")
    num_outputs: Annotated[int, Field(ge=0, le=2**20)]


class RancNeuron(Part):
    """An entry of `neurons` of a core."""

    reset_potential: Int32
    weights: list[Int32] = Field(description="one per axon type; the rest is zero")
    leak: Int32 = Field(description="added at every tick")
    positive_threshold: Int32 = Field(description="fires at or above it")
    negative_threshold: Int32
    destination_core_offset: Place = Field(description="dx, dy")
    destination_axon: Natural = Field(description="or the output, on the output bus")
    destination_tick: Natural = Field(description="read that many ticks after the next tick")
    current_potential: Int32 = Field(description="before the first tick")
    reset_mode: Literal[0, 1] = Field(description="absolute or linear")


PLACE = TypeAdapter(Place)
AXONS = TypeAdapter(list[Natural], config=ConfigDict(strict=True))
NEURONS = TypeAdapter(list[RancNeuron])
PACKETS = TypeAdapter(list[list[RancPacket]])
BUS = TypeAdapter(RancBus)
CONFIG = TypeAdapter(RancConfig)
