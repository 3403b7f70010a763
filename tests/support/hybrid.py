"""A small hybrid program: an ANN every frame, a spiking network on every window of events."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import LIF
from nmcompile.ir.program import Preprocess, Program, Step

SIDE, TIMESTEPS = 12, 3
PERIOD_S, FRAME_RATE_HZ = 0.004, 25.0


def weights(rng: np.random.Generator, *shape: int) -> Array:
    """Real weights that keep the size of what they are multiplied with."""
    return Array(rng.normal(0.0, 1.5 / np.sqrt(np.prod(shape[1:])), shape))


def layer(rng: np.random.Generator, *shape: int, bias: float = 0.1, **how: Any) -> ops.Op:
    """A convolution, or a linear layer where `shape` is two numbers."""
    offset = Array(rng.normal(0.0, bias, shape[0]) if bias else np.zeros(shape[0]))
    if len(shape) == 2:
        return ops.Linear(weights(rng, *shape), offset)
    return ops.Conv2d(weights(rng, *shape), offset, **how)


def ann(rng: np.random.Generator) -> Network:
    """Two convolutions, a maximum, two linear layers."""
    nodes = (
        Node("x", ops.Input("values", (2, SIDE, SIDE))),
        Node("c1", layer(rng, 6, 2, 3, 3, stride=(1, 1), padding=(1, 1)), ("x",), "conv1"),
        Node("r1", ops.Activation(), ("c1",), "relu1"),
        Node("m1", ops.MaxPool2d((2, 2), (2, 2)), ("r1",), "pool1"),
        Node("c2", layer(rng, 5, 6, 2, 2), ("m1",), "conv2"),
        Node("r2", ops.Activation(), ("c2",), "relu2"),
        Node("flat", ops.Flatten(), ("r2",)),
        Node("f1", layer(rng, 9, 125), ("flat",), "fc1"),
        Node("r3", ops.Activation(), ("f1",), "relu3"),
        Node("f2", layer(rng, 4, 9), ("r3",), "fc2"),
        Node("y", ops.Output(), ("f2",)),
    )
    return Network("ann", nodes)


def snn(rng: np.random.Generator) -> Network:
    """OR pooling, a convolution and a linear layer of leaky neurons, a linear read-out."""
    keep, one = Array(np.float64(0.6)), Array(np.float64(1.0))
    lif = ops.Neuron(LIF(keep, one, Array(np.float64(0.4))))
    nodes = (
        Node("e", ops.Input("spikes", (2, SIDE, SIDE), 1)),
        Node("p", ops.SpikeMaxPool2d((2, 2), (2, 2), rule="or"), ("e",), "pool"),
        Node("s1", layer(rng, 4, 2, 3, 3, bias=0.0, stride=(1, 1)), ("p",), "spike1"),
        Node("l1", lif, ("s1",), "lif1"),
        Node("flat", ops.Flatten(), ("l1",)),
        Node("s2", layer(rng, 8, 64, bias=0.0), ("flat",), "spike2"),
        Node("l2", lif, ("s2",), "lif2"),
        Node("n", ops.Decode(), ("l2",), "count"),
        Node("s3", layer(rng, 4, 8), ("n",), "box"),
        Node("y", ops.Output(), ("s3",)),
    )
    return Network("snn", nodes, TIMESTEPS)


def hybrid_program(seed: int = 5) -> Program:
    """Both networks, float level, with the host's steps."""
    rng = np.random.default_rng(seed)
    window: dict[str, Any] = {"window_s": TIMESTEPS * PERIOD_S, "period_s": PERIOD_S}
    why = "it needs real arithmetic"
    return Program(
        name="hybrid",
        level="float",
        networks=(ann(rng), snn(rng)),
        schedule=(
            Step("view", "every_frame", "host", reason=why),
            Step("ann", "every_frame", "chip", "ann", reads="view"),
            Step("snn", "on_event", "chip", "snn", **window),
            Step("fuse", "on_event", "host", reads="snn", reason=why, **window),
        ),
        preprocess=Preprocess("gray", 1.0, (0.0,), (1.0,)),
        settings=(("frame_rate_hz", FRAME_RATE_HZ),),
    )
