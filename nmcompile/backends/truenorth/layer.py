"""What one population asks of crossbar cores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.gates import Gate, gate_of, largest_weight, two_status
from nmcompile.backends.truenorth.neuron import neuron_refusal
from nmcompile.backends.truenorth.weights.encoding import Encoding, choose
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.axes import Feed
from nmcompile.mapping.demand import Costs, Grid, split_atoms
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population, Projection
from nmcompile.mapping.tile import grids
from nmcompile.mapping.window import Window, sources
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]
UNLIMITED = 2**31 - 1


@dataclass(frozen=True)
class Layer:
    """One population with the encoding of its weights.

    Attributes:
        network: name of the network.
        population: its neurons and where their input comes from.
        encoding: of its weights; None when no number of axons realises them.
        timesteps: T.
        gate: of a two-status population.
    """

    network: str
    population: Population
    encoding: Encoding | None
    timesteps: int
    gate: Gate | None = None

    @cached_property
    def inputs(self) -> int:
        """Inputs of the neuron that has the most: every input of its groups that exists."""
        return sum(
            p.channels_in * _most_sources(p.y) * _most_sources(p.x)
            for p in self.population.projections
        )

    @property
    def axons(self) -> int | None:
        """Axons that this neuron takes."""
        return None if self.encoding is None else self.inputs * self.encoding.axons

    @property
    def gate_axons(self) -> int:
        """Axons of its gate on every core."""
        return 0 if self.gate is None else self.gate.all_axons

    @property
    def types(self) -> int:
        """Axon types of its inputs and its gate."""
        return (0 if self.encoding is None else self.encoding.types) + self.gate_types

    @property
    def gate_types(self) -> int:
        """Axon types of its gate."""
        return 0 if self.gate is None or not self.gate.axons else len(self.gate.kinds)

    @cached_property
    def weight_range(self) -> tuple[int, int]:
        """Smallest and largest weight."""
        every = [p.weight.data for p in self.population.projections]
        return min(int(w.min()) for w in every), max(int(w.max()) for w in every)

    @property
    def delay(self) -> int:
        """Longest axon delay that balances the paths, beyond the shortest possible one."""
        return max(p.delay for p in self.population.projections)

    @property
    def model(self) -> IntegerNeuron | None:
        """Parameters of the neurons; None for OR pooling, whose threshold is one input."""
        return self.population.model

    @cached_property
    def threshold(self) -> int:
        """Largest threshold (a neuron fires at v >= threshold)."""
        return 1 if self.model is None else int(self.model.fire_above.data.max()) + 1

    @cached_property
    def leak(self) -> int:
        """Largest |constant| added at every tick."""
        return 0 if self.model is None else int(np.abs(self.model.bias.data).max())

    @cached_property
    def membranes(self) -> tuple[int, int]:
        """Bounds on v: below and above what any input of one frame could cause."""
        if self.model is None:
            return 0, self.inputs
        bias = self.per_channel(self.model.bias.data)
        start = self.per_channel(self.model.v_init.data)
        above = self.per_channel(self.model.fire_above.data)
        reset = self.per_channel(self.model.reset_by.data)
        excite, inhibit = self.sums()
        rise = np.maximum(0, excite + bias.max(axis=1))
        piled = np.maximum(0, rise - reset.min(axis=1)) if self.model.reset == "subtract" else 0
        highest = np.maximum(start.max(axis=1), above.max(axis=1)) + rise
        highest = highest + (self.timesteps - 1) * piled
        fall = np.minimum(0, bias.min(axis=1) - inhibit)
        lowest = start.min(axis=1) + self.timesteps * fall
        if self.gate is not None:
            return int(lowest.min() - self.gate.worth.max()), self.gate.highest
        return int(lowest.min()), int(highest.max())

    @property
    def membrane(self) -> int:
        """Bound on |v|."""
        low, high = self.membranes
        return max(high, -low)

    @property
    def unsupported(self) -> str:
        """Why no TrueNorth neuron computes this population, "" when one does."""
        return "" if self.model is None else neuron_refusal(self.model)

    def cut(self, chip: CrossbarTarget) -> tuple[Grid, int] | None:
        """The boxes of outputs that take the fewest cores, and their axons in all; None if none.

        A box is height x width x channels; a core takes one box of one layer.
        """
        axons = self.axons
        room = chip.core.axons.value - self.gate_axons
        if self.encoding is None or axons is None or axons > room:
            return None
        each = self.encoding.axons
        limits = core_limits(chip, each, self.gate_axons)
        projections = self.population.projections
        feeds = tuple(Feed(p, split_atoms((0, p.source_shape[0]), 1)) for p in projections)
        costs = Costs(self.population, feeds, (), limits)
        best: tuple[int, int, Grid] | None = None
        for grid in grids(self.population, limits):
            if best is not None and grid.tiles > best[0]:
                continue
            if costs.worst(grid).in_axons > limits.in_axons:
                continue
            key = (grid.tiles, costs.axons(grid) * each)
            if best is None or key < best[:2]:
                best = (*key, grid)
        return None if best is None else (best[2], best[1])

    def per_channel(self, values: npt.NDArray[np.generic]) -> I64:
        """A scalar, `(C,)` or full-shape parameter as `(C, neurons per channel or 1)`."""
        channels = self.population.shape[0]
        wide = np.asarray(values, np.int64).reshape(values.shape[0] if values.ndim else 1, -1)
        return np.broadcast_to(wide, (channels, wide.shape[1]))

    def sums(self) -> tuple[I64, I64]:
        """Sum of the positive and of the |negative| weights of every output channel."""
        rows = [_rows(p) for p in self.population.projections]
        excite = sum((np.maximum(w, 0).sum(axis=1) for w in rows), np.zeros(1, np.int64))
        inhibit = sum((np.maximum(-w, 0).sum(axis=1) for w in rows), np.zeros(1, np.int64))
        return excite, inhibit


def layer_of(
    network: str,
    population: Population,
    chip: CrossbarTarget,
    timesteps: int,
    types: int | None = None,
) -> Layer:
    """A population with the cheapest exact encoding of its weights.

    Args:
        network: its name. population: its neurons. chip: the target. timesteps: T.
        types: axon types that inputs may use; None for all of a core.
    """
    weights = [_by_channel(p) for p in population.projections]
    allowed = chip.core.axon_types.value if types is None else types
    gate = _gate(Layer(network, population, None, timesteps), chip)
    if gate is not None and types is None:
        allowed -= len(gate.kinds) if gate.axons else 0
    encoding = choose(weights, allowed, chip.formats.weight_bits.value)
    return Layer(network, population, encoding, timesteps, gate)


def _gate(layer: Layer, chip: CrossbarTarget) -> Gate | None:
    """The gate of a two-status population."""
    model = layer.model
    if model is None or not two_status(model):
        return None
    arrays = (model.bias, model.v_init, model.fire_above, model.reset_by)
    bias, start, above, reset = (layer.per_channel(a.data) for a in arrays)
    parameters = (bias, start, above, reset)
    return gate_of(model, layer.sums()[0], parameters, layer.timesteps, largest_weight(chip))


def _rows(projection: Projection) -> I64:
    weight = projection.weight.data
    return np.asarray(weight, np.int64).reshape(weight.shape[0], -1)


def _by_channel(projection: Projection) -> I64:
    """Weights as `(C_out, C_in, taps)`, zero outside an output channel's group."""
    weight = projection.weight.data
    taps = prod(weight.shape[2:])
    found = np.zeros((weight.shape[0], projection.source_shape[0], taps), np.int64)
    for output in range(weight.shape[0]):
        first = output // projection.channels_out * projection.pitch + projection.first
        own = weight[output].reshape(projection.channels_in, taps)
        found[output, first : first + projection.channels_in] = own
    return found


def _most_sources(window: Window) -> int:
    """Inputs along one axis of the output that has the most."""
    return max(len(sources(window, o, o + 1)) for o in range(window.size_out))


def core_limits(chip: CrossbarTarget, axons_per_input: int, taken: int = 0) -> Limits:
    """A core that takes whole inputs beside `taken` axons; what it does not have is unlimited."""
    return Limits(
        target=chip.name,
        neurons=chip.core.neurons.value,
        in_axons=(chip.core.axons.value - taken) // axons_per_input,
        out_axons=UNLIMITED,
        synapse_memory_bytes=UNLIMITED,
        total_memory_bytes=UNLIMITED,
        neuron_state_bytes=0,
        axon_entry_bytes=0,
        axon_atoms=1,
        weight_bits=chip.formats.weight_bits.value,
        delay_ticks_max=chip.formats.delay_ticks_max.value - chip.formats.delay_ticks_min.value,
        cores=chip.chip.cores.value,
        cores_per_router=chip.chip.cores_per_router.value,
        router_columns=chip.chip.router_columns.value,
        router_rows=chip.chip.router_rows.value,
        chips_max=chip.chip.chips_max.value,
        chip_columns=chip.chip.chip_columns.value,
    )
