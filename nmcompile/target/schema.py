"""What a target file may say, and the :class:`Target` that it becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from nmcompile.config import Frozen
from nmcompile.target.numbers import (
    Bits,
    Bytes,
    Count,
    Energy,
    Measure,
    Number,
    NumberOrNone,
    Power,
    SignedNumber,
    Ticks,
    Time,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
NeuronModel = Literal["IF", "LIF", "CubaLIF", "SigmaDelta", "NILIF", "TrueNorth", "ReLU8"]


class Chip(Frozen):
    """The grid of cores."""

    cores: Number = Field(description="cores that a user can have on one chip")
    cores_per_router: Number = Field(description="cores behind one router of the mesh")
    router_columns: Number = Field(description="mesh columns")
    router_rows: Number = Field(description="mesh rows")
    chips_max: Number = Field(description="chips of the largest system")


class Core(Frozen):
    """What one core holds."""

    neurons: Number = Field(description="neurons")
    synapse_memory_bytes: Bytes = Field(description="weights and their index")
    total_memory_bytes: Bytes = Field(description="synapses, neuron state and axon entries")
    neuron_state_bytes: Bytes = Field(description="state and parameters of one neuron")
    in_axons: Number = Field(description="input axon entries")
    out_axons: Number = Field(description="output axon entries")
    axon_atoms: Number = Field(description="neurons that one population axon can name")
    axon_entry_bytes: Bytes = Field(description="memory of one axon entry")


class Formats(Frozen):
    """Number formats and what fits into them."""

    weight_bits: Bits = Field(description="stored width of a weight, sign included")
    membrane_bits: Bits = Field(description="signed width of current and membrane")
    threshold_bits: Bits = Field(description="unsigned width of the threshold mantissa")
    membrane_shift: NumberOrNone = Field(description="left shift from weights to state")
    bias_mantissa_bits: Bits = Field(description="signed width of the bias mantissa")
    bias_exponent_max: NumberOrNone = Field(description="largest exponent of the bias")
    weight_exponent_min: SignedNumber = Field(description="smallest exponent of the weights")
    weight_exponent_max: SignedNumber = Field(description="largest exponent of the weights")
    delay_ticks_max: Ticks = Field(description="longest delay beyond the one-step synapse delay")
    graded_bits: Bits = Field(description="payload of a spike; 0 where spikes are binary")


class Capabilities(Frozen):
    """What the neurons of the chip can do, and what must be worked around."""

    models: tuple[NeuronModel, ...] = Field(strict=False, description="neuron models")
    soft_reset: Literal["native", "microcode", "second_compartment", "none"] = Field(
        description="how reset by subtraction runs"
    )
    max_pool: Literal["microcode", "or", "host"] = Field(description="how max pooling runs")
    frame_reset: Literal["native", "microcode", "host_rewrite"] = Field(
        description="how membranes return to their start between frames"
    )
    graded_input: bool = Field(description="whether a pixel value enters in one spike")
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")


class Routing(Frozen):
    """How packets travel and how synapses may be shared."""

    topology: Literal["mesh"] = Field(description="how routers are connected")
    order: Literal["xy"] = Field(description="dimension order of a packet's way")
    shared_kernels: bool = Field(description="whether axons of one core may share weights")
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")


class EnergyPerAction(Frozen):
    """Energy of one action, beyond the static power."""

    synaptic_op: Energy = Field(description="one spike at one synapse")
    neuron_active: Energy = Field(description="update of a neuron that received input or fires")
    neuron_inactive: Energy = Field(description="update of an idle neuron")
    spike_in_tile: Energy = Field(description="one spike packet, before it leaves its router")
    hop_east_west: Energy = Field(description="one packet, one router further along a row")
    hop_north_south: Energy = Field(description="one packet, one router further along a column")
    chip_crossing: Energy = Field(description="one packet from chip to chip")
    host_op: Energy = Field(description="one arithmetic operation on the host")


class TimePerAction(Frozen):
    """Time of one action in the core or link that does it."""

    synaptic_op: Time = Field(description="one spike at one synapse")
    neuron_active: Time = Field(description="update of an active neuron")
    neuron_inactive: Time = Field(description="update of an idle neuron")
    hop: Time = Field(description="one packet over one link")
    barrier: Time = Field(description="end-of-step barrier of one chip, fewest to most tiles")
    barrier_multi_chip: Time = Field(description="end-of-step barrier of several chips")
    step_min: Time = Field(description="no step is shorter")


class Static(Frozen):
    """Power that flows whether or not anything happens."""

    power_per_chip: Power = Field(description="neuromorphic cores and mesh of one chip")
    host_power_per_chip: Power = Field(description="the processors that serve one chip")


class Source(Frozen):
    """A publication or file that numbers come from."""

    title: str = Field(description="authors, title, year")
    at: str = Field(default="", description="doi, arXiv number or address")


class Target(Frozen):
    """One chip as nmcompile sees it: the only place that holds its limits and costs."""

    name: Name = Field(description="the name for --target")
    title: str = Field(description="one line for people")
    aliases: tuple[Name, ...] = Field(default=(), strict=False, description="further names")
    backend: Name = Field(description="the backend that maps to this target")
    evidence: str = Field(default="", description="what the figures as a whole are worth")
    chip: Chip
    core: Core
    formats: Formats
    neuron: Capabilities
    routing: Routing
    energy: EnergyPerAction
    time: TimePerAction
    static: Static
    sources: dict[str, Source] = Field(description="publications by the key that numbers cite")

    _label: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _mesh_holds_the_cores(self) -> Target:
        chip = self.chip
        places = chip.router_columns.value * chip.router_rows.value * chip.cores_per_router.value
        if places < chip.cores.value:
            raise ValueError(f"the mesh has {places} places for {chip.cores.value} cores")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over the whole content; comments and order do not matter."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The file that the target came from, as messages name it."""
        return self._label or f"target {self.name}"

    def numbers(self) -> Iterator[tuple[str, Count | Measure]]:
        """All numbers as (``core.neurons``, number), in the order of the schema."""
        for section in ("chip", "core", "formats", "energy", "time", "static"):
            table = getattr(self, section)
            for key in type(table).model_fields:
                yield f"{section}.{key}", getattr(table, key)

    def number(self, path: str) -> Count | Measure:
        """The number at a path such as ``core.neurons``.

        Raises:
            KeyError: there is no such number.
        """
        return dict(self.numbers())[path]

    def cite(self, path: str) -> str:
        """Where a number stands and comes from, for the ``limit`` line of a diagnostic."""
        number = self.number(path)
        origin = f"{number.source}, {number.where}" if number.where else number.source
        return f"{self.label}: {path} = {number.value} [{number.kind}: {origin}]"

    def to_toml(self) -> str:
        """The resolved target (nothing inherited) as TOML that loads to the same digest."""
        from nmcompile.target.write import target_toml

        return target_toml(self)

    def as_json(self) -> dict[str, Any]:
        """The target as JSON types, with its digest."""
        content: dict[str, Any] = self.model_dump(mode="json")
        return {**content, "digest": self.digest}
