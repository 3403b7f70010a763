"""Loihi 1's limits: the bound of every tile holds in the finished tables, and counts are exact."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.mapping import (
    limits,
    line,
    matching_networks,
    packing,
    skip_networks,
    small_word_limits,
    word_limits,
)
from support.nets import conv, if_neuron, spiking_networks

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.demand import CAPS, Demand, Grid
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.plan import Plan
from nmcompile.mapping.stages import stages
from nmcompile.mapping.utilisation import core_usage, synapse_formats, utilisation

FITS = {"NM0302", "NM0303", "NM0304", "NM0305", "NM0306", "NM0316", "NM0317", "NM0318"}


def with_thresholds(network: Network, kinds: int) -> Network:
    """The channels of every population get up to `kinds` different thresholds."""
    nodes = []
    for node in network.nodes:
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if isinstance(model, IntegerNeuron):
            channels = network.types[node.name].shape[0]
            rows = np.arange(channels) % kinds * 64 + int(model.fire_above.data.max())
            model = dataclasses.replace(model, fire_above=Array(rows.astype(np.int32)))
            node = dataclasses.replace(node, op=ops.Neuron(model))
        nodes.append(node)
    return network.replace(nodes=tuple(nodes))


def mapped(network: Network, caps: Limits) -> CoreGraph:
    try:
        return map_network(network, caps)
    except NmError as error:
        assume(not set(error.codes) & FITS)
        raise


def bounds(network: Network, graph: CoreGraph, caps: Limits) -> list[Demand]:
    """The demands of the tiles of every core, added."""
    split = stages(network)
    boxes = np.stack([graph[f"tile.{k}"] for k in ("y0", "y1", "x0", "x1", "c0", "c1")], axis=1)
    grids = {}
    for index, population in enumerate(split.populations):
        own = boxes[graph["tile.population"] == index]
        axes = [sorted({(a, b) for a, b in own[:, k : k + 2].tolist()}) for k in (0, 2, 4)]
        grids[population.name] = Grid(*(tuple(axis) for axis in axes))
    channels = split.input.shape[0]
    groups = tuple(
        (c, min(c + caps.axon_atoms, channels)) for c in range(0, channels, caps.axon_atoms)
    )
    plan = Plan(split.populations, {split.input.name: groups}, grids, caps)
    of_box = {}
    for index, population in enumerate(split.populations):
        grid = grids[population.name]
        tiles = plan.costs(population).tiles(grid)
        of_box |= {(index, *y, *x, *c): d for (y, x, c), d in zip(grid.boxes(), tiles, strict=True)}
    found = [Demand() for _ in range(graph.cores)]
    for core, index, box in zip(
        graph["tile.core"], graph["tile.population"], boxes.tolist(), strict=True
    ):
        found[core] = found[core] + of_box[index, *box]
    return found


@settings(max_examples=25, deadline=None)
@given(
    st.one_of(spiking_networks(), skip_networks(), matching_networks()),
    small_word_limits(),
    st.sampled_from([1, 2, 5]),
)
def test_no_tile_takes_more_than_its_bound(network: Network, caps: Limits, kinds: int) -> None:
    network = with_thresholds(network, kinds)
    graph = mapped(network, caps)
    found = core_usage(graph, caps)
    expected = bounds(network, graph, caps)
    for name in CAPS:
        if getattr(caps, name) is not None:
            bound = np.array([getattr(d, name) for d in expected])
            assert (bound >= getattr(found, name)).all(), name
    for row in utilisation(graph, caps):
        assert row.fits, row


def linear(neurons: int, inputs: int, weights: np.ndarray, **model: object) -> Network:
    op = ops.Linear(Array(weights), Array(np.zeros(neurons, np.int32)))
    nodes = (
        Node("input", ops.Input("spikes", (inputs,), 1)),
        Node("fc", op, ("input",), "fc"),
        Node("n", ops.Neuron(if_neuron(neurons, 9, reset="zero", **model)), ("fc",), "fc"),
        Node("count", ops.Decode(), ("n",)),
        Node("output", ops.Output(), ("count",)),
    )
    return Network("linear", nodes, 3)


def test_words_of_a_linear_layer_by_hand() -> None:
    """100 inputs reach 100 neurons: 2 entries of 17 bit and 100 weights each, 100 sources."""
    weights = np.full((100, 100), -128, np.int8)
    weights[:, 0] = 127
    caps = word_limits(neurons=1024)
    graph = map_network(linear(100, 100, weights), caps)
    assert graph.cores == 1
    (bits, each) = (2 * (10 + 7) + 100 * 8, (834 + 5) // 64 + 1)
    assert (bits, each) == (834, 14)
    found = core_usage(graph, caps)
    assert found.synapse_memory_bytes.tolist() == [100 * 14 * 8]
    assert found.words_per_axon.tolist() == [14]
    assert found.in_axons.tolist() == [1]
    assert [row[1] for row in synapse_formats(graph, caps)] == [
        "dense, 8-bit mixed weights, 7-bit index"
    ]


def test_weights_of_one_sign_and_few_values_take_few_bits() -> None:
    caps = word_limits(neurons=1024)
    graph = map_network(linear(100, 40, np.full((100, 40), 3, np.int8)), caps)
    # 2 * (10 + 7) + 100 * 2 = 234 bits
    assert core_usage(graph, caps).synapse_memory_bytes.tolist() == [40 * 4 * 8]
    ((_, text, words),) = synapse_formats(graph, caps)
    assert (text, words) == ("dense, 2-bit positive weights, 7-bit index", 160)


def test_scattered_synapses_are_stored_sparse() -> None:
    """One channel of a wide map: neighbouring positions are far apart in the core."""
    rng = np.random.default_rng(0)
    network = grouped(rng, channels=70)
    caps = word_limits(neurons=1024)
    texts = {text.split(",")[0] for _, text, _ in synapse_formats(map_network(network, caps), caps)}
    assert texts & {"sparse", "run-length"}


def grouped(rng: np.random.Generator, channels: int) -> Network:
    op = conv(rng, channels, 1, (3, 3), groups=channels)
    nodes = (
        Node("input", ops.Input("spikes", (channels, 5, 5), 1)),
        Node("c", op, ("input",), "conv"),
        Node("n", ops.Neuron(if_neuron(channels, 9, reset="zero")), ("c",), "conv"),
        Node("count", ops.Decode(), ("n",)),
        Node("output", ops.Output(), ("count",)),
    )
    return Network("grouped", nodes, 3)


def test_far_positions_need_another_copy_of_a_list() -> None:
    near = word_limits(neurons=1024)
    far = word_limits(neurons=1024, packing=packing(base_offset_max=15))
    network = line(channels=8, size=9)
    words = [core_usage(map_network(network, c), c).synapse_memory_bytes.sum() for c in (near, far)]
    assert words[1] > words[0]


def test_a_soft_reset_takes_a_compartment_a_synapse_an_axon_and_an_entry() -> None:
    network = line()
    one, two = word_limits(), word_limits(soft_reset_neurons=2)
    hard, soft = (core_usage(map_network(network, c), c) for c in (one, two))
    neurons = hard.neurons.sum()
    assert soft.neurons.sum() == 2 * neurons
    assert soft.in_axons.sum() - hard.in_axons.sum() == neurons
    assert soft.out_axons.sum() - hard.out_axons.sum() == neurons
    assert soft.synapse_formats.max() == hard.synapse_formats.max() + 1
    assert soft.compartment_configs.max() == hard.compartment_configs.max() + 1
    assert soft.destination_groups.max() == 2


def test_entries_of_populations_and_of_other_chips() -> None:
    network = line()
    free = limits(neurons=40, cores=2)
    caps = dataclasses.replace(free, out_axon_population=2, out_axon_crossing=1)
    graph = map_network(network, free)
    plain, counted = core_usage(graph, free).out_axons, core_usage(graph, caps).out_axons
    source = graph.group_cores()[graph["route.group"]]
    on_cores = source >= 0
    chips = graph["core.chip"]
    crossing = (chips[source[on_cores]] != chips[graph["route.core"][on_cores]]).sum()
    assert 0 < crossing < plain.sum()
    assert counted.sum() == 2 * plain.sum() + crossing


def test_thresholds_cut_a_layer_by_channels() -> None:
    network = with_thresholds(line(channels=8), 8)
    graph = map_network(network, word_limits(threshold_configs=3))
    assert (graph["tile.c1"] - graph["tile.c0"]).max() <= 3
    free = map_network(network, word_limits(threshold_configs=8))
    assert (free["tile.c1"] - free["tile.c0"]).max() == 8


def skip(delay: int) -> Network:
    """A path of `delay` populations beside a direct one."""
    rng = np.random.default_rng(0)
    nodes = [Node("input", ops.Input("spikes", (2, 5, 5), 1))]
    source = "input"
    for i in range(delay):
        nodes.append(Node(f"c{i}", conv(rng, 2, 2, (1, 1)), (source,), f"conv{i}"))
        nodes.append(Node(f"n{i}", ops.Neuron(if_neuron(2, 5)), (f"c{i}",)))
        source = f"n{i}"
    nodes.append(Node("main", conv(rng, 2, 2, (1, 1)), (source,), "main"))
    nodes.append(Node("skip", conv(rng, 2, 2, (1, 1)), ("input",), "skip"))
    nodes.append(Node("add", ops.Add(), ("main", "skip")))
    nodes.append(Node("n", ops.Neuron(if_neuron(2, 5)), ("add",)))
    nodes += [Node("d", ops.Decode(), ("n",)), Node("y", ops.Output(), ("d",))]
    return Network("skip", tuple(nodes), 3)


@pytest.mark.parametrize(("delay", "steps"), [(7, 8), (8, 16), (15, 16), (16, 32)])
def test_long_delays_leave_room_for_fewer_neurons(delay: int, steps: int) -> None:
    caps = word_limits(neurons=48, delay_steps=8)
    graph = map_network(skip(delay), caps)
    last = graph["tile.population"] == len(graph.populations) - 1
    assert graph["tile.neurons"][last].max() <= 48 * 8 // steps
    assert core_usage(graph, caps).input_buffer.max() <= 48 * 8


def test_a_delay_that_no_core_can_keep_is_refused() -> None:
    with pytest.raises(NmError) as error:
        map_network(skip(20), word_limits(neurons=2, delay_steps=8))
    (found,) = error.value.diagnostics
    assert (found.code, found.found, found.where) == ("NM0318", "32", "skip")
    assert found.limit.startswith("16 ")
    assert found.help


def test_more_formats_than_a_core_has_are_refused() -> None:
    with pytest.raises(NmError) as error:
        map_network(skip(2), word_limits(synapse_formats=1))
    assert {d.code for d in error.value.diagnostics} == {"NM0317"}
    assert {d.where for d in error.value.diagnostics} == {"skip"}
    assert {d.found for d in error.value.diagnostics} == {"2"}


def test_second_compartments_need_configurations() -> None:
    with pytest.raises(NmError) as error:
        map_network(line(), word_limits(soft_reset_neurons=2, compartment_configs=1))
    assert {d.code for d in error.value.diagnostics} == {"NM0316"}
