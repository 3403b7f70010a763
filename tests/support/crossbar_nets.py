"""Legal networks for crossbar cores, and chips small enough that they need many."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.nets import if_neuron

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.target import CrossbarTarget, load_target, of_family

CHIP = of_family(load_target("truenorth"), CrossbarTarget)
WEIGHTS = {
    "one value": (0, 3),
    "ternary": (-2, 0, 2),
    "4 bit": tuple(range(-8, 8)),
    "wide": (-90, -40, 0, 1, 25, 70),
}


def chip(axons: int = 256, neurons: int = 256, **changes: int) -> CrossbarTarget:
    """TrueNorth with cores of another size; `changes` are further numbers of its chip."""

    def changed(part: Any, **values: int) -> Any:
        numbers = {
            name: getattr(part, name).model_copy(update={"value": value})
            for name, value in values.items()
        }
        return part.model_copy(update=numbers)

    core = changed(CHIP.core, axons=axons, neurons=neurons)
    return CHIP.model_copy(update={"core": core, "chip": changed(CHIP.chip, **changes)})


CORES = st.tuples(st.sampled_from([80, 120, 256]), st.sampled_from([5, 11, 24, 60, 256]))
"""Axons and neurons of cores that hold little more than one neuron, or whole layers."""


@st.composite
def crossbar_networks(draw: st.DrawFn) -> Network:
    """Biased, non-square, strided, padded, grouped, pooled, with skips that add up.

    The fan-in of every neuron is at most 18 inputs, so that each fits 80 axons at 4 bits.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.sampled_from([2, 4])), draw(st.integers(3, 7)), draw(st.integers(3, 8)))
    nodes = [Node("input", ops.Input("spikes", shape, 1))]
    source = "input"
    for index in range(draw(st.integers(1, 3))):
        source = _block(draw, rng, nodes, source, f"l{index}")
    if draw(st.booleans()):
        nodes.append(Node("count", ops.Decode(), (source,)))
        source = "count"
    nodes.append(Node("output", ops.Output(), (source,)))
    return Network("random", tuple(nodes), draw(st.integers(2, 6)))


def _block(draw: st.DrawFn, rng: Any, nodes: list[Node], source: str, name: str) -> str:
    """A convolution, two that add up, a sum over windows or a pool, with neurons behind."""
    channels, height, width = Network("probe", tuple(nodes)).types[source].shape
    kind = draw(st.sampled_from(["conv", "conv", "skip", "sum", "pool"]))
    window = (min(2, height), min(2, width))
    if kind == "pool":
        nodes.append(Node(name, ops.SpikeMaxPool2d(window, window, rule="or"), (source,), name))
        return name
    values = WEIGHTS[draw(st.sampled_from(sorted(WEIGHTS)))]
    if kind == "sum":
        nodes.append(Node(f"{name}_s", ops.SumPool2d(window, window), (source,), name))
        current, out, scale = f"{name}_s", channels, 1
    else:
        out = draw(st.sampled_from([2, 4, 6]))
        options: dict[str, Any] = {
            "stride": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
            "groups": draw(st.sampled_from([1, 2])) if channels == 2 else 2,
        }
        kernel = (min(height, draw(st.integers(1, 3))), min(width, draw(st.integers(1, 3))))
        if kernel[0] < height and kernel[1] < width:
            options["padding"] = (draw(st.integers(0, 1)), draw(st.integers(0, 1)))
        if kind == "skip":
            options = {"stride": (1, 1), "groups": 2, "padding": (0, 0)}
            kernel = (1, 1)
        current, scale = f"{name}_c", max(abs(v) for v in values)
        nodes.append(Node(current, _conv(rng, values, out, channels, kernel, options), (source,)))
        if kind == "skip":
            detour = _neuron(draw, rng, nodes, current, f"{name}_d", out, scale)
            both = []
            for end, inputs, count in (("x", detour, out), ("y", source, channels)):
                op = _conv(rng, values, out, count, (1, 1), options)
                nodes.append(Node(f"{name}_{end}", op, (inputs,), f"{name}_{end}"))
                both.append(f"{name}_{end}")
            nodes.append(Node(f"{name}_a", ops.Add(), tuple(both)))
            current = f"{name}_a"
    return _neuron(draw, rng, nodes, current, f"{name}_n", out, scale)


def _conv(
    rng: Any,
    values: tuple[int, ...],
    out: int,
    channels: int,
    kernel: tuple[int, int],
    options: dict[str, Any],
) -> ops.Conv2d:
    shape = (out, channels // options["groups"], *kernel)
    weight = Array(rng.choice(values, shape).astype(np.int8))
    return ops.Conv2d(weight, Array(np.zeros(out, np.int32)), **options)


def _neuron(
    draw: st.DrawFn, rng: Any, nodes: list[Node], source: str, name: str, out: int, scale: int
) -> str:
    """Integrate-and-fire neurons whose bias may be larger than their threshold."""
    threshold = int(rng.integers(1, 6)) * scale
    largest = draw(st.sampled_from([0, 2, 200]))
    model = if_neuron(
        out,
        threshold,
        rng.integers(-largest, largest + 1, out),
        shift=0,
        bits=0,
        reset=draw(st.sampled_from(["subtract", "zero"])),
    )
    nodes.append(Node(name, ops.Neuron(model), (source,), name))
    return name


def weights_of(
    values: tuple[int, ...], shape: tuple[int, ...], seed: int = 0, **options: Any
) -> ops.Conv2d:
    """A convolution with weights drawn from `values`."""
    weight = np.random.default_rng(seed).choice(values, shape).astype(np.int8)
    return ops.Conv2d(Array(weight), Array(np.zeros(shape[0], np.int32)), **options)


def chain(
    *layers: ops.Conv2d,
    shape: tuple[int, int, int],
    threshold: int = 3,
    bias: tuple[int, ...] | int = 0,
    timesteps: int = 4,
) -> Network:
    """Spikes through convolutions with neurons to counts."""
    nodes = [Node("input", ops.Input("spikes", shape, 1))]
    source = "input"
    for index, op in enumerate(layers):
        nodes.append(Node(f"c{index}", op, (source,), f"conv{index}"))
        source = f"n{index}"
        model = if_neuron(op.weight.shape[0], threshold, bias, shift=0, bits=0)
        nodes.append(Node(source, ops.Neuron(model), (f"c{index}",), f"conv{index}"))
    nodes += [Node("count", ops.Decode(), (source,)), Node("output", ops.Output(), ("count",))]
    return Network("chain", tuple(nodes), timesteps)
