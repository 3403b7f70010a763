"""A memory as weights of cores: equal to golden networks, rewritten, wrong where changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fcore_nets import CORES, SCHEDULES, chip, relu8
from support.memories import LEVELS, SIZES, Sizes

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.backends.tianjic.simulator.engine import FCoreEngine
from nmcompile.backends.tianjic.simulator.reference import ReferenceFCores
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import Query
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.fcore_template import written_weights
from nmcompile.reference.integer import IntegerRunner

BOARD = 2500
LARGEST = 127
PLAIN = Sizes(heads=2, keys=3, values=4, side=3, channels=2)


def asking(sizes: Sizes, seed: int, *, sums: bool = False) -> Network:
    """Counts that ask a memory; then activations and a convolution, unless the sums are read."""
    rng = np.random.default_rng(seed)
    keys, values = sizes.heads * sizes.keys, sizes.heads * sizes.values
    slot = ops.Slot("m", (sizes.heads, sizes.keys, sizes.values), 7, signed=False)
    nodes = [
        Node("input", ops.Input("spikes", (keys, sizes.side, sizes.side), 3)),
        *(Node("m", slot), Node("ask", Query(sizes.heads), ("input", "m"), "ask")),
    ]
    if not sums:
        activation = relu8(rng, values, LEVELS * LARGEST * sizes.keys)
        weight = rng.integers(-20, 21, (sizes.channels, values, 1, 1)).astype(np.int8)
        conv = ops.Conv2d(Array(weight), Array(np.zeros(sizes.channels, np.int32)))
        nodes += [Node("found", ops.Neuron(activation), ("ask",)), Node("c", conv, ("found",))]
    nodes.append(Node("sums", ops.Accumulate(apart=True), (nodes[-1].name,)))
    return Network("asking", (*nodes, Node("output", ops.Output(), ("sums",))))


def counts(sizes: Sizes, seed: int) -> Any:
    shape = (1, sizes.heads * sizes.keys, sizes.side, sizes.side)
    return np.random.default_rng(seed).integers(0, LEVELS + 1, shape).astype(np.uint8)


def memory(sizes: Sizes, seed: int, largest: int = LARGEST) -> Any:
    shape = (sizes.heads, sizes.keys, sizes.values)
    return np.random.default_rng(seed).integers(0, largest + 1, shape)


def answers(simulator: Any, sizes: Sizes, held: Any) -> Any:
    return simulator.run(counts(sizes, 1), {"m": held}, record=True).output


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(SIZES, SCHEDULES, CORES, st.integers(0, 2**16), st.booleans())
def test_cores_answer_what_the_golden_network_answers(
    sizes: Sizes, schedule: Schedule, core: tuple[int, int], seed: int, sums: bool
) -> None:
    """Counts, operations, and one template after the other on the same cores."""
    network = asking(sizes, seed, sums=sums)
    graph = map_network(network, chip(*core, chips=BOARD), schedule=schedule)
    runner, engine = IntegerRunner(network), FCoreEngine(graph)
    cores = (engine, ReferenceFCores(graph)) if graph.cores < 40 else (engine,)
    for index in range(2):
        asked, held = counts(sizes, seed + index), {"m": memory(sizes, seed + 7 * index)}
        golden = runner.run(asked, held, record=True)
        for simulator in cores:
            found = simulator.run(asked, held, record=True)
            np.testing.assert_array_equal(golden.output, found.output)
            for name, spikes in golden.spikes.items():
                np.testing.assert_array_equal(spikes, found.spikes[name])
            for a, b in zip(golden.counters.layers, found.counters.layers, strict=True):
                assert (a.layer, a.sops, a.macs) == (b.layer, b.sops, b.macs)


@pytest.mark.parametrize("schedule", ["unfolded", "semi-folded", "folded"])
def test_every_element_counts(schedule: Any) -> None:
    """One changed element of the memory, or one weight that holds another one, shows."""
    network = asking(PLAIN, 0, sums=True)
    graph = map_network(network, chip(24, 12), schedule=Schedule(schedule))
    held = memory(PLAIN, 5, LARGEST - 1)
    wanted = IntegerRunner(network).run(counts(PLAIN, 1), {"m": held}).output
    assert (counts(PLAIN, 1).sum(axis=(0, 2, 3)) > 0).all()
    engine = FCoreEngine(graph)
    np.testing.assert_array_equal(answers(engine, PLAIN, held), wanted)
    for place in np.ndindex(*held.shape):
        other = held.copy()
        other[place] += 1
        assert not np.array_equal(answers(engine, PLAIN, other), wanted)
    np.testing.assert_array_equal(answers(engine, PLAIN, held), wanted)
    assert not np.array_equal(answers(FCoreEngine(moved(graph, held)), PLAIN, held), wanted)


def moved(graph: FCoreGraph, held: Any) -> FCoreGraph:
    """One weight holds an element of another value."""
    element = graph["slot.element"].copy()
    mine = held.reshape(-1)[element]
    element[0] = element[np.flatnonzero(mine != mine[0])[0]]
    return graph.replace({"slot.element": element})


def test_copies_of_elements_are_written_too() -> None:
    network = asking(PLAIN, 0)
    elements = int(np.prod(memory(PLAIN, 0).shape))
    whole = map_network(network, chip(), schedule=Schedule("unfolded"))
    assert written_weights(whole) == elements * 9  # one block of all nine places
    turns = map_network(network, chip(), schedule=Schedule("folded"))
    assert written_weights(turns) == elements


@pytest.mark.parametrize("held", [None, LARGEST + 1])
def test_memories_that_weights_cannot_hold_are_refused(held: int | None) -> None:
    engine = FCoreEngine(map_network(asking(PLAIN, 0), chip()))
    slots = {} if held is None else {"m": np.full((2, 3, 4), held)}
    with pytest.raises(NmError) as refused:
        engine.run(counts(PLAIN, 1), slots)
    assert refused.value.codes == ("NM0215",)
    assert refused.value.diagnostics[0].found == ("none" if held is None else str(held))
