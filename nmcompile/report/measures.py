"""Sections about what it costs: counters, energy, timing, host, conventions, headline."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nmcompile.cost.energy import Component
from nmcompile.cost.timing import Limiter
from nmcompile.report.figure import Bound, Figure, Number, Section, Share

Verdict = Literal["verified", "mismatch", "not verified"]


class LayerCounts(Section):
    """One layer in one inference; means over the measured inferences."""

    layer: str = Field(description="The user's layer name.")
    neurons: int = Field(description="Size of the population.")
    spikes: Number = Field(description="Spikes emitted.")
    sops: Number = Field(description="Synaptic operations: spikes x non-zero weights.")
    macs: Number = Field(description="Multiply-accumulates of real- or integer-valued inputs.")
    neuron_updates: Number = Field(description="Membrane updates, idle ones included.")


class CoreCounts(Section):
    """What the cores did in one inference; means over the measured inferences."""

    sops: Number = Field(description="Synapse accesses with a non-zero weight.")
    zero_accesses: Number = Field(description="Accesses to stored zeros.")
    updates_active: Number = Field(description="Neurons that received input or fired.")
    updates_idle: Number = Field(description="Updates of neurons that did neither.")
    packets: Number = Field(description="Spike packets.")
    packets_local: Number = Field(description="Packets that stayed behind one router.")
    hops_east_west: Number = Field(description="Router hops along x.")
    hops_north_south: Number = Field(description="Router hops along y.")
    chip_crossings: Number = Field(description="Chip borders crossed by packets.")
    host_packets: Number = Field(description="Packets injected by the host.")
    link_load_max: int = Field(description="Packets on the busiest link in the busiest tick.")


class StepCounts(Section):
    """One inference of one network as a step of the schedule."""

    step: str = Field(description="Step of the schedule.")
    network: str = Field(description="Network.")
    place: str = Field(description="`chip` or `host`.")
    inferences: int = Field(description="Measured inferences that the means are over.")
    timesteps: int = Field(description="Timesteps T.")
    ticks: Number = Field(description="Ticks until the last output.")
    layers: tuple[LayerCounts, ...] = Field(description="Layer by layer.")
    cores: CoreCounts | None = Field(description="What the cores did; null for the host.")


class Counters(Section):
    """Deterministic counts; the only input of the cost model besides the target's tables."""

    steps: tuple[StepCounts, ...] = Field(description="Step by step, one inference each.")
    sops_per_frame: Number = Field(description="Algorithmic synaptic operations, all runs.")
    macs_per_frame: Number = Field(description="Multiply-accumulates, all runs.")
    core_sops_per_frame: Number = Field(description="Synapse accesses on cores, all runs.")
    spikes_per_frame: Number = Field(description="Spikes, all runs.")
    repeated_sops_per_frame: Number = Field(
        0,
        description="Of `core_sops_per_frame`, what the algorithm does not ask for: the work "
        "of copies and relays, and of neurons outside their window.",
    )


class EnergyComponent(Section):
    """Energy of one component, per frame."""

    name: Component = Field(description="Component.")
    figure: Figure = Field(description="Joules per frame.")
    note: str = Field("", description="Where else it is charged.")


class ActionEnergy(Section):
    """Energy of one kind of action, per frame: how often it happens times what one costs."""

    component: Component = Field(description="Component that it is a part of.")
    action: str = Field(description="What happens.")
    count: Number = Field(description="How often per frame.")
    cost: Figure = Field(description="Joules of one.")
    energy: Figure = Field(description="Joules per frame.")


class LayerEnergy(Section):
    """Energy of one layer's synapses and neurons, per frame."""

    step: str = Field(description="Step of the schedule.")
    layer: str = Field(description="The user's layer name.")
    synapse: Figure = Field(description="Joules per frame.")
    neuron: Figure = Field(description="Joules per frame.")
    total: Figure = Field(description="Their sum.")


class Energy(Section):
    """Energy per frame. A frame is everything that one output costs."""

    total: Figure = Field(description="Joules per frame, all components.")
    per_crop: Figure = Field(description="Joules for one run of every per-frame step.")
    per_sop: Figure = Field(description="`total` over algorithmic synaptic operations.")
    components: tuple[EnergyComponent, ...] = Field(description="By component.")
    actions: tuple[ActionEnergy, ...] = Field(
        (), description="By action; static power and embedded processors come on top."
    )
    layers: tuple[LayerEnergy, ...] = Field(description="By layer; synapse and neuron only.")
    init: Figure = Field(description="Joules of the work of the first frame, once.")
    frames_per_init: int | None = Field(
        description="Frames over which `init` is spread into `total`; null: not in `total`."
    )


class LimitedBy(Section):
    """Ticks decided by one limiter."""

    limiter: Limiter = Field(description="`core`, `link` or `step_min`.")
    ticks: int = Field(description="Ticks of all measured inferences.")


class StepTiming(Section):
    """Time of one inference of one network on the chip."""

    step: str = Field(description="Step of the schedule.")
    ticks: Number = Field(description="Ticks of one inference.")
    latency: Figure = Field(description="Seconds from the first tick to the last output.")
    tick_mean: Figure = Field(description="Seconds of an average tick.")
    tick_max: Figure = Field(description="Seconds of the slowest tick.")
    barriers: Figure | None = Field(
        None, description="Seconds of the latency at barriers; 0: a clock hides them."
    )
    tick_seconds: tuple[float, ...] = Field(description="Ticks of the first inference, seconds.")
    tick_accesses: tuple[Number, ...] = Field(
        (), description="Synapse accesses of all cores in these ticks."
    )
    limited_by: tuple[LimitedBy, ...] = Field(description="What decided the ticks.")
    idle_updates: Number | None = Field(description="Neuron updates that changed nothing.")


class Timing(Section):
    """Time per frame on the chip alone; the host's time is not in it."""

    frame: Figure = Field(description="Seconds of one frame, its runs one after the other.")
    fps: Figure = Field(description="Frames per second of the chip alone.")
    host_time: str = Field(description="How the host's time is treated, in one sentence.")
    steps: tuple[StepTiming, ...] = Field(description="Step by step.")


class OpCount(Section):
    """Operations of one kind."""

    name: str = Field(description="Kind of operation.")
    count: Number = Field(description="How many.")


class HostStep(Section):
    """One step that runs on the host."""

    step: str = Field(description="Step of the schedule.")
    trigger: str = Field(description="`on_init` or `every_frame`.")
    repeat: int = Field(description="Runs per trigger.")
    reason: str = Field(description="Why it is not on the chip.")
    ops: tuple[OpCount, ...] = Field(description="Operations of one run.")


class Host(Section):
    """What runs beside the chip."""

    steps: tuple[HostStep, ...] = Field(description="Step by step.")
    ops_per_frame: Number = Field(description="Operations of all per-frame steps.")
    on_chip_share: Share | None = Field(
        description="SOPs and MACs on cores over all, per frame, after input transduction."
    )


class ConventionRow(Section):
    """What a published formula says for the same counts."""

    name: str = Field(description="Stable identifier.")
    title: str = Field(description="Name for people.")
    formula: str = Field(description="S: synaptic operations, M: multiply-accumulates, per frame.")
    energy_j: float | None = Field(
        description="Joules per frame by this formula; null: it states none."
    )
    factor: float | None = Field(description="Our figure divided by it.")
    factor_bound: Bound = Field(description="`at_least` where our figure is a lower bound.")
    leaves_out: str = Field(description="What the formula does not count.")
    source: str = Field(description="Where it comes from.")
    low_j: float | None = Field(None, description="Lower end of its range; null: none stated.")
    high_j: float | None = Field(None, description="Upper end of its range.")


class Headline(Section):
    """The figures that the reader came for."""

    verdict: Verdict = Field(description="`verified`, `mismatch` or `not verified`.")
    cores: int = Field(description="Cores used.")
    chips: int = Field(description="Chips powered.")
    sops_per_frame: Number = Field(description="Algorithmic synaptic operations per frame.")
    fps: Figure = Field(description="Frames per second of the chip alone.")
    latency: Figure = Field(description="Seconds of one frame on the chip.")
    energy_per_frame: Figure = Field(description="Joules per frame.")
    on_chip_share: Share | None = Field(description="Operations on cores over all.")
    host_ops_per_frame: Number = Field(description="Operations on the host per frame.")
    mean_overlap: float | None = Field(description="Mean overlap of the mapped tracker.")
