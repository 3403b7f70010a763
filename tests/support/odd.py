"""Networks of odd shapes: single neurons, T = 1, kernels as large as the input, wide strides."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.nets import Rng, conv, if_neuron

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node


@st.composite
def odd_networks(draw: st.DrawFn) -> Network:
    """A chain of one to three layers whose every extent may be 1, with narrow membranes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = tuple(draw(st.sampled_from(sizes)) for sizes in ([1, 2, 6], [1, 2, 5, 9], [1, 3, 7]))
    pixels = draw(st.booleans())
    kind: Any = "values" if pixels else "spikes"
    nodes = [Node("input", ops.Input(kind, shape, 8 if pixels else 1))]
    if pixels:
        mode: Any = draw(st.sampled_from(["impulse", "constant"]))
        nodes.append(Node("code", ops.Encode(mode), ("input",)))
    for index in range(draw(st.integers(1, 3))):
        _layer(draw, rng, nodes, index, 60 if pixels and index == 0 else 1)
    if draw(st.booleans()):
        nodes.append(Node("count", ops.Decode(), (nodes[-1].name,)))
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return Network("odd", tuple(nodes), draw(st.sampled_from([1, 1, 2, 5])))


def _layer(draw: st.DrawFn, rng: Rng, nodes: list[Node], index: int, scale: int) -> None:
    """Weights (dense, or a convolution of any legal window) and a neuron, perhaps pooled."""
    source = nodes[-1].name
    edge = Network("probe", tuple(nodes)).types[source]
    if len(edge.shape) == 1 or draw(st.integers(0, 5)) == 0:
        if len(edge.shape) == 3:
            nodes.append(Node(f"flat{index}", ops.Flatten(), (source,)))
            source = f"flat{index}"
        out = draw(st.sampled_from([1, 3]))
        weight = Array(rng.integers(-20, 21, (out, edge.size)).astype(np.int8))
        op: ops.Op = ops.Linear(weight, Array(np.zeros(out, np.int32)))
    else:
        op = _window(draw, rng, edge.shape)
    nodes.append(Node(f"w{index}", op, (source,), f"layer{index}"))
    shape = Network("probe", tuple(nodes)).types[f"w{index}"].shape
    neuron = if_neuron(
        shape[0],
        int(rng.integers(1, 20)) * scale,
        rng.integers(-3, 5, shape[0]) * scale,
        shift=draw(st.sampled_from([0, 6])),
        bits=draw(st.sampled_from([0, 11, 24])),
        u_keep=draw(st.sampled_from([0, 2048, 4096])),
        v_keep=draw(st.sampled_from([4096, 3000, 0])),
        reset=draw(st.sampled_from(["subtract", "zero"])),
    )
    nodes.append(Node(f"n{index}", ops.Neuron(neuron), (f"w{index}",), f"layer{index}"))
    if len(shape) == 3 and draw(st.integers(0, 2)) == 0:
        kernel = (min(shape[1], 2), min(shape[2], 3))
        rule: Any = draw(st.sampled_from(["running_max", "or"]))
        pool = ops.SpikeMaxPool2d(kernel, (3, 2), ceil=draw(st.booleans()), rule=rule)
        nodes.append(Node(f"p{index}", pool, (f"n{index}",), f"layer{index}.pool"))


def _window(draw: st.DrawFn, rng: Rng, shape: tuple[int, ...]) -> ops.Conv2d:
    """Kernel up to the padded input, stride possibly beyond the kernel, depthwise or dense."""
    channels, *extents = shape
    padding, kernel = [], []
    for extent in extents:
        padding.append(draw(st.integers(0, 2)))
        kernel.append(min(draw(st.sampled_from([1, 2, 3, 9])), extent + 2 * padding[-1]))
    groups = draw(st.sampled_from([1, channels]))
    return conv(
        rng,
        groups * draw(st.integers(1, 2)),
        channels // groups,
        (kernel[0], kernel[1]),
        stride=(draw(st.integers(1, 5)), draw(st.integers(1, 5))),
        padding=(padding[0], padding[1]),
        groups=groups,
    )
