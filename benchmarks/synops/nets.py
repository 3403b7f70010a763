"""Networks whose synaptic operations are counted, and the count by plain enumeration."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron

Rng = np.random.Generator
TIMESTEPS = 8


def neuron(threshold: int, payloads: tuple[int, ...] = (1,)) -> ops.Neuron:
    """Integrate-and-fire, reset by subtraction, starting at half the threshold."""
    zero, above = Array(np.int32(0)), Array(np.int32(threshold - 1))
    down, start = Array(np.int32(threshold)), Array(np.int32(threshold // 2))
    model = IntegerNeuron("IF", 0, 4096, 0, 0, zero, above, "subtract", down, start, payloads)
    return ops.Neuron(model)


def conv(rng: Rng, out: int, per_group: int, kernel: tuple[int, int], **how: Any) -> ops.Conv2d:
    """Small integer weights, a few of them zero, and a bias."""
    weight = rng.integers(-6, 8, (out, per_group, *kernel)).astype(np.int8)
    return ops.Conv2d(Array(weight), Array(rng.integers(-2, 3, out).astype(np.int32)), **how)


def chain(name: str, shape: tuple[int, ...], *layers: ops.Op, bits: int = 1) -> Network:
    """A network of these layers, fed with spikes."""
    nodes = [Node("input", ops.Input("spikes", shape, bits))]
    for index, op in enumerate(layers):
        nodes.append(Node(f"l{index}", op, (nodes[-1].name,)))
    nodes.append(Node("count", ops.Decode(), (nodes[-1].name,)))
    nodes.append(Node("output", ops.Output(), ("count",)))
    return Network(name, tuple(nodes), TIMESTEPS)


def borders(rng: Rng, payloads: tuple[int, ...] = (1,)) -> Network:
    """Stride, padding, groups, dilation and a dense layer."""
    return chain(
        "borders, strides, groups, linear",
        (2, 17, 14),
        conv(rng, 8, 2, (5, 4), stride=(2, 1), padding=(2, 1)),
        neuron(12, payloads),
        conv(rng, 12, 4, (3, 3), padding=(1, 0), groups=2),
        neuron(15, payloads),
        conv(rng, 6, 12, (2, 3), stride=(1, 2), dilation=(2, 1)),
        neuron(25, payloads),
        ops.Flatten(),
        ops.Linear(Array(rng.integers(-4, 6, (9, 6 * 7 * 5)).astype(np.int8)), _zeros(9)),
        neuron(10, payloads),
        bits=max(payloads).bit_length(),
    )


def pooled(rng: Rng) -> Network:
    """Running-maximum pooling with overlapping windows between two convolutions."""
    return chain(
        "overlapping max pooling",
        (2, 16, 15),
        conv(rng, 6, 2, (3, 3), padding=(1, 1)),
        neuron(9),
        ops.SpikeMaxPool2d((3, 3), (2, 2)),
        conv(rng, 4, 6, (3, 3)),
        neuron(14),
    )


def averaged(rng: Rng) -> Network:
    """Average pooling as synapses into neurons of their own."""
    return chain(
        "average pooling",
        (2, 16, 14),
        conv(rng, 6, 2, (3, 3), padding=(1, 1)),
        neuron(9),
        ops.SumPool2d((2, 2), (2, 2)),
        neuron(2),
        conv(rng, 4, 6, (3, 3)),
        neuron(14),
    )


def _zeros(size: int) -> Array:
    return Array(np.zeros(size, np.int32))


def enumerated(network: Network, spikes: dict[str, npt.NDArray[Any]]) -> dict[str, int]:
    """Synaptic operations of every linear or pooling layer, spike by spike and tap by tap.

    Args:
        network: a chain.
        spikes: `(T, ...)` train of every node that spikes, the input's as well.
    """
    counts = {}
    train: npt.NDArray[Any] = spikes[network.input.name]
    for node in network.nodes:
        out = network.types[node.name].shape
        op = node.op
        if isinstance(op, ops.Conv2d | ops.SumPool2d | ops.SpikeMaxPool2d):
            weight = op.weight.data if isinstance(op, ops.Conv2d) else None
            counts[node.name] = _window_count(op, weight, train, out)
        elif isinstance(op, ops.Linear):
            behind = [int(np.count_nonzero(op.weight.data[:, i])) for i in range(train.shape[1])]
            counts[node.name] = sum(behind[int(i)] for _, i in np.argwhere(train))
        elif isinstance(op, ops.Flatten):
            train = train.reshape(len(train), -1)
        train = spikes.get(node.name, train)
    return counts


def _window_count(op: Any, weight: Any, train: npt.NDArray[Any], out: tuple[int, ...]) -> int:
    """Every spike against every output position and tap; `weight` None is one tap per channel."""
    k_y, k_x = op.kernel if weight is None else weight.shape[2:]
    pad_y, pad_x = getattr(op, "padding", (0, 0))
    dil_y, dil_x = getattr(op, "dilation", (1, 1))
    groups = train.shape[1] if weight is None else op.groups
    per_in, per_out = train.shape[1] // groups, out[0] // groups
    total = 0
    for _, c, y, x in np.argwhere(train).tolist():
        group = c // per_in
        for i, j, a, b in product(range(out[1]), range(out[2]), range(k_y), range(k_x)):
            if (
                i * op.stride[0] + a * dil_y - pad_y != y
                or j * op.stride[1] + b * dil_x - pad_x != x
            ):
                continue
            for o in range(group * per_out, (group + 1) * per_out):
                total += weight is None or bool(weight[o, c % per_in, a, b])
    return total
