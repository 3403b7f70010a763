"""Boxes of layers: they cover every output once, fit their cores, and count copies rightly."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.crossbar_nets import CHIP, CORES, chain, chip, crossbar_networks, weights_of

from nmcompile.backends.truenorth.mapping import cutting
from nmcompile.backends.truenorth.mapping.mapper import map_network, plan_network
from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.crossbar_graph import RELAY, TIMER
from nmcompile.mapping.window import Window, sources

TERNARY = (-1, 0, 1)


@given(crossbar_networks(), CORES)
@settings(deadline=None, max_examples=30)
def test_cuts_are_what_the_tables_hold(network: Network, size: tuple[int, int]) -> None:
    target = chip(*size)
    try:
        plan, graph = plan_network(network, target), map_network(network, target)
    except NmError:
        return
    first = 0
    for population in plan.split.populations:
        cut = plan.tiling.cuts[population.name]
        covered = np.zeros(population.shape, np.int64)
        for y0, y1, x0, x1, c0, c1 in cut.boxes.tolist():
            covered[c0:c1, y0:y1, x0:x1] += 1
        assert (covered == 1).all()
        assert np.bincount(cut.core, weights=cut.axons).max() <= size[0]
        if not cut.relay_cores:
            held = np.bincount(cut.core, weights=cut.slots).astype(np.int64)
            assert held.max() <= size[1]
            cores = np.arange(first, first + cut.layer_cores)
            own = graph["core.neurons"][cores].astype(np.int64)
            timers = np.bincount(
                graph.neuron_cores()[graph["neuron.role"] == TIMER], minlength=graph.cores
            )
            np.testing.assert_array_equal(own - timers[cores], held)
        first += cut.layer_cores
    if not (graph["neuron.role"] == RELAY).any():
        assert plan.cores == graph.cores
    assert plan.times.ticks == graph.ticks


@given(
    *(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(0, 3)),
    st.integers(1, 14),
)
@settings(deadline=None)
def test_reads_are_the_inputs_of_an_interval(
    kernel: int, stride: int, dilation: int, padding: int, size_in: int
) -> None:
    size_out = max(1, (size_in + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1)
    window = Window(kernel, stride, padding, dilation, size_in, size_out)
    found = cutting.reads(kernel, stride, dilation, padding, size_in, size_out)
    for low, high in combinations(range(size_out + 1), 2):
        assert found[low, high] == len(sources(window, low, high))
    assert not np.tril(found).any()


@given(st.integers(0, 2**32 - 1), st.integers(4, 40))
@settings(deadline=None)
def test_split_boxes_fit_and_cover(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    slots = rng.integers(1, 7, rng.integers(1, 7, 3)).astype(np.int32)
    channels, height, width = slots.shape
    boxes = np.array([[0, height, 0, width, 0, channels]], np.int32)
    reads = [np.arange(n + 1)[None] - np.arange(n + 1)[:, None] for n in (height, width)]
    found = cutting.split_boxes(boxes, slots, most, reads[0], reads[1], (1, 1))
    covered = np.zeros(slots.shape, np.int64)
    for y0, y1, x0, x1, c0, c1 in found.tolist():
        part = slots[c0:c1, y0:y1, x0:x1]
        assert part.sum() <= most or part.size == 1
        covered[c0:c1, y0:y1, x0:x1] += 1
    assert (covered == 1).all()
    if slots.max() <= most:
        assert len(found) >= -(-int(slots.sum()) // most)


def test_small_boxes_of_a_layer_share_a_core() -> None:
    """24 groups of 4 channels at 2 x 2 outputs: 128 axons and 16 neurons each."""
    network = chain(weights_of(TERNARY, (96, 4, 3, 3), groups=24), shape=(96, 4, 4))
    graph = map_network(network, CHIP)
    assert graph.cores <= 12
    assert graph.size("tile") > graph.cores or graph["tile.neurons"].max() > 16


def test_the_layer_in_front_is_cut_for_its_copies() -> None:
    """A 3x3 layer reads every position up to nine times: one core a position cannot copy that."""
    layers = [
        weights_of(TERNARY, (96, 32, 2, 2), seed=1, stride=(2, 2)),
        weights_of(TERNARY, (96, 4, 3, 3), seed=2, groups=24),
    ]
    graph = map_network(chain(*layers, shape=(32, 18, 18)), CHIP)
    tiles = np.bincount(graph["tile.population"])
    assert tiles[0] > 81
    assert graph["core.neurons"].max() <= 256
    assert (graph["neuron.target_core"][graph["readout.neuron"]] == -1).all()
