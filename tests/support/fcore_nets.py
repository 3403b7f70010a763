"""Legal networks for functional cores, and chips whose cores are small enough to need many."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.nets import conv, if_neuron

from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import ReLU8
from nmcompile.target import FCoreTarget, load_target, of_family

CHIP = of_family(load_target("tianjic"), FCoreTarget)
CORES = st.sampled_from([(10, 7), (24, 12), (40, 90), (256, 256)])
"""Axons and neurons of cores that hold little more than one neuron, or whole layers."""
SCHEDULES = st.sampled_from(
    [
        *(Schedule("unfolded"), Schedule("semi-folded"), Schedule("folded")),
        *(Schedule("semi-folded", 3), Schedule("folded", 5), Schedule("folded", 20)),
    ]
)


FORMS = st.sampled_from([("values",), ("values", "indices")])
"""What cores may store of their weights."""


def chip(
    axons: int = 256,
    neurons: int = 256,
    *,
    chips: int = 25,
    forms: tuple[str, ...] = ("values", "indices"),
    room: int = 32,
) -> FCoreTarget:
    """Tianjic with cores of another size, on a board large enough for them.

    Args:
        axons, neurons: of a core. chips: of the board.
        forms: in which a core stores weights. room: entries of its table of weights.
    """

    def changed(part: Any, **values: int) -> Any:
        numbers = {n: getattr(part, n).model_copy(update={"value": v}) for n, v in values.items()}
        return part.model_copy(update=numbers)

    core = changed(CHIP.core, axons=axons, neurons=neurons, weight_indices=room)
    neuron = CHIP.neuron.model_copy(update={"weight_forms": forms})
    parts = {"core": core, "neuron": neuron, "chip": changed(CHIP.chip, chips_max=chips)}
    return CHIP.model_copy(update=parts)


def relu8(rng: Any, channels: int, largest: int) -> ReLU8:
    """Activations of sums up to about `largest`, by channel."""
    multiplier = rng.integers(100, 256, channels)
    shift = max(1, int(largest * 128 / 200).bit_length())
    bias = rng.integers(-largest // 8 - 1, largest // 8 + 2, channels)
    return ReLU8(Array(bias.astype(np.int32)), Array(multiplier.astype(np.int32)), shift)


def lif(rng: Any, channels: int, scale: int, reset: str) -> Any:
    """Leaky neurons whose thresholds lie near their sums."""
    return if_neuron(
        channels,
        max(2, int(rng.integers(1, 6)) * scale),
        rng.integers(-scale, scale + 1, channels),
        shift=0,
        bits=int(rng.choice([0, 24])),
        v_keep=int(rng.choice([4096, 3000])),
        reset=reset,
        model="LIF",
    )


@st.composite
def hybrid_networks(draw: st.DrawFn) -> Network:
    """Values or spikes through layers of activations and of spiking neurons in any order.

    Biased, non-square, strided, padded, dilated, grouped, pooled, with skips that add up, with a
    dense layer behind; read out as counts, as a train, or as membranes.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.sampled_from([2, 4])), draw(st.integers(3, 7)), draw(st.integers(3, 8)))
    values = draw(st.booleans())
    nodes = [Node("input", ops.Input("values" if values else "spikes", shape, 8 if values else 1))]
    source, wide = "input", values
    if values:
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
        source = "code"
    for index in range(draw(st.integers(1, 3))):
        source, wide = _block(draw, rng, nodes, source, f"l{index}", wide)
    end = draw(st.sampled_from(["counts", "train", "membranes", "dense"]))
    if end in ("membranes", "dense"):
        size = Network("probe", tuple(nodes)).types[source].size
        weight = Array(rng.integers(-9, 10, (4, size)).astype(np.int8))
        nodes.append(Node("flat", ops.Flatten(), (source,)))
        nodes.append(Node("fc", ops.Linear(weight, _zeros(4)), ("flat",), "fc"))
        source = "read" if end == "membranes" else "fc_n"
        scale = 9 * (200 if wide else 1)
        last = (
            ops.Accumulate(apart=True)
            if end == "membranes"
            else ops.Neuron(lif(rng, 4, scale, "zero"))
        )
        nodes.append(Node(source, last, ("fc",), "fc"))
    elif end == "counts":
        nodes.append(Node("count", ops.Decode(), (source,)))
        source = "count"
    nodes.append(Node("output", ops.Output(), (source,)))
    return Network("hybrid", tuple(nodes), draw(st.integers(1, 3)))


def _block(
    draw: st.DrawFn, rng: Any, nodes: list[Node], source: str, name: str, wide: bool
) -> tuple[str, bool]:
    """A convolution, two that add up, a sum over windows or a maximum; whether values come out."""
    channels, height, width = Network("probe", tuple(nodes)).types[source].shape
    kind = draw(st.sampled_from(["conv", "conv", "skip", "sum", "pool"]))
    window = (min(2, height), min(2, width))
    if kind == "pool" and source not in ("input", "code"):
        nodes.append(Node(name, ops.SpikeMaxPool2d(window, window, rule="or"), (source,), name))
        return name, wide
    if kind in ("sum", "pool"):
        nodes.append(Node(f"{name}_s", ops.SumPool2d(window, window), (source,), name))
        return _neurons(draw, rng, nodes, f"{name}_s", f"{name}_n", channels, 4, wide)
    out = draw(st.sampled_from([2, 4, 6]))
    groups = draw(st.sampled_from([1, 2]))
    kernel = (min(height, draw(st.integers(1, 3))), min(width, draw(st.integers(1, 3))))
    options: dict[str, Any] = {"groups": groups}
    if kind == "conv":
        options["stride"] = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    if kernel[0] < height and kernel[1] < width:
        options["padding"] = (draw(st.integers(0, 1)), draw(st.integers(0, 1)))
        if 2 * (kernel[0] - 1) < height and 2 * (kernel[1] - 1) < width:
            options["dilation"] = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    op = conv(rng, out, channels // groups, kernel, **options)
    nodes.append(Node(f"{name}_c", op, (source,), f"{name}_c"))
    fan_in = channels * kernel[0] * kernel[1]
    if kind == "conv":
        return _neurons(draw, rng, nodes, f"{name}_c", f"{name}_n", out, 6 * fan_in, wide)
    detour, far = _neurons(draw, rng, nodes, f"{name}_c", f"{name}_d", out, 6 * fan_in, wide)
    again = conv(rng, out, out, (1, 1))
    nodes.append(Node(f"{name}_x", again, (detour,), f"{name}_x"))
    same = conv(rng, out, channels // groups, kernel, **options)
    nodes.append(Node(f"{name}_y", same, (source,), f"{name}_y"))
    nodes.append(Node(f"{name}_a", ops.Add(), (f"{name}_x", f"{name}_y")))
    return _neurons(
        draw, rng, nodes, f"{name}_a", f"{name}_n", out, 6 * (fan_in + out), wide or far
    )


def _neurons(
    draw: st.DrawFn,
    rng: Any,
    nodes: list[Node],
    source: str,
    name: str,
    out: int,
    sums: int,
    wide: bool,
) -> tuple[str, bool]:
    """Activations or spiking neurons; whether values come out."""
    largest = sums * (255 if wide else 1)
    if draw(st.booleans()):
        nodes.append(Node(name, ops.Neuron(relu8(rng, out, largest)), (source,), name))
        return name, True
    model = lif(rng, out, max(1, largest // 12), draw(st.sampled_from(["zero", "subtract"])))
    nodes.append(Node(name, ops.Neuron(model), (source,), name))
    return name, False


def two_layers(*, timesteps: int = 3, seed: int = 0) -> Network:
    """Spikes, a convolution to activations, a strided one to leaky neurons, counts."""
    rng = np.random.default_rng(seed)
    first, second = conv(rng, 6, 2, (3, 3), padding=(1, 1)), conv(rng, 8, 6, (3, 3), stride=(2, 1))
    nodes = (
        Node("input", ops.Input("spikes", (2, 9, 7), 1)),
        Node("c1", first, ("input",), "conv1"),
        Node("n1", ops.Neuron(relu8(rng, 6, 60)), ("c1",), "conv1"),
        Node("c2", second, ("n1",), "conv2"),
        Node("n2", ops.Neuron(lif(rng, 8, 3000, "zero")), ("c2",), "conv2"),
        Node("count", ops.Decode(), ("n2",)),
        Node("output", ops.Output(), ("count",)),
    )
    return Network("two_layers", nodes, timesteps)


def matched(*, words: int = 1, groups: int = 1) -> Network:
    """Signed pairs of spikes, matched with a 3 x 4 x 3 template that the host writes."""
    rng = np.random.default_rng(11)
    model = if_neuron(6, 7, 3, shift=0, bits=0)
    nodes = (
        Node("input", ops.Input("spikes", (2, 9, 8), 1)),
        Node("c", conv(rng, 6, 2, (2, 2)), ("input",), "conv"),
        Node("n", ops.Neuron(model), ("c",), "act"),
        Node("z", ops.Slot("z", (3, 4, 3), 16)),
        Node(
            "step", ops.Correlate(True, words, 5 if words > 1 else 0, groups), ("n", "z"), "match"
        ),
        Node("match", ops.Accumulate(), ("step",), "match"),
        Node("output", ops.Output(), ("match",)),
    )
    return Network("search", nodes, 4)


def _zeros(n: int) -> Array:
    return Array(np.zeros(n, np.int32))
