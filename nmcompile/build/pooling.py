"""How the max pooling layers of a build run on cores, in one word for tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import ReLU8
from nmcompile.ir.program import Program

_OF_SPIKES: Final = {"running_max": "microcode", "gate": "microcode", "or": "or"}
MAXIMUM: Final = "maximum"
"""Of the values of an ANN, which no rule for spikes is about."""


def scheme_of(network: Network, node: Node, rule: ops.PoolRule | None = None) -> str:
    """`maximum` of values, else the scheme of a rule for spikes; "" for another operator.

    Args:
        network: that holds it. node: a layer. rule: to come; None takes the layer's own.
    """
    if not isinstance(node.op, ops.SpikeMaxPool2d):
        return ""
    source = network.by_name[node.inputs[0]]
    while isinstance(source.op, ops.SpikeMaxPool2d):
        source = network.by_name[source.inputs[0]]
    if isinstance(source.op, ops.Neuron) and isinstance(source.op.model, ReLU8):
        return MAXIMUM
    return _OF_SPIKES[rule or node.op.rule]


def pooling_schemes(
    program: Program, rule: ops.PoolRule | None = None
) -> Iterator[tuple[str, str]]:
    """(layer, scheme) of every max pooling layer on the chip; see `scheme_of`."""
    for network in program.chip_networks:
        for node in network.of_type(ops.SpikeMaxPool2d):
            yield node.label, scheme_of(network, node, rule)
