"""The capacities of a target that mapping obeys, each with the place it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from nmcompile.target import NeurocoreTarget, Target, of_family


@dataclass(frozen=True, slots=True)
class Limits:
    """What one core, one chip and one system hold.

    Attributes:
        target: name of the target.
        neurons: neurons (compartments) per core.
        in_axons: input axon entries per core.
        out_axons: output axon entries (one per route that leaves a neuron group) per core.
        synapse_memory_bytes: weights plus row and run index, per core.
        total_memory_bytes: synapses, neuron state, pooling counters and axon entries, per core.
        neuron_state_bytes: bytes of one neuron.
        axon_entry_bytes: bytes of one input or output axon entry.
        axon_atoms: neurons that may share one population axon.
        weight_bits: stored width of a weight.
        delay_ticks_max: longest axon delay beyond the one-step synapse delay.
        cores: usable cores per chip.
        cores_per_router: cores behind one router of the mesh.
        router_columns: mesh columns of a chip. router_rows: mesh rows of a chip.
        chips_max: chips of the largest system.
        running_max_pool: whether running-maximum pooling can run in a neuron.
        soft_reset_neurons: compartments that one neuron with reset by subtraction takes.
        shared_kernels: whether rows of one core may share weights (convolution connectivity);
            otherwise every distinct row stores its own weights.
        sources: (name of a limit, where its value comes from, as text).
    """

    target: str
    neurons: int
    in_axons: int
    out_axons: int
    synapse_memory_bytes: int
    total_memory_bytes: int
    neuron_state_bytes: int
    axon_entry_bytes: int
    axon_atoms: int
    weight_bits: int
    delay_ticks_max: int
    cores: int
    cores_per_router: int
    router_columns: int
    router_rows: int
    chips_max: int
    running_max_pool: bool = True
    soft_reset_neurons: int = 1
    shared_kernels: bool = True
    sources: tuple[tuple[str, str], ...] = field(default=())

    @property
    def weight_bytes(self) -> int:
        """Whole bytes of one stored weight."""
        return -(-self.weight_bits // 8)

    def source(self, name: str) -> str:
        """Where the value of limit `name` comes from."""
        return dict(self.sources).get(name, f"target {self.target}")


_IN_TARGET = {
    "core": (
        *("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "total_memory_bytes"),
        *("neuron_state_bytes", "axon_entry_bytes", "axon_atoms"),
    ),
    "formats": ("weight_bits", "delay_ticks_max"),
    "chip": ("cores", "cores_per_router", "router_columns", "router_rows", "chips_max"),
}


def limits_of(target: Target) -> Limits:
    """The limits of a target of neurocores; every one remembers where it is stated.

    Raises:
        NmError: NM0312 for a chip of another family.
    """
    chip = of_family(target, NeurocoreTarget)
    numbers = {
        name: target.number(f"{section}.{name}").value
        for section, names in _IN_TARGET.items()
        for name in names
    }
    cited = {
        name: target.cite(f"{section}.{name}")
        for section, names in _IN_TARGET.items()
        for name in names
    }
    cited["running_max_pool"] = f"{target.label}: neuron.max_pool = {target.neuron.max_pool}"
    return Limits(
        target=target.name,
        **{name: int(value) for name, value in numbers.items() if value is not None},
        running_max_pool=target.neuron.max_pool == "microcode",
        soft_reset_neurons=2 if target.neuron.soft_reset == "second_compartment" else 1,
        shared_kernels=chip.routing.shared_kernels,
        sources=tuple(sorted(cited.items())),
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """One capacity as used.

    Attributes:
        limit: name of the limit, as in `Limits`.
        used: largest use found.
        allowed: the capacity.
        where: the core, tile or layer with the largest use.
        source: where the capacity comes from.
    """

    limit: str
    used: int
    allowed: int
    where: str
    source: str

    @property
    def fits(self) -> bool:
        """Whether the use is within the capacity."""
        return self.used <= self.allowed
