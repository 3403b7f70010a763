"""The mapped network of a chip of binary crossbars: axons, crossbar blocks, neurons, targets.

=========  =======================================================================================
core       chip, x, y, slot: place; neuron0, neurons, axon0, axons: its physical neurons and its
           axons (numbered from 0 within the core); block: its crossbar
axon       type (uint8): which of a neuron's weights its spikes add, 0 to 3
block      word0, axons, neurons: a crossbar; identical cores share one
crossbar   word (uint64): the row of axon a of a block are W = ceil(neurons / 64) words from
           word0 + a W; bit j & 63 of word j >> 6 is the synapse to the core's neuron j
parameter  weight0 ... weight3, leak, threshold (alpha), floor (beta), reset_value (R),
           reset_mode (gamma: 0 to R, 1 subtract, 2 none), floor_mode (kappa: 1 saturate),
           leak_reversal (epsilon), stochastic_leak (c), stochastic0 ... stochastic3 (b_g),
           mask_bits (TM): distinct rows of neuron parameters
neuron     parameter: its row; v_init; target_core (-1: none), target_axon, target_delay (1 to
           15): where its spikes go; role: 0 original, 1 copy, 2 relay, 3 timer, which drives its
           core's bias from some tick on; traffic (int64): spikes in the calibration run
tile       core, neuron0, neurons, population; y0, y1, x0, x1, c0, c1: the originals of one box in
           the order (y, x, channel)
host       index: input element; core, axon, delay: where it is sent, and how many ticks after its
           own tick it arrives; traffic (int64). One row is one packet
bias       core, axon, start, end: axons that the host drives at every tick start ... end (from 1),
           for a bias or for the gate of a two-status layer
readout    neuron, index: which neuron is which output element
fanout     line, population, synapses: how many non-zero weights of a population an original
           neuron (or line `neurons` + input element) feeds
=========  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.program import HostCounts
from nmcompile.mapping.graph import I64, Column, Helpers, MappedGraph, Packets

AXON_TYPES = 4
DELAY_MAX = 15
WORD_BITS = 64
ORIGINAL, COPY, RELAY, TIMER = range(4)
"""Roles of neurons."""


@dataclass(frozen=True, kw_only=True)
class CrossbarGraph(MappedGraph):
    """One network on crossbar cores; see the module for the tables.

    Attributes:
        membrane_clip: membranes are clipped to -membrane_clip ... membrane_clip.
    """

    FORMAT: ClassVar[str] = "nmcompile-crossbar-graph"
    VERSION: ClassVar[int] = 1
    SCHEMA: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "core": ("chip", "x", "y", "slot", "neuron0", "neurons", "axon0", "axons", "block"),
        "axon": ("type",),
        "block": ("word0", "axons", "neurons"),
        "crossbar": ("word",),
        "parameter": (
            *("weight0", "weight1", "weight2", "weight3"),
            *("leak", "threshold", "floor", "reset_value", "reset_mode", "floor_mode"),
            *("leak_reversal", "stochastic_leak"),
            *("stochastic0", "stochastic1", "stochastic2", "stochastic3", "mask_bits"),
        ),
        "neuron": (
            *("parameter", "v_init", "target_core", "target_axon", "target_delay"),
            *("role", "traffic"),
        ),
        "tile": (
            *("core", "neuron0", "neurons", "population"),
            *("y0", "y1", "x0", "x1", "c0", "c1"),
        ),
        "host": ("index", "core", "axon", "delay", "traffic"),
        "bias": ("core", "axon", "start", "end"),
        "readout": ("neuron", "index"),
        "fanout": ("line", "population", "synapses"),
    }
    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = {
        "axon.type": np.uint8,
        "crossbar.word": np.uint64,
        "neuron.traffic": np.int64,
        "host.traffic": np.int64,
    }

    membrane_clip: int

    @classmethod
    def load(cls, stem: Path) -> Self:
        """See `MappedGraph.load`; the tables are checked too.

        Raises:
            NmError: NM0504; NM0309, see `validate`.
        """
        graph = super().load(stem)
        graph.validate()
        return graph

    def core_neurons(self) -> I64:
        """See `MappedGraph.core_neurons`; copies and relays count."""
        return self["core.neurons"].astype(np.int64)

    def neuron_cores(self) -> I64:
        """`(neurons,)` core of every physical neuron."""
        return np.repeat(np.arange(self.cores), self["core.neurons"])

    def block_words(self) -> I64:
        """`(blocks,)` words of one crossbar row."""
        words: I64 = -(-self["block.neurons"].astype(np.int64) // WORD_BITS)
        return words

    def packets(self) -> Packets:
        """See `MappedGraph.packets`.

        Senders are the physical neurons, then the rows of `host`, then those of `bias`.
        """
        neuron = np.flatnonzero(self["neuron.target_core"] >= 0)
        hosts, biases = self.size("host"), self.size("bias")
        outside = hosts + biases
        core = self.neuron_cores()[neuron]
        driven = np.maximum(0, self["bias.end"] - self["bias.start"] + 1)
        return Packets(
            sender=np.concatenate([neuron, self.neurons + np.arange(outside)]),
            source=np.concatenate([core, np.full(outside, -1)]),
            target=_joined(
                self["neuron.target_core"][neuron], self["host.core"], self["bias.core"]
            ),
            traffic=_joined(self["neuron.traffic"][neuron], self["host.traffic"], driven),
        )

    def helpers(self) -> tuple[Helpers, ...]:
        """See `MappedGraph.helpers`."""
        relayed, served = self.relayed(), self._served()
        role, core = self["neuron.role"], self.neuron_cores()
        return tuple(
            Helpers(
                copies=int(np.count_nonzero((role == COPY) & (served[core] == index))),
                relays=int(np.count_nonzero((role == RELAY) & (served[core] == index))),
                relay_cores=int(np.count_nonzero(relayed == index)),
            )
            for index in range(len(self.populations))
        )

    def relayed(self) -> I64:
        """See `MappedGraph.relayed`."""
        served = self._served()
        served[self["tile.core"]] = -1
        return served

    def reset_writes(self) -> HostCounts:
        """Membranes of all physical neurons, and the spikes that schedulers still hold."""
        return (*super().reset_writes(), ("scheduler_clears", self.cores))

    def _served(self) -> I64:
        """`(cores,)` population of a core's tiles, or of the spikes that it passes on; -1: none."""
        served = np.full(self.cores, -1, np.int64)
        served[self["tile.core"]] = self["tile.population"]
        target, core = self["neuron.target_core"], self.neuron_cores()
        while True:
            passed = (target >= 0) & (served[core] >= 0)
            passed[passed] = served[target[passed]] < 0
            if not passed.any():
                return served
            served[target[passed]] = served[core[passed]]

    def validate(self) -> None:
        """Check that no table points outside another, and every value is in its range.

        Raises:
            NmError: NM0309 with the first column that is wrong.
        """
        _references(self)
        _ranges(self)
        _blocks(self)
        _boxes(self)


def _joined(*parts: Column) -> I64:
    return np.concatenate(parts).astype(np.int64)


def _references(graph: CrossbarGraph) -> None:
    """Plain references from one table into another."""
    inputs, outputs = int(np.prod(graph.input_shape)), int(np.prod(graph.output_shape))
    for column, size in (
        ("core.block", graph.size("block")),
        ("axon.type", AXON_TYPES),
        ("neuron.parameter", graph.size("parameter")),
        ("neuron.role", TIMER + 1),
        ("tile.core", graph.cores),
        ("tile.neuron0", graph.neurons),
        ("tile.population", len(graph.populations)),
        ("host.index", inputs),
        ("host.core", graph.cores),
        ("host.delay", DELAY_MAX + 1),
        ("bias.core", graph.cores),
        ("readout.neuron", graph.neurons),
        ("readout.index", outputs),
        ("fanout.line", graph.neurons + inputs),
        ("fanout.population", len(graph.populations)),
    ):
        _within(graph, column, 0, size - 1)
    _within(graph, "neuron.target_core", -1, graph.cores - 1)
    for table in ("neuron", "axon"):
        first, count = graph[f"core.{table}0"], graph[f"core.{table}s"].astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(count)])
        whole = np.array_equal(first, ends[:-1]) and ends[-1] == graph.size(table)
        require_that(whole and bool((count >= 0).all()), f"the cores do not share out the {table}s")
    sends = graph["neuron.target_core"] >= 0
    for core, axon, name in (
        (graph["neuron.target_core"][sends], graph["neuron.target_axon"][sends], "neuron.target"),
        (graph["host.core"], graph["host.axon"], "host"),
        (graph["bias.core"], graph["bias.axon"], "bias"),
    ):
        inside = (axon >= 0) & (axon < graph["core.axons"][core])
        require_that(bool(inside.all()), f"an entry of {name}_axon names an axon that is not there")
    delay = graph["neuron.target_delay"][sends]
    require_that(
        bool(((delay >= 1) & (delay <= DELAY_MAX)).all()),
        f"an entry of neuron.target_delay is outside 1 to {DELAY_MAX}",
    )


def _ranges(graph: CrossbarGraph) -> None:
    """Values of neurons; membranes and sums of them must fit 32 bits."""
    clip, half = graph.membrane_clip, 2**29
    require_that(0 < clip < half, f"membrane_clip {clip} is outside 1 to {half - 1}")
    for column, low, high in (
        *((f"parameter.weight{g}", -256, 255) for g in range(AXON_TYPES)),
        *((f"parameter.stochastic{g}", 0, 1) for g in range(AXON_TYPES)),
        *((f"parameter.{name}", 0, 1) for name in ("floor_mode", "leak_reversal")),
        ("parameter.stochastic_leak", 0, 1),
        ("parameter.leak", -(2**20), 2**20),
        ("parameter.threshold", 0, half),
        ("parameter.floor", 0, half),
        ("parameter.reset_value", -clip, clip),
        ("parameter.reset_mode", 0, 2),
        ("parameter.mask_bits", 0, 18),
        ("neuron.v_init", -clip, clip),
        ("bias.start", 1, graph.ticks),
        ("bias.end", 0, graph.ticks),
        ("fanout.synapses", 0, 2**31 - 1),
    ):
        _within(graph, column, low, high)


def _blocks(graph: CrossbarGraph) -> None:
    """Crossbars lie within the words, have their cores' size, and no bits beyond it."""
    words = graph.block_words()
    first = graph["block.word0"].astype(np.int64)
    last = first + words * graph["block.axons"]
    inside = (first >= 0) & (last <= graph.size("crossbar"))
    require_that(bool(inside.all()), "an entry of block.word0 is outside its range")
    for name in ("axons", "neurons"):
        same = graph[f"core.{name}"] == graph[f"block.{name}"][graph["core.block"]]
        require_that(bool(same.all()), f"a core has other {name} than its crossbar block")
    for block in np.flatnonzero(graph["block.neurons"] % WORD_BITS):
        rows = graph["crossbar.word"][first[block] : last[block]].reshape(-1, words[block])
        beyond = rows[:, -1] >> np.uint64(graph["block.neurons"][block] % WORD_BITS)
        require_that(not beyond.any(), "a crossbar row has synapses beyond its neurons")


def _boxes(graph: CrossbarGraph) -> None:
    """Tiles are boxes of their populations, and neurons of their cores."""
    if not graph.size("tile"):
        return
    shapes = np.array([p.shape for p in graph.populations])[graph["tile.population"]]
    box = np.ones(graph.size("tile"), np.int64)
    for axis, name in enumerate("cyx"):
        low, high = graph[f"tile.{name}0"], graph[f"tile.{name}1"]
        inside = (low >= 0) & (low <= high) & (high <= shapes[:, axis])
        require_that(bool(inside.all()), "the box of a tile is outside its population")
        box *= high - low
    require_that(
        bool((box == graph["tile.neurons"]).all()), "a tile has not the neurons of its box"
    )
    core, first = graph["tile.core"], graph["tile.neuron0"]
    start = graph["core.neuron0"][core]
    inside = (first >= start) & (first + box <= start + graph["core.neurons"][core])
    require_that(bool(inside.all()), "a tile has neurons outside its core")


def _within(graph: CrossbarGraph, column: str, low: int, high: int) -> None:
    values: npt.NDArray[np.integer] = graph[column]  # type: ignore[type-arg]
    if len(values) and not (int(values.min()) >= low and int(values.max()) <= high):
        raise _inconsistent(f"an entry of {column} is outside {low} to {high}")


def require_that(condition: bool, problem: str) -> None:
    """Refuse tables that contradict each other.

    Raises:
        NmError: NM0309 where the condition does not hold.
    """
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
