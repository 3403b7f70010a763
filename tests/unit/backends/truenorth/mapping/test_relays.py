"""Copies in the source core, relay cores beside it, and delays that keep all paths together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.crossbar_nets import chain, chip, weights_of
from support.mapped_equal import differs, stimuli_for
from support.nets import if_neuron

from nmcompile.backends.truenorth.mapping import cutting
from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.crossbar_graph import COPY, RELAY

TERNARY = (-1, 0, 1)
ONES = (1,)


def test_copies_fill_the_source_core_first() -> None:
    """6 outputs on 2 axons each of 2 cores: 24 targets, 32 neurons of one core."""
    network = chain(
        weights_of(ONES, (6, 2, 1, 1)),
        weights_of(TERNARY, (64, 6, 1, 1), seed=1),
        shape=(2, 1, 1),
        threshold=1,
    )
    graph = map_network(network, chip(12, 32))
    assert graph.cores == 1 + 2
    roles = np.bincount(graph["neuron.role"], minlength=4)
    assert (roles[COPY], roles[RELAY]) == (6 * (2 * 2 - 1), 0)
    assert [p.depth for p in graph.populations] == [0, 1]
    assert differs(graph, network, stimuli_for(network)) == ""


def wide(readers: int) -> Network:
    """One neuron that many others read."""
    return chain(
        weights_of(ONES, (1, 2, 1, 1)),
        weights_of((2, 3), (readers, 1, 1, 1), seed=1),
        shape=(2, 1, 1),
        threshold=1,
    )


def test_a_neuron_with_more_readers_than_its_core_goes_through_relays() -> None:
    network = wide(16 * 6)
    graph = map_network(network, chip(8, 6))
    # 16 cores read it, its own has 6 neurons: relays of 6 copies each
    assert (graph["neuron.role"] == RELAY).sum() >= 16 - 6
    assert [p.depth for p in graph.populations] == [0, 2]
    assert graph.ticks == network.timesteps + 2
    helpers = graph.helpers()
    assert helpers[0].relay_cores > 0
    assert helpers[1].relay_cores == 0
    assert differs(graph, network, stimuli_for(network)) == ""


def test_more_readers_than_relays_have_copies_are_refused() -> None:
    with pytest.raises(NmError) as caught:
        map_network(wide(17 * 4), chip(8, 4))
    assert caught.value.codes == ("NM0305",)
    assert map_network(wide(16 * 4), chip(8, 4)).cores > 16


def test_a_relay_on_one_branch_delays_the_other() -> None:
    """The detour has a population with relays; the direct path waits two ticks more."""
    nodes = [
        Node("input", ops.Input("spikes", (1, 1, 1), 1)),
        *_layer("a", weights_of(ONES, (1, 1, 1, 1)), "input"),
        *_layer("b", weights_of((2, 3), (96, 1, 1, 1), seed=1), "a"),
        Node("long", weights_of((1, 2), (48, 2, 1, 1), seed=2, groups=48), ("b",), "long"),
        Node("short", weights_of(ONES, (48, 1, 1, 1)), ("a",), "short"),
        Node("sum", ops.Add(), ("long", "short")),
        Node("end", _neuron(48, 3), ("sum",), "end"),
        Node("output", ops.Output(), ("end",)),
    ]
    network = Network("skip", tuple(nodes), 6)
    graph = map_network(network, chip(8, 6))
    depth = {p.name: p.depth for p in graph.populations}
    assert depth["b"] == 2
    assert depth["end"] == depth["b"] + 1
    assert graph["neuron.target_delay"].max() > 1
    assert differs(graph, network, stimuli_for(network)) == ""


def test_a_skip_path_longer_than_the_delays_is_refused() -> None:
    source, nodes = "input", [Node("input", ops.Input("spikes", (2, 1, 1), 1))]
    for index in range(17):
        nodes += _layer(f"n{index}", weights_of(ONES, (2, 2, 1, 1)), source)
        source = f"n{index}"
    nodes += [
        Node("x", weights_of(ONES, (2, 2, 1, 1)), (source,), "end"),
        Node("y", weights_of(ONES, (2, 2, 1, 1)), ("n0",), "skip"),
        Node("sum", ops.Add(), ("x", "y")),
        Node("end", _neuron(2, 1), ("sum",), "end"),
        Node("output", ops.Output(), ("end",)),
    ]
    with pytest.raises(NmError) as caught:
        map_network(Network("long", tuple(nodes), 2), chip())
    assert "skip path delay up to" in caught.value.diagnostics[0].found


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), min_size=1, max_size=12),
    st.integers(4, 30),
)
@settings(deadline=None)
def test_relay_groups_make_room(neurons: list[tuple[int, int]], most: int) -> None:
    wanted, own = (np.array(column, np.int64) for column in zip(*neurons, strict=True))
    owner, served = cutting.relay_groups(wanted, own, most)
    least = np.maximum(-(-wanted // most) + own, 1).sum()
    if len(served) and served[0] < 0:
        # even one relay input for every `most` targets is too much, or nearly
        assert least > most - len(wanted)
        return
    slots = wanted + own
    np.subtract.at(slots, owner, served - 1)
    assert np.maximum(slots, 1).sum() <= most
    assert (served <= most).all()
    assert (np.bincount(owner, weights=served, minlength=len(wanted)) <= wanted).all()
    assert len(owner) == 0 or np.maximum(wanted + own, 1).sum() > most


def _neuron(channels: int, threshold: int) -> ops.Neuron:
    return ops.Neuron(if_neuron(channels, threshold, 0, shift=0, bits=0))


def _layer(name: str, op: ops.Conv2d, source: str) -> list[Node]:
    neuron = _neuron(op.weight.shape[0], 1)
    return [Node(f"{name}_c", op, (source,), name), Node(name, neuron, (f"{name}_c",), name)]


@given(st.integers(1, 3), st.integers(20, 110), st.integers(5, 9), st.booleans())
@settings(deadline=None, max_examples=15)
def test_relays_compute_the_golden_network(
    inputs: int, readers: int, neurons: int, read_out: bool
) -> None:
    layers = [weights_of(ONES, (inputs, 2, 1, 1)), weights_of((2, 3), (readers, inputs, 1, 1))]
    if not read_out:
        layers.append(weights_of((1, -1), (readers, 1, 1, 1), groups=readers))
    network = chain(*layers, shape=(2, 1, 1), threshold=1, bias=0)
    try:
        graph = map_network(network, chip(8, neurons))
    except NmError as error:
        assert error.codes == ("NM0305",)
        return
    assert graph["core.neurons"].max() <= neurons
    assert differs(graph, network, stimuli_for(network)) == ""


def test_relays_are_used_where_the_system_is_too_small_otherwise() -> None:
    """Without them 2 cores for every position of the first layer, which cost no tick."""
    layers = [
        weights_of(TERNARY, (24, 32, 1, 1), seed=1),
        weights_of(TERNARY, (24, 2, 3, 3), seed=2, groups=12),
    ]
    network = chain(*layers, shape=(32, 9, 9), threshold=3)
    plain = map_network(network, chip(64, 64))
    assert not (plain["neuron.role"] == RELAY).any()
    small = map_network(network, chip(64, 64, cores=plain.cores - 1, chips_max=1))
    assert (small["neuron.role"] == RELAY).any()
    assert small.cores < plain.cores
    assert small.ticks == plain.ticks + 1
    assert differs(small, network, stimuli_for(network)) == ""
