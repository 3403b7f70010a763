"""Tiles that are simulated together, and input that repeats: the same spikes, the same counts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import limits
from support.nets import conv, if_neuron

from nmcompile.backends.loihi import engine
from nmcompile.backends.loihi.arrive import LANE_BITS, LANES, count_parts
from nmcompile.backends.loihi.columns import ROW_COLUMNS, ROW_TOTAL
from nmcompile.backends.loihi.engine import EngineResult, LoihiEngine
from nmcompile.backends.loihi.tables import tables_of
from nmcompile.backends.loihi.widen import as_mapped, widened
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.mapper import map_network
from nmcompile.reference.integer import IntegerRunner

TIMESTEPS = 6


def dense(seed: int, widths: tuple[int, ...], zeros: float) -> Network:
    """A chain of dense layers on a binary input."""
    rng = np.random.default_rng(seed)
    nodes = [Node("input", ops.Input("spikes", (widths[0],), 1))]
    source = "input"
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        weight = rng.integers(-20, 40, (outputs, inputs)) * (rng.random((outputs, inputs)) > zeros)
        bias = Array(np.zeros(outputs, np.int32))
        nodes.append(Node(f"w{i}", ops.Linear(Array(weight.astype(np.int8)), bias), (source,)))
        source = f"n{i}"
        nodes.append(Node(source, ops.Neuron(if_neuron(outputs, 60)), (f"w{i}",)))
    nodes.append(Node("output", ops.Output(), (source,)))
    return Network("dense", tuple(nodes), TIMESTEPS)


def both_ways(graph: CoreGraph, stimulus: Any) -> list[list[EngineResult]]:
    """Two frames with wide tiles, and with every tile for itself."""
    found = []
    for way in (widened, lambda graph, _: as_mapped(graph)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine, "widened", way)
            simulator = LoihiEngine(graph)
        found.append([simulator.run(stimulus, record=True) for _ in range(2)])
    return found


def assert_same(one: EngineResult, other: EngineResult) -> None:
    np.testing.assert_array_equal(one.output, other.output)
    for name, train in one.spikes.items():
        np.testing.assert_array_equal(train, other.spikes[name])
        np.testing.assert_array_equal(one.v_final[name], other.v_final[name])
    assert one.counters.layers == other.counters.layers
    assert one.counters.cores is not None
    assert other.counters.cores is not None
    for field in one.counters.cores.__slots__:
        np.testing.assert_array_equal(
            getattr(one.counters.cores, field), getattr(other.counters.cores, field), field
        )


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    widths=st.lists(st.integers(2, 40), min_size=3, max_size=5).map(tuple),
    neurons=st.integers(3, 14),
    zeros=st.sampled_from((0.0, 0.5)),
)
def test_wide_tiles_change_nothing(
    seed: int, widths: tuple[int, ...], neurons: int, zeros: float
) -> None:
    network = dense(seed, widths, zeros)
    rng = np.random.default_rng(seed)
    stimulus = (rng.random((TIMESTEPS, widths[0])) < 0.4).astype(np.uint8)
    graph = map_network(network, limits(neurons=neurons))
    together, alone = both_ways(graph, stimulus)
    golden = IntegerRunner(network)
    for one, other in zip(together, alone, strict=True):
        assert_same(one, other)
        wanted = golden.run(stimulus, record=True)
        np.testing.assert_array_equal(one.output, wanted.output)
        assert one.counters.sops == wanted.counters.sops


def test_dense_layers_become_wide_and_are_shared_among_threads() -> None:
    network = dense(1, (30, 1200, 600), 0.0)
    graph = map_network(network, limits(neurons=100))
    wide = widened(graph, tables_of(graph)[0])
    assert graph.size("tile") >= 18
    sizes = wide.graph["tile.neurons"]
    assert sizes.sum() == 1800
    assert len(sizes) == 3
    assert sorted(wide.tiles.tolist()) == list(range(graph.size("tile")))


def test_input_that_repeats_is_added_up_once_and_counted_every_time() -> None:
    rng = np.random.default_rng(3)
    nodes = (
        Node("input", ops.Input("values", (3, 9, 8), 8)),
        Node("code", ops.Encode("constant"), ("input",)),
        Node("c", conv(rng, 4, 3, (3, 3)), ("code",)),
        Node("n", ops.Neuron(if_neuron(4, 900)), ("c",)),
        Node("output", ops.Output(), ("n",)),
    )
    network = Network("pixels", nodes, TIMESTEPS)
    image = rng.integers(0, 256, (3, 9, 8)).astype(np.uint8)
    result = LoihiEngine(map_network(network, limits(neurons=30))).run(image, record=True)
    golden = IntegerRunner(network).run(image, record=True)
    np.testing.assert_array_equal(result.spikes["n"], golden.spikes["n"])
    np.testing.assert_array_equal(result.v_final["n"], golden.v_final["n"])
    assert result.counters.layers == golden.counters.layers
    assert result.counters.cores is not None
    accesses = result.counters.cores.sops.sum(axis=1)
    assert len(set(accesses[:TIMESTEPS].tolist())) == 1
    assert accesses[0] > 0
    assert not accesses[TIMESTEPS:].any()


def test_neurons_that_the_same_tiles_hear_are_one_group() -> None:
    graph = map_network(dense(3, (20, 40, 40, 10), 0.2), limits(neurons=7))
    wide = widened(graph, tables_of(graph)[0])
    assert wide.graph.size("group") < graph.size("group")
    assert sorted(wide.group.tolist()) == list(range(graph.size("group")))
    assert wide.share0[-1] == graph.size("group")
    assert wide.graph["group.traffic"].sum() == graph["group.traffic"].sum()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    parts=st.integers(2, 9),
    lines=st.integers(1, 40),
    neurons=st.sampled_from((7, 9000, 65535)),
)
def test_counts_side_by_side_never_carry_over(
    seed: int, parts: int, lines: int, neurons: int
) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, neurons, (lines, parts), endpoint=True)
    packed = np.zeros((lines, -(-parts // LANES)), np.uint64)
    for part in range(parts):
        shift = np.uint64(part % LANES * LANE_BITS)
        packed[:, part // LANES] |= counts[:, part].astype(np.uint64) << shift
    spiking = np.flatnonzero(rng.random(lines) < 0.7).astype(np.uint16)
    row = np.zeros((lines, ROW_COLUMNS), np.int32)
    row[:, ROW_TOTAL] = 11
    sops = np.zeros(parts, np.int64)
    at = (0, 0, -1)
    found = count_parts(0, at, len(spiking), spiking[None], row, packed.reshape(-1), neurons, sops)
    np.testing.assert_array_equal(sops, counts[spiking].sum(axis=0))
    assert found == (counts[spiking].sum(), 11 * len(spiking))
