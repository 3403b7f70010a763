"""Networks of DashNet's published size with random weights (arXiv 1909.12942, section 4)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, NeuronModel, ReLU8

ANN = ((32, 3, 3), "pool", (64, 3, 1), "pool", (128, 3, 1), (128, 1, 1), "pool", (256, 2, 2))
SNN = ("pool", (32, 3, 3), (64, 3, 1), (128, 3, 1), (128, 3, 2), (256, 3, 2))
HIDDEN, VALUES = 1024, 4


def dashnet(which: Literal["ann", "snn"], *, size: int = 152, timesteps: int = 4) -> Network:
    """One of the two networks; padding is kernel // 2, as its operations ask for."""
    rng = np.random.default_rng(0)
    if which == "ann":
        nodes = [Node("input", ops.Input("values", (2, size, size), 8))]
        nodes.append(Node("code", ops.Encode("constant"), ("input",)))
        timesteps = 1
    else:
        nodes = [Node("input", ops.Input("spikes", (2, size, size), 1))]
    source = nodes[-1].name

    def weights(*shape: int) -> Array:
        return Array(rng.integers(-127, 128, shape).astype(np.int8))

    def layer(name: str, op: Any, fan_in: int) -> str:
        model = _neuron(which, op.weight.shape[0], fan_in)
        nodes.append(Node(f"{name}_c", op, (source,), name))
        nodes.append(Node(name, ops.Neuron(model), (f"{name}_c",), name))
        return name

    for index, step in enumerate(ANN if which == "ann" else SNN):
        if isinstance(step, str):
            pool = ops.SpikeMaxPool2d((2, 2), (2, 2), rule="or")
            nodes.append(Node(f"pool{index}", pool, (source,), f"pool{index}"))
            source = f"pool{index}"
            continue
        filters, kernel, stride = step
        inputs = Network("probe", tuple(nodes)).types[source].shape[0]
        op = ops.Conv2d(
            weights(filters, inputs, kernel, kernel),
            _zeros(filters),
            stride=(stride, stride),
            padding=(kernel // 2, kernel // 2),
        )
        source = layer(f"conv{index}", op, inputs * kernel * kernel)
    size_ = Network("probe", tuple(nodes)).types[source].size
    nodes.append(Node("flat", ops.Flatten(), (source,)))
    source = "flat"
    source = layer("fc1", ops.Linear(weights(HIDDEN, size_), _zeros(HIDDEN)), size_)
    nodes += [
        Node("fc2", ops.Linear(weights(VALUES, HIDDEN), _zeros(VALUES)), (source,), "fc2"),
        Node("box", ops.Accumulate(apart=True), ("fc2",), "fc2"),
        Node("output", ops.Output(), ("box",)),
    ]
    return Network(f"dashnet_{which}", tuple(nodes), timesteps)


def _neuron(which: str, channels: int, fan_in: int) -> NeuronModel:
    """Parameters under which random weights keep some of the neurons active."""
    if which == "ann":
        shift = int(np.log2(fan_in**0.5 * 2400 / 128)) + 8
        return ReLU8(_zeros(channels), Array(np.full(channels, 128, np.int32)), shift)
    zero = Array(np.int32(0))
    return IntegerNeuron(
        model="LIF",
        u_keep=0,
        v_keep=2484,
        state_shift=0,
        state_bits=0,
        bias=_zeros(channels),
        fire_above=Array(np.int32(24 * fan_in**0.5)),
        reset="zero",
        reset_by=zero,
        v_init=zero,
    )


def _zeros(n: int) -> Array:
    return Array(np.zeros(n, np.int32))
