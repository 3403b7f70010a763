"""The mapped network of a chip of functional cores: weight blocks that work in steps and phases.

A core holds one block of weights and runs ny x nx steps per timestep, one per phase, all with the
same weights. With II = `interval`, step (ky, kx) of timestep t (from 0) runs in phase

    start + t II + ky period + kx

of a frame. It reads what its axons see, adds (or takes the largest), updates its neurons, and
writes what they send; a value that is written in phase p can be read from phase p + 1 on, and
stays until the next one is written in its place. An element outside of its map reads as 0, and a
neuron whose element is outside is idle.

=========  =======================================================================================
core       chip, x, y, slot: place; axon0, axons, neuron0, neurons: its axons and physical
           neurons; block: its weights; population; kind: 0 multiply-accumulate, 1 maximum;
           start, period, ny, nx: when its steps run; ey: rows by which the elements of its
           neurons move with ky; ex, ec, ep: columns, channels and rows of parameters by which they
           move with kx
axon       source: population, -1 for the network's input, -2 for a partial sum; c, y, x: element
           read at step (0, 0); dy, dx: rows by which it moves with ky and columns with kx; of a
           partial sum c is the physical neuron, dx the neurons by which it moves
block      weight0, axons, neurons: weights of axon a at weight0 + a neurons + neuron; entry0,
           entries: its table of weights, into which they are indices; 0 entries where they are
           the weights themselves; identical cores share one
weight     value (int8): a weight, or an index
entry      value (int8): a weight
slot       weight, element, sign, word: weights that hold an element of the template, no index
parameter  kind: 0 sends the sum as it is, 1 `ReLU8`, 2 `IntegerNeuron` without current; bias,
           multiplier, shift; v_keep, state_bits, fire_above, reset (0 to zero, 1 by subtraction),
           reset_by, v_init: distinct rows of neuron parameters; of kind 1 fire_above is where
           activations end, 0 for 255
neuron     parameter: its row; c, y, x: element at step (0, 0); role: 0 original, 1 partial sum;
           traffic (int64): spikes of all its steps in the calibration run
tile       core, population; neuron0, neurons: its originals, none where a core has partial sums
           only; y0, y1, x0, x1, c0, c1: the box around the core's elements at step (0, 0)
host       row, phase: phase of a timestep's start, from -1, in which the host sends a row of the
           input
readout    neuron, ky, kx, index: which neuron is which output element in which step
=========  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.fcore_weights import tables_fit
from nmcompile.mapping.graph import I64, Column, MappedGraph, Packets
from nmcompile.mapping.populations import Shape3

Bits = npt.NDArray[np.bool_]
INPUT, PARTIAL = -1, -2
"""Sources of axons beside the populations."""
MAC, MAXIMUM = range(2)
"""Kinds of cores."""
AS_IT_IS, RELU8, SPIKING = range(3)
"""Kinds of neuron parameters."""
ORIGINAL, PART = range(2)
"""Roles of neurons."""
_STEPS = ("start", "period", "ny", "nx", "ey", "ex", "ec", "ep")


@dataclass(frozen=True, kw_only=True)
class FCoreGraph(MappedGraph):
    """One network on functional cores; see the module for the tables.

    `ticks` are the phases until the last output of a frame arrived.

    Attributes:
        interval: phases from one timestep to the next; a frame takes T times as many.
        schedule: the name of what was folded in time.
        partial_sum_bits: signed width of a sum that one core sends to another.
        weight_indices: entries that the table of weights of a core has room for; 0 for none.
    """

    FORMAT: ClassVar[str] = "nmcompile-fcore-graph"
    VERSION: ClassVar[int] = 2
    SCHEMA: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "core": (
            *("chip", "x", "y", "slot", "axon0", "axons", "neuron0", "neurons"),
            *("block", "population", "kind", *_STEPS),
        ),
        "axon": ("source", "c", "y", "x", "dy", "dx"),
        "block": ("weight0", "axons", "neurons", "entry0", "entries"),
        "weight": ("value",),
        "entry": ("value",),
        "slot": ("weight", "element", "sign", "word"),
        "parameter": (
            *("kind", "bias", "multiplier", "shift", "v_keep", "state_bits"),
            *("fire_above", "reset", "reset_by", "v_init"),
        ),
        "neuron": ("parameter", "c", "y", "x", "role", "traffic"),
        "tile": (
            *("core", "neuron0", "neurons", "population"),
            *("y0", "y1", "x0", "x1", "c0", "c1"),
        ),
        "host": ("row", "phase"),
        "readout": ("neuron", "ky", "kx", "index"),
    }
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = {
        "weight.value": np.int8,
        "entry.value": np.int8,
        "neuron.traffic": np.int64,
    }

    interval: int
    schedule: str
    partial_sum_bits: int
    weight_indices: int

    @classmethod
    def load(cls, stem: Path) -> Self:
        """See `MappedGraph.load`; the tables are checked too.

        Raises:
            NmError: NM0504; NM0309, see `validate`.
        """
        graph = super().load(stem)
        graph.validate()
        return graph

    @property
    def phases(self) -> int:
        """Phases from one frame to the next (the initiation interval)."""
        return self.timesteps * self.interval

    @property
    def input_shape3(self) -> Shape3:
        """`(C, H, W)` of the network's input."""
        shape = self.input_shape
        return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (shape[0], 1, 1)

    @cached_property
    def carries_values(self) -> tuple[bool, ...]:
        """Whether the input, and every population, sends values and not spikes.

        What a value meets is a multiply-accumulate; a spike makes a synaptic operation.
        """
        found = [self.input_values]
        population, source = self["core.population"][self.axon_cores()], self["axon.source"]
        for index, info in enumerate(self.populations):
            pooled = source[(population == index) & (source >= INPUT)]
            pool = info.kind == "pool_or" and len(pooled)
            found.append(found[int(pooled[0]) + 1] if pool else info.kind == "relu8")
        return tuple(found)

    def core_neurons(self) -> I64:
        """See `MappedGraph.core_neurons`; neurons that add partial sums count."""
        return self["core.neurons"].astype(np.int64)

    def neuron_cores(self) -> I64:
        """`(neurons,)` core of every physical neuron."""
        return np.repeat(np.arange(self.cores), self["core.neurons"])

    def axon_cores(self) -> I64:
        """`(axons,)` core of every axon."""
        return np.repeat(np.arange(self.cores), self["core.axons"])

    def adders(self) -> Bits:
        """`(cores,)` whether a core adds partial sums (or takes the largest of maxima)."""
        partial = self["axon.source"] == PARTIAL
        return np.bincount(self.axon_cores(), weights=partial, minlength=self.cores) > 0

    def packets(self) -> Packets:
        """See `MappedGraph.packets`.

        A physical neuron sends all that it sends to the same cores: to those that read any of the
        elements of its steps. Senders are the physical neurons, then the elements of the input,
        channels last.
        """
        sender, target = self._routes
        source = np.full(len(sender), -1, np.int64)
        inside = sender < self.neurons
        source[inside] = self.neuron_cores()[sender[inside]]
        traffic = np.ones(len(sender), np.int64)
        traffic[inside] = self["neuron.traffic"][sender[inside]]
        return Packets(sender=sender, source=source, target=target, traffic=traffic)

    @cached_property
    def _routes(self) -> tuple[I64, I64]:
        """Sender and target of every route, ascending."""
        from nmcompile.mapping.fcore_routes import HEARING, heard

        owner, first = self.senders()
        senders = self.neurons + int(np.prod(self.input_shape3))
        axons = self._columns("axon", self.SCHEMA["axon"])
        return heard(
            *(owner, first, self._shapes, self._columns("core", HEARING), axons, senders, PARTIAL)
        )

    def senders(self) -> tuple[I64, I64]:
        """The sender of every element, and the first element of every map.

        Elements are numbered channels last, the input first, then population after population;
        elements that nothing sends have -1.
        """
        from nmcompile.mapping.fcore_routes import SENDING, set_owners

        shapes = self._shapes
        ends = np.cumsum(np.prod(shapes, axis=1))
        first = np.concatenate([[0], ends[:-1]])
        owner = np.full(ends[-1], -1, np.int64)
        owner[: ends[0]] = self.neurons + np.arange(ends[0])
        neurons = self._columns("neuron", ("role", "c", "y", "x"))
        cores = self._columns("core", SENDING)
        set_owners(owner, first[1:], shapes[1:], cores, neurons, ORIGINAL)
        return owner, first

    @property
    def _shapes(self) -> I64:
        """`(1 + populations, 3)` (C, H, W) of the input and of every population."""
        return np.array([self.input_shape3, *(p.shape for p in self.populations)], np.int64)

    def _columns(self, table: str, names: tuple[str, ...]) -> tuple[Column, ...]:
        return tuple(self[f"{table}.{name}"] for name in names)

    def validate(self) -> None:
        """Check that no table points outside another, and every value is in its range.

        Raises:
            NmError: NM0309 with the first column that is wrong.
        """
        _references(self)
        _ranges(self)
        _blocks(self)


def _references(graph: FCoreGraph) -> None:
    """Plain references from one table into another."""
    populations, weights = len(graph.populations), graph.size("weight")
    for column, low, size in (
        ("core.block", 0, graph.size("block")),
        ("core.population", 0, populations),
        ("axon.source", PARTIAL, populations),
        ("neuron.parameter", 0, graph.size("parameter")),
        ("neuron.role", 0, PART + 1),
        ("slot.weight", 0, weights),
        ("slot.element", 0, int(np.prod(graph.slot_shape)) if graph.slot else 0),
        ("tile.core", 0, graph.cores),
        ("tile.neuron0", 0, graph.neurons),
        ("tile.population", 0, populations),
        ("host.row", 0, graph.input_shape3[1]),
        ("readout.neuron", 0, graph.neurons),
        ("readout.index", 0, int(np.prod(graph.output_shape))),
    ):
        _within(graph, column, low, size - 1)
    for table in ("neuron", "axon"):
        first, count = graph[f"core.{table}0"], graph[f"core.{table}s"].astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(count)])
        whole = np.array_equal(first, ends[:-1]) and ends[-1] == graph.size(table)
        _require(whole and bool((count >= 0).all()), f"the cores do not share out the {table}s")
    partial = graph["axon.source"] == PARTIAL
    last = (graph["core.nx"][graph.axon_cores()] - 1) * graph["axon.dx"]
    sender = graph["axon.c"][partial]
    sender = np.concatenate([sender, sender + last[partial]])
    _require(bool(((sender >= 0) & (sender < graph.neurons)).all()), "a partial sum has no sender")
    if graph.size("axon") and populations:
        shapes = np.array([graph.input_shape3, *(p.shape for p in graph.populations)])
        channels = shapes[graph["axon.source"][~partial] + 1, 0]
        c = graph["axon.c"][~partial]
        _require(bool(((c >= 0) & (c < channels)).all()), "an axon reads a channel that is not")


def _ranges(graph: FCoreGraph) -> None:
    """Steps, places of neurons, parameters."""
    shapes = np.array([p.shape for p in graph.populations]).reshape(-1, 3)
    shape = shapes[graph["core.population"][graph.neuron_cores()]]
    for axis, name in enumerate("cyx"):
        at = graph[f"neuron.{name}"]
        inside = bool(((at >= 0) & (at < shape[:, axis])).all())
        _require(inside, f"an entry of neuron.{name} is outside of its population")
    core = graph.neuron_cores()
    last = graph["neuron.c"] + (graph["core.nx"][core] - 1) * graph["core.ec"][core]
    _require(bool((last < shape[:, 0]).all()), "a neuron moves out of its population's channels")
    row = graph["neuron.parameter"] + (graph["core.nx"][core] - 1) * graph["core.ep"][core]
    there = bool((row < graph.size("parameter")).all())
    _require(there, "a neuron moves out of the table of parameters")
    _require(graph.interval >= 1, "the interval is not positive")
    for column, low, high in (
        ("core.kind", 0, MAXIMUM),
        ("core.start", 0, 2**30),
        ("core.period", 1, graph.interval),
        ("core.ny", 1, graph.interval),
        ("core.nx", 1, graph.interval),
        ("host.phase", -1, graph.interval - 1),
        ("parameter.kind", 0, SPIKING),
        ("parameter.shift", 0, 31),
        ("parameter.v_keep", 0, 4096),
        ("parameter.state_bits", 0, 32),
        ("parameter.reset", 0, 1),
    ):
        _within(graph, column, low, high)
    steps = graph["core.ny"].astype(np.int64) * graph["core.period"]
    _require(bool((steps <= graph.interval).all()), "the steps of a core exceed the interval")
    columns = graph["core.nx"] <= graph["core.period"]
    _require(bool(columns.all()), "the columns of a core take longer than its rows")
    relu = graph["parameter.kind"] == RELU8
    _require(bool((graph["parameter.shift"][relu] >= 1).all()), "an activation does not shift")


def _blocks(graph: FCoreGraph) -> None:
    """Weights lie within their table, and blocks have their cores' size."""
    size = graph["block.axons"].astype(np.int64) * graph["block.neurons"]
    first = graph["block.weight0"].astype(np.int64)
    inside = (first >= 0) & (size >= 0) & (first + size <= graph.size("weight"))
    _require(bool(inside.all()), "an entry of block.weight0 is outside its range")
    for name in ("axons", "neurons"):
        same = graph[f"core.{name}"] == graph[f"block.{name}"][graph["core.block"]]
        _require(bool(same.all()), f"a core has other {name} than its block of weights")
    fit = tables_fit(graph, graph.weight_indices)
    _require(fit, "an index points outside of its block's table of weights")


def _within(graph: FCoreGraph, column: str, low: int, high: int) -> None:
    values: Column = graph[column]
    if len(values) and not (int(values.min()) >= low and int(values.max()) <= high):
        raise _inconsistent(f"an entry of {column} is outside {low} to {high}")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise _inconsistent(problem)


def _inconsistent(problem: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0309",
            message=f"the core graph is inconsistent: {problem}",
            help=("build the deployment again with `nmcompile build`",),
        )
    )
