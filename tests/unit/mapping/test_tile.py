"""The choice of tiles against a plain enumeration, and the geometry of windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import limits
from support.nets import conv, if_neuron

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import SLACK, tile
from nmcompile.mapping.window import Window, hits, merged_runs, sources, tiles_reached


def one_layer(out: int, inputs: int, kernel: int, stride: int, size: int, groups: int) -> Network:
    op = conv(
        np.random.default_rng(0),
        out,
        inputs // groups,
        (kernel, kernel),
        stride=(stride, stride),
        groups=groups,
    )
    nodes = (
        Node("input", ops.Input("spikes", (inputs, size, size), 1)),
        Node("c", op, ("input",), "conv"),
        Node("n", ops.Neuron(if_neuron(out, 5)), ("c",)),
        Node("y", ops.Output(), ("n",)),
    )
    return Network("one", nodes, 2)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([4, 8, 12]),
    st.sampled_from([1, 2]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(8, 14),
    st.sampled_from([9, 30, 100]),
    st.sampled_from([30, 60, 200]),
)
def test_fewest_tiles_under_neuron_and_axon_caps(
    out: int, groups: int, kernel: int, stride: int, size: int, neurons: int, axons: int
) -> None:
    network = one_layer(out, 4, kernel, stride, size, groups)
    caps = limits(neurons=neurons, in_axons=axons, axon_atoms=64)
    (_, grid), *_ = tile(stages(network), caps).grids
    extent = (size - kernel) // stride + 1
    reach = min(stride, kernel)

    def positions(length: int) -> int:
        return (length - 1) * reach + kernel if stride < kernel else length * kernel

    best = min(
        math.ceil(extent / h) * math.ceil(extent / w) * math.ceil(out / c)
        for h in range(1, extent + 1)
        for w in range(1, extent + 1)
        for c in range(1, out + 1)
        if h * w * c <= neurons and positions(h) * positions(w) <= axons
    )
    assert best <= grid.tiles <= SLACK * best


@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3), st.integers(5, 12)
)
def test_hits_are_the_convolution(
    kernel: int, stride: int, padding: int, dilation: int, size: int
) -> None:
    extent = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if extent < 1:
        return
    window = Window(kernel, stride, padding, dilation, size, extent)
    wanted = {
        (o * stride + k * dilation - padding, o, k) for o in range(extent) for k in range(kernel)
    }
    wanted = {w for w in wanted if 0 <= w[0] < size}
    found = {(s, o, k) for s in range(size) for o, k in hits(window, s, 0, extent)}
    assert found == wanted
    assert set(sources(window, 0, extent)) == {w[0] for w in wanted}
    reached = tiles_reached(window, ((0, 1), (1, extent)) if extent > 1 else ((0, 1),))
    assert sum(reached) >= len(sources(window, 0, extent))


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 2), (7, 4), (3, 3)])
def test_inner_positions_are_one_run(kernel: int, stride: int) -> None:
    window = Window(kernel, stride, 0, 1, 60, (60 - kernel) // stride + 1)
    for source in range(kernel, 40):
        assert merged_runs(window, hits(window, source, 0, window.size_out)) <= 1


def test_channels_stay_together_when_they_fit() -> None:
    network = one_layer(32, 4, 3, 1, 16, 1)
    (_, grid), *_ = tile(stages(network), limits(neurons=512)).grids
    assert len(grid.cs) == 1


def test_groups_of_channels_are_not_torn_apart() -> None:
    network = one_layer(32, 32, 3, 1, 6, 4)
    caps = limits(neurons=300, axon_atoms=8)
    (_, grid), *_ = tile(stages(network), caps).grids
    assert all(low % 8 == 0 for low, _ in grid.cs)
