"""Networks that mix every kind of neuron, synapse and delay that Loihi's cores have."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.nets import Rng, conv, if_neuron

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import NeuronModel, SigmaDelta


@st.composite
def mixed_networks(draw: st.DrawFn) -> Network:
    """One to four layers: dense, sparse or convolution, perhaps a delayed branch, any neuron.

    Biased, non-square, grouped, strided; graded and signed spikes meet binary ones.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.sampled_from([2, 4])), draw(st.integers(3, 8)), draw(st.integers(3, 9)))
    entry: Any = draw(st.sampled_from(["pixels", "binary", "signed", "wide"]))
    nodes = [Node("input", _INPUTS[entry](shape))]
    if entry == "pixels":
        mode: Any = draw(st.sampled_from(["constant", "impulse"]))
        nodes.append(Node("code", ops.Encode(mode), ("input",)))
    source = nodes[-1].name
    scale = 1 if entry == "binary" else 100
    for index in range(draw(st.integers(1, 4))):
        source, scale = _layer(draw, rng, nodes, source, index, scale)
    if draw(st.booleans()):
        nodes.append(Node("count", ops.Decode(), (source,)))
        source = "count"
    nodes.append(Node("output", ops.Output(), (source,)))
    return Network("mixed", tuple(nodes), draw(st.integers(2, 7)))


_INPUTS = {
    "pixels": lambda shape: ops.Input("values", shape, 8),
    "binary": lambda shape: ops.Input("spikes", shape, 1),
    "signed": lambda shape: ops.Input("spikes", shape, 8, signed=True),
    "wide": lambda shape: ops.Input("spikes", shape, 11),
}


def _layer(
    draw: st.DrawFn, rng: Rng, nodes: list[Node], source: str, index: int, scale: int
) -> tuple[str, int]:
    """Synapses and a neuron; returns the node that spikes, and how large its spikes are."""
    edge = Network("probe", tuple(nodes)).types[source]
    make = _synapses(draw, rng, edge.shape)
    source_flat = source
    if isinstance(make(), ops.Linear) and len(edge.shape) == 3:
        source_flat = f"flat{index}"
        nodes.append(Node(source_flat, ops.Flatten(), (source,)))
    current = _branch(draw, nodes, source_flat, f"w{index}", make())
    if draw(st.integers(0, 2)) == 0:
        other = _branch(draw, nodes, source_flat, f"b{index}", make())
        nodes.append(Node(f"a{index}", ops.Add(), (current, other)))
        current = f"a{index}"
    channels = Network("probe", tuple(nodes)).types[current].shape[0]
    model, scale = _neuron(draw, rng, channels, scale)
    name = f"n{index}"
    nodes.append(Node(name, ops.Neuron(model), (current,), f"layer{index}"))
    return name, scale


def _branch(draw: st.DrawFn, nodes: list[Node], source: str, name: str, op: ops.Op) -> str:
    """Synapses, perhaps late, perhaps with a shifted sum."""
    probe = Network("probe", tuple(nodes))
    ticks = draw(st.sampled_from([0, 0, 1, 2, 5]))
    if ticks and probe.types[source].kind == "spikes":
        nodes.append(Node(f"{name}_late", ops.Delay(ticks), (source,)))
        source = f"{name}_late"
    nodes.append(Node(name, op, (source,), name))
    shift = draw(st.sampled_from([0, 0, 2]))
    if not shift:
        return name
    nodes.append(Node(f"{name}_s", ops.Shift(shift), (name,)))
    return f"{name}_s"


def _synapses(draw: st.DrawFn, rng: Rng, shape: tuple[int, ...]) -> Any:
    """A maker of synapses, equal in all but the weights."""
    kind = draw(st.sampled_from(["conv", "conv", "depthwise", "sum", "dense", "sparse"]))
    if len(shape) == 1 or kind in ("dense", "sparse"):
        out = draw(st.integers(1, 20))
        density = 0.06 if kind == "sparse" else 0.9
        return lambda: _linear(rng, out, int(np.prod(shape)), density)
    kernel = tuple(min(extent, draw(st.integers(1, 3))) for extent in shape[1:])
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    padding = (draw(st.integers(0, 1)), draw(st.integers(0, 1)))
    if kind == "sum":
        return lambda: ops.SumPool2d((kernel[0], kernel[1]), stride)
    groups = shape[0] if kind == "depthwise" else draw(st.sampled_from([1, 2]))
    groups = groups if shape[0] % groups == 0 else 1
    out = groups * draw(st.integers(1, 3))
    options: dict[str, Any] = {"stride": stride, "padding": padding, "groups": groups}
    return lambda: conv(rng, out, shape[0] // groups, (kernel[0], kernel[1]), **options)


def _linear(rng: Rng, out: int, inputs: int, density: float) -> ops.Linear:
    weight = rng.integers(-9, 10, (out, inputs)) * (rng.random((out, inputs)) < density)
    return ops.Linear(Array(weight.astype(np.int8)), Array(np.zeros(out, np.int32)))


def _neuron(draw: st.DrawFn, rng: Rng, channels: int, scale: int) -> tuple[NeuronModel, int]:
    """A neuron for inputs of size `scale`, and the size of its own spikes."""
    if draw(st.booleans()):
        return _sigma_delta(draw, rng, channels, scale)
    neuron = if_neuron(
        channels,
        int(rng.integers(3, 20)) * scale,
        rng.integers(-3, 4, channels) * scale,
        shift=draw(st.sampled_from([0, 6])),
        bits=draw(st.sampled_from([11, 24, 24])),
        u_keep=draw(st.sampled_from([0, 2048, 4096])),
        v_keep=draw(st.sampled_from([4096, 3000, 0])),
        reset=draw(st.sampled_from(["subtract", "zero"])),
    )
    payloads: Any = draw(st.sampled_from([(1,), (1,), (1,), (2, 1), (0, 200)]))
    return dataclasses.replace(neuron, payloads=payloads), max(payloads)


def _sigma_delta(draw: st.DrawFn, rng: Rng, channels: int, scale: int) -> tuple[NeuronModel, int]:
    """A sigma-delta neuron; one of four is a partial sum."""
    if draw(st.integers(0, 3)) == 0:
        zero = Array(np.int32(0))
        return SigmaDelta("values", "values", "none", zero, zero, message_bits=28), scale * 20
    spike_exp, state_exp = draw(st.sampled_from([(0, 0), (1, 0), (0, 3), (2, 1)]))
    unit = scale << (spike_exp + state_exp)
    model = SigmaDelta(
        receives=draw(st.sampled_from(["changes", "values"])),
        sends=draw(st.sampled_from(["changes", "changes", "values"])),
        activation=draw(st.sampled_from(["relu", "none"])),
        threshold=Array((rng.integers(0, 12, channels) * unit).astype(np.int32)),
        bias=Array((rng.integers(-5, 6, channels) * unit).astype(np.int32)),
        spike_exp=spike_exp,
        state_exp=state_exp,
        message_bits=28,
    )
    return model, scale * 20
