"""Small legal networks for tests: built by hand or drawn by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Preprocess, Program, Step

Rng = np.random.Generator


def if_neuron(
    channels: int,
    threshold: int,
    bias: npt.ArrayLike = 0,
    *,
    shift: int = 6,
    bits: int = 24,
    u_keep: int = 0,
    v_keep: int = 4096,
    reset: Any = "subtract",
    model: Any = "IF",
) -> IntegerNeuron:
    """An integer neuron in state units of `shift`."""
    full = np.broadcast_to(np.asarray(bias, np.int32), (channels,))
    return IntegerNeuron(
        model=model,
        u_keep=u_keep,
        v_keep=v_keep,
        state_shift=shift,
        state_bits=bits,
        bias=Array((full << shift).astype(np.int32)),
        fire_above=Array(np.int32((threshold - 1) << shift)),
        reset=reset,
        reset_by=Array(np.int32(threshold << shift)),
        v_init=Array(np.int32((threshold // 2) << shift)),
    )


def conv(rng: Rng, out: int, per_group: int, kernel: tuple[int, int], **options: Any) -> ops.Conv2d:
    """A convolution with int8 weights (some zero) and no bias."""
    weight = rng.integers(-12, 13, (out, per_group, *kernel)).astype(np.int8)
    return ops.Conv2d(Array(weight), Array(np.zeros(out, np.int32)), **options)


@st.composite
def spiking_networks(draw: st.DrawFn) -> Network:
    """A random golden network: biased, non-square, strided, padded, grouped, pooled, residual."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.sampled_from([2, 4]))
    shape = (channels, draw(st.integers(7, 11)), draw(st.integers(6, 12)))
    pixels = draw(st.booleans())
    nodes = [Node("input", ops.Input("values" if pixels else "spikes", shape, 8 if pixels else 1))]
    source = "input"
    if pixels:
        nodes.append(Node("code", ops.Encode("impulse"), ("input",)))
        source = "code"
    for index in range(draw(st.integers(1, 3))):
        source = _block(draw, rng, nodes, source, index, held=pixels and index == 0)
    if draw(st.booleans()):
        source = _dense_tail(draw, rng, nodes, source)
    nodes.append(Node("count", ops.Decode(), (source,)))
    nodes.append(Node("output", ops.Output(), ("count",)))
    return Network("random", tuple(nodes), draw(st.integers(2, 6)))


def _block(
    draw: st.DrawFn, rng: Rng, nodes: list[Node], source: str, index: int, *, held: bool
) -> str:
    channels, height, width = Network("probe", tuple(nodes)).types[source].shape
    groups = draw(st.sampled_from([1, 2]))
    out = draw(st.sampled_from([2, 4, 6]))
    kernel = (min(height, draw(st.integers(1, 3))), min(width, draw(st.integers(1, 3))))
    options = {
        "stride": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        "padding": (draw(st.integers(0, 1)), draw(st.integers(0, 1))),
        "groups": groups,
    }
    op = conv(rng, out, channels // groups, kernel, **options)
    name = f"n{index}"
    nodes.append(Node(f"c{index}", op, (source,), f"layer{index}.conv"))
    current = f"c{index}"
    scale = 255 if held else 1
    if held:
        nodes.append(Node(f"s{index}", ops.Shift(2), (current,)))
        current, scale = f"s{index}", 64
    elif draw(st.booleans()):
        second = conv(rng, out, channels // groups, kernel, **options)
        nodes.append(Node(f"b{index}", second, (source,), f"layer{index}.branch"))
        nodes.append(Node(f"a{index}", ops.Add(), (current, f"b{index}")))
        current = f"a{index}"
    neuron = if_neuron(
        out,
        int(rng.integers(5, 30)) * scale,
        rng.integers(-3, 4, out) * scale,
        u_keep=4096 if held else draw(st.sampled_from([0, 0, 2048])),
        v_keep=draw(st.sampled_from([4096, 4096, 3000])),
        reset=draw(st.sampled_from(["subtract", "zero"])),
    )
    nodes.append(Node(name, ops.Neuron(neuron), (current,), f"layer{index}"))
    _, height, width = Network("probe", tuple(nodes)).types[name].shape
    if min(height, width) >= 3 and draw(st.booleans()):
        rule = draw(st.sampled_from(["running_max", "or"]))
        pool = ops.SpikeMaxPool2d((3, 3), (2, 2), rule=rule)
        nodes.append(Node(f"p{index}", pool, (name,), f"layer{index}.pool"))
        name = f"p{index}"
    return name


def _dense_tail(draw: st.DrawFn, rng: Rng, nodes: list[Node], source: str) -> str:
    size = Network("probe", tuple(nodes)).types[source].size
    out = draw(st.integers(1, 5))
    weight = rng.integers(-9, 10, (out, size)).astype(np.int8)
    nodes.append(Node("flat", ops.Flatten(), (source,)))
    nodes.append(
        Node("fc", ops.Linear(Array(weight), Array(np.zeros(out, np.int32))), ("flat",), "fc")
    )
    nodes.append(Node("fc_n", ops.Neuron(if_neuron(out, 20, 1)), ("fc",), "fc"))
    return "fc_n"


def stimulus_for(network: Network, rng: Rng) -> npt.NDArray[Any]:
    """A random image or spike train that fits the network's input."""
    edge = network.types["input"]
    if edge.kind == "values":
        return rng.integers(0, 256, edge.shape).astype(np.uint8)
    spikes = rng.random((network.timesteps, *edge.shape)) < 0.3
    if not edge.wide:
        return spikes.astype(np.uint8)
    values = rng.integers(-edge.largest if edge.signed else 0, edge.largest, spikes.shape)
    return (spikes * values).astype(np.int32)


def tiny_siamese(*, pool: bool = False, relu_last: bool = True, seed: int = 0) -> Program:
    """A float Siamese program: 3 layers, 31x31 template, 47x47 search crops."""
    rng = np.random.default_rng(seed)
    layers = [
        _float_conv(rng, 3, 8, 5, 2),
        _float_conv(rng, 8, 12, 3, 1 if pool else 2),
        _float_conv(rng, 12, 6, 3, 1),
    ]

    def network(name: str, size: int, z_shape: tuple[int, ...] | None) -> Network:
        nodes = [Node("input", ops.Input("values", (3, size, size)))]
        source = "input"
        for index, layer in enumerate(layers, start=1):
            nodes.append(Node(f"conv{index}", layer, (source,), f"backbone.conv{index}.0"))
            source = f"conv{index}"
            if index < len(layers) or relu_last:
                relu = Node(f"relu{index}", ops.Activation(), (source,), f"backbone.conv{index}.1")
                nodes.append(relu)
                source = relu.name
            if pool and index == 1:
                down = Node("pool1", ops.MaxPool2d((3, 3), (2, 2)), (source,), "backbone.pool1")
                nodes.append(down)
                source = down.name
        if z_shape is not None:
            nodes.append(Node("z", ops.Slot("z", z_shape)))
            nodes.append(Node("match", ops.Correlate(), (source, "z"), "correlate"))
            nodes.append(Node("scale", ops.Scale(0.01, 0.5), ("match",), "scale"))
            source = "scale"
        nodes.append(Node("output", ops.Output(), (source,)))
        return Network(name, tuple(nodes))

    template = network("template", 31, None)
    search = network("search", 47, template.types["output"].shape)
    schedule = (
        Step("template", "on_init", "chip", "template", writes="z"),
        Step("search", "every_frame", "chip", "search", repeat=3),
    )
    mean = Preprocess("RGB", 255.0, (127.0, 120.0, 110.0), (60.0, 64.0, 70.0))
    return Program("tiny", "float", (template, search), schedule, mean)


def _float_conv(rng: Rng, inputs: int, out: int, kernel: int, stride: int) -> ops.Conv2d:
    weight = rng.normal(size=(out, inputs, kernel, kernel)) * np.sqrt(2 / (inputs * kernel**2))
    return ops.Conv2d(Array(weight), Array(rng.normal(size=out) * 0.1), (stride, stride))
