"""The tables of a crossbar graph from a tiled network: neurons, copies, relays, targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.layer import Layer
from nmcompile.backends.truenorth.mapping.crossbars import Blocks
from nmcompile.backends.truenorth.mapping.endpoints import Endpoints, LayerAxons, layer_axons
from nmcompile.backends.truenorth.mapping.fanout import fanout
from nmcompile.backends.truenorth.mapping.neurons import (
    Neurons,
    layer_neurons,
    originals,
    with_timers,
)
from nmcompile.backends.truenorth.mapping.parameters import Parameters, type_weights
from nmcompile.backends.truenorth.mapping.relays import Relays, with_relays
from nmcompile.backends.truenorth.mapping.start import Start
from nmcompile.backends.truenorth.mapping.tiling import Tiling
from nmcompile.backends.truenorth.mapping.timing import Timing
from nmcompile.mapping.crossbar_graph import ORIGINAL, RELAY, TIMER
from nmcompile.mapping.populations import Population, Stages
from nmcompile.target import CrossbarTarget

I64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[np.generic]]
Traffic = Mapping[str, npt.NDArray[np.integer[Any]]]
"""Spikes of every neuron in a calibration run, by population (or input) name."""


@dataclass(frozen=True)
class Plan:
    """Everything that was decided about a network before its tables are written.

    Attributes:
        split: the network. layers: its populations with their encodings, by name.
        starts: their membranes and biases. tiling: their cores. times: depths and delays.
    """

    split: Stages
    layers: Mapping[str, Layer]
    starts: Mapping[str, Start]
    tiling: Tiling
    times: Timing

    @property
    def cores(self) -> int:
        """All cores; with relays an estimate that may be a few too low."""
        return self.tiling.cores


class Assembler:
    """Writes the tables.

    Args:
        plan: of the network. chip: the target.
        traffic: measured spikes; one per neuron where it is missing.
    """

    def __init__(self, plan: Plan, chip: CrossbarTarget, traffic: Traffic) -> None:
        self._plan = plan
        self._chip = chip
        self._traffic = traffic
        self._parameters = Parameters(chip)
        self._blocks = Blocks()
        self._block: list[int] = []
        self._axons: list[npt.NDArray[np.uint8]] = []
        self._per_core: list[I64] = []
        self._bias: list[I64] = []

    def columns(self) -> Columns:
        """All columns but the places of the cores."""
        split, tiling = self._plan.split, self._plan.tiling
        core0, path0 = 0, 0
        firsts: dict[str, int] = {}
        layers: dict[str, LayerAxons] = {}
        for population in split.populations:
            name = population.name
            firsts[name] = core0
            layers[name] = layer_axons(population, split, tiling, self._plan.times, core0, path0)
            core0 += tiling.cuts[name].layer_cores
            path0 += len(population.projections)
            self._count_axons(population, layers[name])
        ends = {name: _ends_of(name, layers) for name in (split.input.name, *firsts)}
        direct: dict[str, Endpoints] = {}
        behind: list[tuple[str, Relays, int]] = []
        for name in firsts:
            through = self._through(name, ends[name])
            direct[name], relays = with_relays(
                *(tiling.cuts[name], tiling.cutters[name].own, self._chip.core.neurons.value),
                *(ends[name], through, core0),
            )
            if relays is not None:
                behind.append((name, relays, core0))
                core0 += len(relays.inputs)
        neurons = [self._layer(k, direct[n], first) for k, (n, first) in enumerate(firsts.items())]
        neurons += [self._relays(*relays) for relays in behind]
        return self._tables(neurons, ends[split.input.name])

    def _count_axons(self, population: Population, axons: LayerAxons) -> None:
        """Axons of a layer's cores; the last ones are driven for a bias and a gate."""
        per_core, types = axons.per_core, axons.types
        driven = self._driven_types(population.name)
        if driven:
            ends = np.repeat(np.cumsum(per_core), len(driven))
            types = np.insert(types, ends, np.tile(driven, len(per_core)))
            per_core = per_core + len(driven)
        self._axons.append(types.astype(np.uint8))
        self._per_core.append(per_core)

    def _bias_type(self, name: str) -> int:
        encoding = self._plan.layers[name].encoding
        return 0 if encoding is None else encoding.types

    def _driven_types(self, name: str) -> list[int]:
        """Types of the axons of a core that the host drives: one for the bias, then the gate's."""
        bias, first = int(self._plan.starts[name].needs_axon), self._bias_type(name)
        gate = self._plan.layers[name].gate
        found = [first] * bias
        if gate is not None and gate.axons:
            for kind in range(len(gate.kinds)):
                found += [first + bias + kind] * gate.axons
        return found

    def _through(self, name: str, ends: Endpoints) -> npt.NDArray[np.bool_]:
        """Which targets of a population may go through relays."""
        relayed = self._plan.times.relayed
        flags = [
            (population.name, k) in relayed and projection.source == name
            for population in self._plan.split.populations
            for k, projection in enumerate(population.projections)
        ]
        return np.array(flags, np.bool_)[ends.path]

    def _layer(self, index: int, ends: Endpoints, core0: int) -> Neurons:
        """The neurons of a layer's cores: originals, copies, timers of a gated bias."""
        population = self._plan.split.populations[index]
        name = population.name
        start, cut = self._plan.starts[name], self._plan.tiling.cuts[name]
        order, core_of = originals(population, cut)
        own = self._plan.tiling.cutters[name].own
        layer, forms = self._plan.layers[name], self._plan.tiling.cutters[name].forms
        weights = type_weights(layer, cut, forms)
        row = self._parameters.of(layer, start, self._bias_type(name), weights)
        v_init = np.broadcast_to(start.v_init, population.shape)
        spikes = self._spikes(name, population.shape)
        found = layer_neurons(order, core_of, own, ends, (row, v_init, spikes))
        self._gate(index, core0)
        if start.needs_axon:
            depth = self._plan.times.depth[name]
            axon = self._per_core[index] - len(self._driven_types(name))
            most, ticks = self._chip.core.neurons.value, self._plan.times.ticks
            timer = (self._parameters.timer(depth), ticks - depth + 1)
            found, full = with_timers(found, axon, core0, most, timer)
            rows = np.empty((len(full), 4), np.int64)
            rows[:, 0], rows[:, 1] = full + core0, axon[full]
            rows[:, 2], rows[:, 3] = depth + 1, depth + self._plan.split.timesteps
            self._bias.append(rows)
        found = dataclasses.replace(found, core=found.core + core0)
        self._layer_blocks(population, found, order, core0)
        return found

    def _gate(self, index: int, core0: int) -> None:
        """What the host sends to the axons of a gate, the last ones of every core."""
        name = self._plan.split.populations[index].name
        gate, depth = self._plan.layers[name].gate, self._plan.times.depth[name]
        if gate is None or not gate.axons:
            return
        behind = self._per_core[index] - gate.all_axons
        core = np.arange(len(behind)) + core0
        for kind, steps in enumerate((gate.opens, gate.closes)):
            for step in steps:
                rows = np.empty((len(core), gate.axons, 4), np.int64)
                axons = np.arange(gate.axons) + kind * gate.axons
                rows[..., 0] = core[:, None]
                rows[..., 1] = behind[:, None] + axons
                rows[..., 2:] = depth + step
                self._bias.append(rows.reshape(-1, 4))

    def _layer_blocks(
        self, population: Population, neurons: Neurons, order: I64, core0: int
    ) -> None:
        name = population.name
        cut, forms = self._plan.tiling.cuts[name], self._plan.tiling.cutters[name].forms
        start = self._plan.starts[name]
        gated = np.broadcast_to(start.gated != 0, population.shape).reshape(-1)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        edges = np.searchsorted(neurons.core, core0 + np.arange(cut.layer_cores + 1))
        boxes = np.argsort(cut.core, kind="stable")
        box_edges = np.searchsorted(cut.core[boxes], np.arange(cut.layer_cores + 1))
        driven = len(self._driven_types(name)) - start.needs_axon
        for k in range(cut.layer_cores):
            here = slice(edges[k], edges[k + 1])
            owner = neurons.owner[here]
            own_outputs = owner[neurons.role[here] == ORIGINAL]
            numbers = cut.form[boxes[box_edges[k] : box_edges[k + 1]]].tolist()
            own = [(n, forms.known[n]) for n in numbers]
            listens = [gated[own_outputs]] * start.needs_axon
            listens += [np.ones(len(own_outputs), np.bool_)] * driven
            place = rank[owner] - rank[owner[0]]
            if forms.holds_template:
                self._block.append(self._blocks.of_template(name, own, place))
                continue
            place[neurons.role[here] == TIMER] = -1
            self._block.append(self._blocks.of_boxes(name, own, place, listens))

    def _relays(self, source: str, relays: Relays, core0: int) -> Neurons:
        count, shape = len(relays.core), self._plan.layers[source].population.shape
        row = self._parameters.relay()
        edges = np.searchsorted(relays.core, np.arange(len(relays.inputs) + 1))
        for k, axons in enumerate(relays.inputs.tolist()):
            self._block.append(self._blocks.relays(relays.axon[edges[k] : edges[k + 1]], axons))
        self._axons.append(np.zeros(int(relays.inputs.sum()), np.uint8))
        self._per_core.append(relays.inputs)
        return Neurons(
            relays.target,
            relays.core + core0,
            relays.element,
            np.full(count, RELAY),
            np.full(count, row),
            np.zeros(count, np.int64),
            self._spikes(source, shape)[relays.element],
        )

    def _tables(self, neurons: list[Neurons], outside: Endpoints) -> Columns:
        split = self._plan.split
        per_core = np.concatenate(self._per_core)
        core = np.concatenate([n.core for n in neurons])
        held = np.bincount(core, minlength=len(per_core))
        bias = np.concatenate([np.zeros((0, 4), np.int64), *self._bias])
        by_input = np.lexsort((outside.axon, outside.core, outside.element))
        outside = outside.take(by_input)
        numbers = self._original_numbers(neurons)
        target = [n.target for n in neurons]
        read = numbers[split.output]
        return {
            "core.neuron0": np.cumsum(held) - held,
            "core.neurons": held,
            "core.axon0": np.cumsum(per_core) - per_core,
            "core.axons": per_core,
            "core.block": np.array(self._block, np.int64),
            "axon.type": np.concatenate(self._axons),
            **self._blocks.columns(),
            **(self._blocks.written() if split.slot else {}),
            **self._parameters.columns(),
            "neuron.parameter": np.concatenate([n.parameter for n in neurons]),
            "neuron.v_init": np.concatenate([n.v_init for n in neurons]),
            "neuron.target_core": np.concatenate([t.core for t in target]),
            "neuron.target_axon": np.concatenate([t.axon for t in target]),
            "neuron.target_delay": np.concatenate([t.delay for t in target]),
            "neuron.role": np.concatenate([n.role for n in neurons]),
            "neuron.traffic": np.concatenate([n.traffic for n in neurons]),
            **self._tile_columns(numbers),
            "host.index": outside.element,
            "host.core": outside.core,
            "host.axon": outside.axon,
            "host.delay": outside.delay,
            "host.traffic": self._spikes(split.input.name, split.input.shape)[outside.element],
            **{f"bias.{n}": bias[:, k] for k, n in enumerate(("core", "axon", "start", "end"))},
            "readout.neuron": read,
            "readout.index": np.arange(len(read)),
            **fanout(split, numbers, len(core)),
        }

    def _original_numbers(self, neurons: list[Neurons]) -> dict[str, I64]:
        """Physical number of every output of every population, in (C, H, W) order."""
        found, first = {}, 0
        for population, own in zip(self._plan.split.populations, neurons, strict=False):
            number = np.empty(population.size, np.int64)
            at = np.flatnonzero(own.role == ORIGINAL)
            number[own.owner[at]] = first + at
            found[population.name] = number
            first += len(own.core)
        return found

    def _tile_columns(self, originals: Mapping[str, I64]) -> Columns:
        rows, core0 = [], 0
        for index, population in enumerate(self._plan.split.populations):
            cut = self._plan.tiling.cuts[population.name]
            boxes = cut.boxes.astype(np.int64)
            numbers = originals[population.name].reshape(population.shape)
            size = (boxes[:, 1::2] - boxes[:, ::2]).prod(axis=1)
            place = [
                cut.core + core0,
                numbers[boxes[:, 4], boxes[:, 0], boxes[:, 2]],
                size,
                np.full(len(boxes), index),
            ]
            table = np.concatenate([np.stack(place, axis=1), boxes], axis=1)
            rows.append(table[np.argsort(cut.core, kind="stable")])
            core0 += cut.layer_cores
        table = np.concatenate(rows)
        names = ("core", "neuron0", "neurons", "population", "y0", "y1", "x0", "x1", "c0", "c1")
        return {f"tile.{name}": table[:, k] for k, name in enumerate(names)}

    def _spikes(self, name: str, shape: tuple[int, int, int]) -> I64:
        """Spikes of a calibration run in (C, H, W) order, ones where none is given."""
        given = self._traffic.get(name)
        if given is None:
            return np.ones(int(np.prod(shape)), np.int64)
        return np.asarray(given, np.int64).reshape(-1)


def _ends_of(name: str, layers: Mapping[str, LayerAxons]) -> Endpoints:
    """All axons that a population (or the input) drives, sorted by its neurons."""
    found = [own.by_source[name] for own in layers.values() if name in own.by_source]
    ends = Endpoints.joined(found)
    return ends.take(np.argsort(ends.element, kind="stable"))
