"""Sections about what was built: model, target, program, checks, mapping, messages."""

from __future__ import annotations

import dataclasses
from typing import Literal

from pydantic import Field

from nmcompile.diagnostics import Diagnostic, Severity
from nmcompile.report.figure import Figure, Number, Section


class Tool(Section):
    """The program that wrote the report."""

    name: Literal["nmcompile"] = Field("nmcompile", description="Always `nmcompile`.")
    version: str = Field(description="Version of nmcompile.")


class Setting(Section):
    """One named setting."""

    name: str = Field(description="Name of the setting.")
    value: str | int | float | bool | None = Field(description="Its value.")


class ModelInfo(Section):
    """The file that was compiled."""

    name: str = Field(description="Name of the model.")
    file: str = Field("", description="File name without its folder.")
    format: str = Field("", description="`checkpoint`, `torch.export`, `nir`, ...")
    sha256: str = Field("", description="Digest of the file.")
    architecture: str = Field("", description="Architecture named by the checkpoint.")
    tracker: str = Field("", description="Tracker loop that drives it; empty for a plain network.")
    parameters: int | None = Field(None, description="Weights and biases of the model.")
    calibration: str = Field("", description="Where activations were calibrated.")
    settings: tuple[Setting, ...] = Field((), description="Hyperparameters of the tracker.")


class CostEntry(Section):
    """One line of the target's energy, time or power table, as used."""

    name: str = Field(description="Path in the target file, such as `energy.synaptic_op`.")
    figure: Figure = Field(description="Its value, range, kind and source.")


class Source(Section):
    """A publication or file that figures come from."""

    key: str = Field(description="Key that figures name.")
    text: str = Field(description="Full reference.")


class TargetInfo(Section):
    """The chip."""

    name: str = Field(description="Name of the target, such as `loihi2`.")
    title: str = Field("", description="Name for people.")
    digest: str = Field("", description="Digest of the resolved target description.")
    notes: tuple[str, ...] = Field((), description="What to know about its figures.")
    costs: tuple[CostEntry, ...] = Field((), description="The cost tables, with sources.")
    sources: tuple[Source, ...] = Field((), description="Full references of the sources.")


class ScheduleStep(Section):
    """One step of the program's schedule."""

    name: str = Field(description="Name of the step.")
    trigger: str = Field(description="`on_init` or `every_frame`.")
    place: str = Field(description="`chip` or `host`.")
    network: str = Field("", description="Network that it runs; empty for a host operation.")
    repeat: int = Field(1, description="Runs per trigger.")


class NetworkInfo(Section):
    """One network of the golden program."""

    name: str = Field(description="Name of the network.")
    timesteps: int = Field(description="Timesteps T of one inference.")
    neurons: int = Field(description="Neurons of all populations.")
    layers: int = Field(description="Populations.")


class ProgramInfo(Section):
    """The lowered program."""

    digests: dict[str, str] = Field(description="Level -> digest of the program at that level.")
    networks: tuple[NetworkInfo, ...] = Field((), description="Networks, golden level.")
    schedule: tuple[ScheduleStep, ...] = Field((), description="Steps in order.")


class Provenance(Section):
    """What the build followed from, beside model and target."""

    passes: dict[str, str] = Field({}, description="Pass -> digest after it, in their order.")
    seeds: dict[str, int] = Field({}, description="What random numbers start from.")
    choices: tuple[Setting, ...] = Field((), description="Options and recipe, as resolved.")
    scales: tuple[Setting, ...] = Field((), description="Activation scales by layer.")


class LayerError(Section):
    """One layer, float activations against integer spike counts."""

    network: str = Field(description="Network.")
    layer: str = Field(description="The user's layer name.")
    correlation: float = Field(description="Pearson correlation over neurons and frames.")
    relative_error: float = Field(description="Norm of the difference over norm of the float.")
    rate: float = Field(description="Mean spikes per neuron and timestep.")
    percentile: float | None = Field(
        None, description="Of the activations, became the scale; empty where the model stores it."
    )
    v_init: float | None = Field(None, description="Membrane at the start, in thresholds.")


class PartialSums(Section):
    """One layer whose fan-in was split into rate-coded partial sums."""

    network: str = Field(description="Network.")
    layer: str = Field(description="The user's layer name.")
    inputs: int = Field(description="Inputs of one neuron.")
    parts: int = Field(description="Parts that they are cut into.")
    levels: int = Field(description="Levels of partial sums, one timestep of depth each.")
    rails: int = Field(description="Neurons that add up parts, two a part and output neuron.")
    unit_least: int = Field(description="Least sum that a rail's spike stands for.")
    unit_most: int = Field(description="Largest; every output channel has its own.")
    correlation: float = Field(description="Pearson, spike counts with and without parts.")
    relative_error: float = Field(description="Norm of the difference over norm without parts.")
    saturated: float = Field(description="Share of rails with a spike left to send at the end.")


class TrackingRow(Section):
    """Tracking accuracy on one sequence at one level."""

    sequence: str = Field(description="Sequence, or `mean`.")
    level: str = Field(
        description="`float`, `integer`, `mapped`, or a control: `static box`, `random weights`."
    )
    mean_iou: float = Field(description="Mean overlap with the ground truth.")
    precision: float = Field(description="Share of frames with a centre error up to 20 pixels.")
    frames: int | None = Field(None, description="Frames evaluated.")


class Accuracy(Section):
    """What the way from float to integer cost."""

    stimulus: str = Field("", description="What the layers were compared on.")
    frames: int | None = Field(None, description="Frames compared.")
    layers: tuple[LayerError, ...] = Field((), description="Layer by layer.")
    response_correlation: float | None = Field(None, description="Of the program's final output.")
    response_relative_error: float | None = Field(None, description="Of the final output.")
    golden_response_correlation: float | None = Field(
        None, description="Of the program's final output, integer against golden."
    )
    golden_response_relative_error: float | None = Field(None, description="Likewise.")
    partial_sums: tuple[PartialSums, ...] = Field(
        (), description="Layers in parts, an approximation."
    )
    parts_response_correlation: float | None = Field(
        None, description="Of the program's final output with and without parts."
    )
    parts_response_relative_error: float | None = Field(None, description="Likewise.")
    tracking: tuple[TrackingRow, ...] = Field((), description="Tracking table, with controls.")


class Compared(Section):
    """How much a check compared."""

    frames: int = Field(0, description="Consecutive frames.")
    neurons: int = Field(0, description="Neurons.")
    spikes: int = Field(0, description="Spikes on the upper side.")


class VerificationRow(Section):
    """One comparison of two levels that must be equal."""

    name: str = Field(description="What was compared, usually the network.")
    level_above: str = Field("golden", description="The reference.")
    level_below: str = Field("cores", description="What must equal it.")
    equal: bool = Field(description="Whether every spike, output and membrane agrees.")
    compared: Compared = Field(description="How much was compared.")
    first_mismatch: str = Field("", description="Where they first differ; empty when equal.")


class Utilisation(Section):
    """One capacity of the target at its fullest place."""

    limit: str = Field(description="Capacity.")
    used: int = Field(description="Largest use.")
    allowed: int = Field(description="What the target allows.")
    where: str = Field("", description="Core, tile or layer with the largest use.")
    source: str = Field("", description="Where the capacity comes from.")

    @property
    def share(self) -> float:
        """Used of allowed; 0 where nothing is allowed, and nothing used."""
        return self.used / self.allowed if self.allowed else 0.0


class LayerMapping(Section):
    """How one layer was cut and placed."""

    layer: str = Field(description="The user's layer name.")
    neurons: int = Field(0, description="Neurons.")
    tiles: int = Field(description="Tiles that it was cut into.")
    cores: int = Field(description="Cores that hold its tiles.")
    pooling: str = Field(
        "", description="Scheme of a pooling layer: `microcode`, `or`, `maximum` (of values)."
    )
    copies: int = Field(0, description="Further neurons that repeat one of the layer.")
    relay_cores: int = Field(0, description="Cores that only pass the layer's spikes on.")


class CoreUse(Section):
    """How far every core is full of one thing."""

    limit: str = Field(description="Capacity.")
    allowed: int = Field(description="What a core allows.")
    used: tuple[int, ...] = Field(description="Use of every core.")


class FloorPlan(Section):
    """Where the cores lie and what one inference does; columns with one entry a core, by number."""

    columns: int = Field(description="Places along x of the whole mesh.")
    rows: int = Field(description="Places along y of the whole mesh.")
    chip_columns: int = Field(description="Places along x of one chip.")
    chip_rows: int = Field(description="Places along y of one chip.")
    router_columns: int = Field(1, description="Places along x that share a router.")
    router_rows: int = Field(1, description="Places along y that share a router.")
    x: tuple[int, ...] = Field(description="Column, from 0.")
    y: tuple[int, ...] = Field(description="Row, from 0.")
    layers: tuple[str, ...] = Field((), description="What cores hold, every text once.")
    held: tuple[int, ...] = Field((), description="What each core holds: index into `layers`.")
    neurons: tuple[int, ...] = Field(description="Neurons mapped, copies and relays included.")
    axons: tuple[int, ...] = Field((), description="Input axons.")
    uses: tuple[CoreUse, ...] = Field((), description="What cores fill up with.")
    sops: tuple[Number, ...] = Field(description="Synapse accesses.")
    packets: tuple[Number, ...] = Field(description="Packets received.")
    spikes: tuple[Number, ...] = Field((), description="Spikes sent.")
    link_load: tuple[Number, ...] = Field(
        (), description="Packets on the busiest link that leaves each router, row by row."
    )


class JinMetrics(Section):
    """A placement by the metrics of Jin et al. 2023 (ASPLOS), under the calibration traffic.

    Their constants: a routing costs 1 and takes 1, a wire 0.1 and 0.01. No chip is meant by them.
    """

    energy: float = Field(description="Of all packets, in routings.")
    average_latency: float = Field(description="Of a packet, in cycles.")
    max_latency: float = Field(description="Of the longest way, in cycles.")
    average_congestion: float = Field(description="Packets through a router, mean.")
    max_congestion: float = Field(
        description="Expected packets through the busiest router on random shortest ways."
    )


class NetworkMapping(Section):
    """One network on cores."""

    network: str = Field(description="Network.")
    cores: int = Field(description="Cores used.")
    cores_lower_bound: int | None = Field(None, description="Fewest cores that could hold it.")
    chips: int = Field(description="Chips used.")
    average_hops: float | None = Field(None, description="Router hops of an average packet.")
    average_hops_lower_bound: float | None = Field(None, description="No placement has fewer.")
    busiest_link: int | None = Field(
        None, description="Packets on the busiest link, x before y, under the calibration traffic."
    )
    jin2023: JinMetrics | None = Field(
        None, description="Where the target asks for it with `cost_model`."
    )
    depth_ticks: int | None = Field(None, description="Pipeline depth in ticks.")
    digest: str = Field("", description="Digest of the core graph.")
    utilisation: tuple[Utilisation, ...] = Field((), description="Capacities at their fullest.")
    layers: tuple[LayerMapping, ...] = Field((), description="Layer by layer.")
    floor_plan: FloorPlan | None = Field(None, description="Cores, position and activity.")


class Mapping(Section):
    """The whole program on chips."""

    chips: int = Field(description="Chips that are powered.")
    cores: int = Field(description="Cores used by all networks together.")
    cores_per_chip: int | None = Field(None, description="Usable cores of one chip.")
    networks: tuple[NetworkMapping, ...] = Field((), description="Network by network.")


class Message(Section):
    """One diagnostic of the build."""

    code: str = Field(description="`NM` and four digits.")
    severity: Severity = Field(description="`error`, `warning` or `note`.")
    message: str = Field(description="What was found.")
    where: str = Field("", description="Layer or place in a file.")
    limit: str = Field("", description="Limit that was met.")
    found: str = Field("", description="Value that met it.")
    notes: tuple[str, ...] = Field((), description="Further facts.")
    help: tuple[str, ...] = Field((), description="Ways to go on.")

    @classmethod
    def of(cls, diagnostic: Diagnostic) -> Message:
        """A diagnostic as it stands in a report."""
        return cls(**dataclasses.asdict(diagnostic))

    def diagnostic(self) -> Diagnostic:
        """The diagnostic again, for whoever shows or carries it on."""
        return Diagnostic(**self.model_dump())
