"""What every target file may say, and the :class:`Target` that it becomes.

Each family of chips refines the sections in a file of its own (`neurocore`, `crossbar`, `fcore`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StringConstraints, model_validator

from nmcompile.config import Frozen
from nmcompile.target.measured import Measurement
from nmcompile.target.numbers import (
    Bits,
    Codes,
    Count,
    Energy,
    Measure,
    Number,
    Power,
    Ticks,
    Time,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Family = Literal["neurocore", "crossbar", "fcore"]
CostModel = Literal["jin2023"]
NeuronModel = Literal["IF", "LIF", "CubaLIF", "SigmaDelta", "NILIF", "TrueNorth", "ReLU8"]


class Chip(Frozen):
    """The grid of cores."""

    cores: Number = Field(description="cores that a user can have on one chip")
    cores_per_router: Number = Field(description="cores behind one router of the mesh")
    router_columns: Number = Field(description="mesh columns")
    router_rows: Number = Field(description="mesh rows")
    chips_max: Number = Field(description="chips of the largest system")


class GridChip(Chip):
    """The grid of cores, and the grid of chips that continues it."""

    chip_columns: Number = Field(description="chips side by side in the largest system")
    chip_rows: Number = Field(description="rows of chips in the largest system")

    @model_validator(mode="after")
    def _grid_holds_the_chips(self) -> GridChip:
        places = self.chip_columns.value * self.chip_rows.value
        if places != self.chips_max.value:
            raise ValueError(
                f"{self.chip_columns.value} x {self.chip_rows.value} chips are {places},"
                f" not chips_max = {self.chips_max.value}"
            )
        return self


class Core(Frozen):
    """What one core holds."""

    neurons: Number = Field(description="neurons")


class Formats(Frozen):
    """Number formats and what fits into them."""

    weight_bits: Bits = Field(description="stored width of a weight, sign included")
    membrane_bits: Bits = Field(description="signed width of the membrane (and current)")
    threshold_bits: Bits = Field(description="unsigned width of the threshold (its mantissa)")
    delay_ticks_max: Ticks = Field(
        description="longest axon delay, on neurocores beyond the one of the synapse"
    )
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
    threshold_schedule: Literal["microcode", "none"] = Field(
        description="how thresholds change from timestep to timestep, for spike codings"
    )
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")


class Routing(Frozen):
    """How packets travel and what the host may write."""

    topology: Literal["mesh"] = Field(description="how routers are connected")
    order: Literal["xy"] = Field(description="dimension order of a packet's way")
    host_writes: Literal["between_timesteps", "between_frames", "none"] = Field(
        description="when the host may write synapses, so that a template becomes weights"
    )
    source: str = Field(description="a key of [sources]")
    where: str = Field(default="", description="place in the source, and its doubts")


class EnergyPerAction(Frozen):
    """Energy of one action, beyond the static power."""

    synaptic_op: Energy = Field(description="one spike at one synapse")
    hop_east_west: Energy = Field(description="one packet, one router further along a row")
    hop_north_south: Energy = Field(description="one packet, one router further along a column")
    chip_crossing: Energy = Field(description="one packet from chip to chip")
    host_op: Energy = Field(description="one arithmetic operation on the host")


class TimePerAction(Frozen):
    """Time of one action."""

    link_packet: Time | None = Field(
        default=None, description="least time between two packets over one link of the mesh"
    )


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

    family: Family = Field(description="what the cores are: it decides what a file may say")
    name: Name = Field(description="the name for --target")
    title: str = Field(description="one line for people")
    aliases: tuple[Name, ...] = Field(default=(), strict=False, description="further names")
    backend: Name = Field(description="the backend that maps to this target")
    evidence: str = Field(default="", description="what the figures as a whole are worth")
    energies_of: Name | None = Field(
        default=None,
        description="the target whose energies these are; its second opinion and its measurements "
        "speak about them",
    )
    second_opinion: Name | None = Field(
        default=None,
        description="a target with other energies and times of the same chip, shown beside these",
    )
    cost_model: CostModel | None = Field(
        default=None,
        description="published metrics of a placement that reports show as well: jin2023 has units "
        "and constants of its own, no figure of this file",
    )
    chip: Chip
    core: Core
    formats: Formats
    neuron: Capabilities
    routing: Routing
    energy: EnergyPerAction
    time: TimePerAction
    static: Static
    measured: dict[Name, Measurement] = Field(
        default={}, description="published measurements that the costs are checked against"
    )
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

    def numbers(self) -> Iterator[tuple[str, Count | Codes | Measure]]:
        """All numbers as (``core.neurons``, number), in the order of the schema."""
        for path, entry in self._entries():
            if isinstance(entry, Count | Codes | Measure):
                yield path, entry

    def capabilities(self) -> Iterator[tuple[str, str]]:
        """What is said in words, as (``neuron.soft_reset``, text), in the order of the schema."""
        for path, entry in self._entries():
            if path.endswith((".source", ".where")) or isinstance(entry, Count | Codes | Measure):
                continue
            if isinstance(entry, tuple):
                yield path, ", ".join(entry)
            elif isinstance(entry, bool):
                yield path, "yes" if entry else "no"
            else:
                yield path, str(entry).replace("_", " ")

    def _entries(self) -> Iterator[tuple[str, Any]]:
        for section in type(self).model_fields:
            table = getattr(self, section)
            if isinstance(table, Frozen):
                for key in type(table).model_fields:
                    # what a chip does not limit is left out of its file
                    if getattr(table, key) is not None:
                        yield f"{section}.{key}", getattr(table, key)

    def number(self, path: str) -> Count | Codes | Measure:
        """The number at a path such as ``core.neurons``.

        Raises:
            KeyError: there is no such number.
        """
        return dict(self.numbers())[path]

    def cite(self, path: str) -> str:
        """Where a number stands and comes from, for the ``limit`` line of a diagnostic."""
        number = self.number(path)
        origin = f"{number.source}, {number.where}" if number.where else number.source
        value = number.text if isinstance(number, Codes) else number.value
        return f"{self.label}: {path} = {value} [{number.kind}: {origin}]"

    def to_toml(self) -> str:
        """The resolved target (nothing inherited) as TOML that loads to the same digest."""
        from nmcompile.target.write import target_toml

        return target_toml(self)

    def as_json(self) -> dict[str, Any]:
        """The target as JSON types, with its digest."""
        content: dict[str, Any] = self.model_dump(mode="json")
        return {**content, "digest": self.digest}
