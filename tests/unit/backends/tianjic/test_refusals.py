"""Layers that a chip without maximum or partial sums cannot run."""

from __future__ import annotations

import numpy as np
import pytest
from support.nets import if_neuron

from nmcompile.backends.tianjic.backend import TianjicBackend
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.target import FCoreTarget, load_target, of_family


def network(channels: int) -> Network:
    """A maximum and a convolution of 9 x `channels` inputs."""
    weight = Array(np.ones((2, channels, 3, 3), np.int8))
    conv = ops.Conv2d(weight, Array(np.zeros(2, np.int32)))
    nodes = (
        Node("x", ops.Input("spikes", (channels, 10, 10), 1)),
        Node("p", ops.SpikeMaxPool2d((2, 2), (2, 2), rule="or"), ("x",), "pool"),
        Node("c", conv, ("p",), "wide"),
        Node("n", ops.Neuron(if_neuron(2, 9, shift=0, bits=0)), ("c",)),
        Node("y", ops.Output(), ("n",)),
    )
    return Network("net", nodes, 2)


def chip(**neuron: object) -> FCoreTarget:
    """Tianjic with other capabilities."""
    real = of_family(load_target("tianjic"), FCoreTarget)
    return real.model_copy(update={"neuron": real.neuron.model_copy(update=neuron)})


@pytest.mark.parametrize(
    ("target", "channels", "wanted"),
    [
        (chip(), 29, []),
        (chip(maximum=False), 29, [("NM0340", "pool")]),
        (chip(partial_sums="none"), 28, []),
        (chip(partial_sums="none"), 29, [("NM0341", "wide")]),
    ],
    ids=["as it is", "no maximum", "no partial sums, 252 inputs", "no partial sums, 261 inputs"],
)
def test_refusals(target: FCoreTarget, channels: int, wanted: list[tuple[str, str]]) -> None:
    found = TianjicBackend().refusals(network(channels), target)
    assert [(d.code, d.where) for d in found] == wanted
