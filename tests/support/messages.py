"""Networks of signed messages that several tests use."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.mapping import zeros
from support.nets import conv

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import SigmaDelta


def sigma_delta(receives: Any, sends: Any, activation: Any = "none", **rest: Any) -> ops.Neuron:
    """A sigma-delta population; `threshold` and `bias` in state units."""
    fields = {"threshold": np.int32(0), "bias": np.int32(0), "message_bits": 24} | rest
    for name in ("threshold", "bias"):
        fields[name] = Array(np.asarray(fields[name], np.int32))
    return ops.Neuron(SigmaDelta(receives, sends, activation, **fields))


def video() -> Network:
    """A video of differences: delta, convolution, sigma-delta, sparse and late dense, sigma."""
    rng = np.random.default_rng(3)
    sparse = rng.integers(-9, 10, (12, 120)) * (rng.random((12, 120)) < 0.1)
    dense = rng.integers(-9, 10, (12, 120))
    middle = sigma_delta(
        *("changes", "changes", "relu"),
        threshold=[50, 60, 70, 80],
        bias=[9, -9, 200, 40],
        state_exp=3,
    )
    nodes = (
        Node("input", ops.Input("spikes", (2, 7, 8), 9, signed=True)),
        Node("pixel", conv(rng, 2, 1, (1, 1), groups=2), ("input",), "in.weight"),
        Node(
            "delta", sigma_delta("values", "changes", threshold=40, state_exp=2), ("pixel",), "in"
        ),
        Node("c", conv(rng, 4, 2, (3, 3)), ("delta",), "conv.weight"),
        Node("sd", middle, ("c",), "conv"),
        Node("flat", ops.Flatten(), ("sd",)),
        Node("late", ops.Delay(3), ("flat",)),
        Node("s", ops.Linear(Array(sparse.astype(np.int8)), zeros(12)), ("late",), "sparse"),
        Node("d", ops.Linear(Array(dense.astype(np.int8)), zeros(12)), ("flat",), "dense"),
        Node("sum", ops.Add(), ("s", "d")),
        Node("sigma", sigma_delta("changes", "values"), ("sum",), "out"),
        Node("output", ops.Output(), ("sigma",)),
    )
    return Network("video", nodes, 9)
