"""The capacities of a target that mapping obeys, each with the place it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.packing import Packing
from nmcompile.target import NeurocoreTarget, Target, of_family
from nmcompile.target.neurocore import RowSynapses, WordSynapses


@dataclass(frozen=True, slots=True)
class Limits:
    """What one core, one chip and one system hold.

    Attributes:
        target: name of the target.
        neurons: neurons (compartments) per core.
        in_axons: input axon entries per core.
        out_axons: output axon entries per core.
        synapse_memory_bytes: weights and their index, per core.
        total_memory_bytes: synapses, neuron state, pooling counters and axon entries, per core;
            None where they have a memory each.
        neuron_state_bytes: bytes of one neuron.
        axon_entry_bytes: bytes of one input or output axon entry.
        axon_atoms: neurons that may share one population axon.
        weight_bits: stored width of a weight.
        delay_ticks_max: longest axon delay beyond the one-step synapse delay.
        cores: usable cores per chip.
        cores_per_router: cores behind one router of the mesh.
        router_columns: mesh columns of a chip. router_rows: mesh rows of a chip.
        chips_max: chips of the largest system. chip_columns: of them side by side, None for any.
        out_axon_discrete: output entries of a route that leaves a group of one neuron.
        out_axon_population: likewise of several neurons.
        out_axon_crossing: further output entries when the route ends on another chip.
        words_per_axon: words of one source neuron. synapse_formats: formats of a core.
        compartment_configs: different decays and reset rules of a core.
        threshold_configs: different thresholds of a core.
        destination_groups: interleaved sets of neurons of a core.
        delay_steps: timesteps that the input buffer of a full core keeps for every neuron.
        packing: how a memory of words packs synapses; None for rows and runs.
        row_bytes: of a row. run_bytes: of a run; see `nmcompile.mapping.demand`.
        running_max_pool: whether running-maximum pooling can run in a neuron.
        soft_reset_neurons: compartments that one neuron with reset by subtraction takes.
        shared_kernels: whether rows of one core may share weights (convolution connectivity);
            otherwise every distinct row stores its own weights.
        sources: (name of a limit, where its value comes from, as text).

    A limit of None is one that the chip does not have or that nobody states.
    """

    target: str
    neurons: int
    in_axons: int
    out_axons: int
    synapse_memory_bytes: int
    total_memory_bytes: int | None
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
    chip_columns: int | None = None
    out_axon_discrete: int = 1
    out_axon_population: int = 1
    out_axon_crossing: int = 0
    words_per_axon: int | None = None
    synapse_formats: int | None = None
    compartment_configs: int | None = None
    threshold_configs: int | None = None
    destination_groups: int | None = None
    delay_steps: int | None = None
    packing: Packing | None = None
    row_bytes: int = 2
    run_bytes: int = 4
    running_max_pool: bool = True
    soft_reset_neurons: int = 1
    shared_kernels: bool = True
    sources: tuple[tuple[str, str], ...] = field(default=())

    @property
    def weight_bytes(self) -> int:
        """Whole bytes of one stored weight."""
        return -(-self.weight_bits // 8)

    @property
    def input_buffer(self) -> int | None:
        """Places for sums that neurons of a core receive later."""
        return None if self.delay_steps is None else self.neurons * self.delay_steps

    def source(self, name: str) -> str:
        """Where the value of limit `name` comes from."""
        return dict(self.sources).get(name, f"target {self.target}")


_IN_TARGET = {
    "core": (
        *("neurons", "in_axons", "out_axons", "synapse_memory_bytes", "total_memory_bytes"),
        *("neuron_state_bytes", "axon_entry_bytes", "axon_atoms"),
        *("out_axon_discrete", "out_axon_population", "out_axon_crossing"),
        *("compartment_configs", "threshold_configs", "destination_groups", "delay_steps"),
    ),
    "formats": ("weight_bits", "delay_ticks_max"),
    "chip": ("cores", "cores_per_router", "router_columns", "router_rows", "chips_max"),
}
_RENAMED = {
    "words_per_axon": "synapses.words_per_axon",
    "synapse_formats": "synapses.formats",
}


def limits_of(target: Target) -> Limits:
    """The limits of a target of neurocores; every one remembers where it is stated.

    Raises:
        NmError: NM0312 for a chip of another family.
    """
    chip = of_family(target, NeurocoreTarget)
    stated = dict(target.numbers())
    places = {name: f"{part}.{name}" for part, names in _IN_TARGET.items() for name in names}
    places = {name: path for name, path in (places | _RENAMED).items() if path in stated}
    cited = {name: target.cite(path) for name, path in places.items()}
    cited["running_max_pool"] = f"{target.label}: neuron.max_pool = {target.neuron.max_pool}"
    if "delay_steps" in cited:
        cited["input_buffer"] = cited["delay_steps"]
    numbers: dict[str, Any] = {"total_memory_bytes": None, "axon_entry_bytes": 0}
    numbers |= {name: stated[path].value for name, path in places.items()}
    return Limits(
        target=target.name,
        **numbers,
        **_synapses(chip),
        running_max_pool=target.neuron.max_pool == "microcode",
        soft_reset_neurons=2 if target.neuron.soft_reset == "second_compartment" else 1,
        shared_kernels=chip.routing.shared_kernels,
        sources=tuple(sorted(cited.items())),
    )


def _synapses(chip: NeurocoreTarget) -> dict[str, Any]:
    """How the synapse memory is filled, as fields of `Limits`."""
    synapses = chip.synapses
    if isinstance(synapses, RowSynapses):
        return {"row_bytes": synapses.row_bytes.value, "run_bytes": synapses.run_bytes.value}
    return {"packing": _packing(synapses)}


def _packing(synapses: WordSynapses) -> Packing:
    return Packing(
        word_bits=synapses.word_bits.value,
        header_bits=synapses.header_bits.value,
        spill_bits=synapses.spill_bits.value,
        entry_synapses=synapses.entry_synapses.value,
        index_bits=synapses.index_bits.value,
        skip_bits=synapses.skip_bits.value,
        weight_bits=synapses.weight_bits.value,
        delay_bits=synapses.delay_bits.value,
        base_offset_max=synapses.base_offset_max.value,
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
        cores: `(cores,)` use of every core, where a core fills up with it; else None.
    """

    limit: str
    used: int
    allowed: int
    where: str
    source: str
    cores: npt.NDArray[np.int64] | None = field(default=None, compare=False, repr=False)

    @property
    def fits(self) -> bool:
        """Whether the use is within the capacity."""
        return self.used <= self.allowed
