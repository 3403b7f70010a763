"""What a legal program is at each level, stated as data and checked after every pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import (
    Bilinear,
    ChannelGate,
    KeyValue,
    Narrow,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, IntegerNILIF, ReLU8, SigmaDelta
from nmcompile.ir.program import Level, Program

COMMON: tuple[type, ...] = (
    ops.Input,
    ops.Output,
    ops.Conv2d,
    ops.Linear,
    ops.AvgPool2d,
    ops.SumPool2d,
    ops.Add,
    ops.Scale,
    ops.Flatten,
    ops.Delay,
    ops.Slot,
    ops.Correlate,
    *(Offset, Repeat, Bilinear, KeyValue, Query, Narrow, Store, ChannelGate, ops.Channels),
)
SPIKING: tuple[type, ...] = (
    *(ops.Neuron, ops.SpikeMaxPool2d, ops.Encode, ops.Decode),
    *(ops.Accumulate, ops.TemplateBank),
)

ALLOWED: dict[Level, tuple[type, ...]] = {
    "float": (*COMMON, *SPIKING, ops.BatchNorm2d, ops.MaxPool2d, ops.Activation),
    "spiking": (*COMMON, *SPIKING),
    "integer": (*COMMON, *SPIKING, ops.TemplateTaps, ops.Shift),
    "golden": (*COMMON, *SPIKING, ops.TemplateTaps, ops.Shift, ops.Crop),
}
"""Operators that may stand in a network of each level."""


@dataclass(frozen=True)
class Rule:
    """One legality rule: `broken(network, node)` says what is wrong, or None."""

    name: str
    levels: tuple[Level, ...]
    broken: Callable[[Network, Node], str | None]


def _integer_weights(_: Network, node: Node) -> str | None:
    if isinstance(node.op, ops.Conv2d | ops.Linear) and not (
        node.op.weight.is_integer and node.op.bias.is_integer
    ):
        return "weights and biases must be integers"
    return None


def _bias_in_neurons(_: Network, node: Node) -> str | None:
    if isinstance(node.op, ops.Conv2d | ops.Linear) and node.op.bias.data.any():
        return "its bias must have moved into the neurons behind it"
    return None


def _integer_neurons(_: Network, node: Node) -> str | None:
    exact = (IntegerNeuron, SigmaDelta, ReLU8, IntegerNILIF)
    if isinstance(node.op, ops.Neuron) and not isinstance(node.op.model, exact):
        return "the neuron model must be in its integer form"
    return None


def _no_real_pooling(_: Network, node: Node) -> str | None:
    if isinstance(node.op, ops.AvgPool2d):
        return "average pooling must be a sum with the divisor in the next scale"
    return None


def _synapses_reach_neurons(network: Network, node: Node) -> str | None:
    if not isinstance(node.op, ops.LINEAR_OPS):
        return None
    allowed = (
        *(*ops.LINEAR_OPS, ops.Neuron, ops.Accumulate, ops.Add, ops.Shift),
        *(ops.Output, ops.Flatten, ops.Scale, Offset, Repeat, Bilinear, Store),
    )
    for reader in network.consumers[node.name]:
        if not isinstance(reader.op, allowed):
            return f"its currents go to {type(reader.op).__name__} `{reader.label}`"
    return None


RULES: tuple[Rule, ...] = (
    Rule("integer weights", ("integer", "golden"), _integer_weights),
    Rule("bias in neurons", ("integer", "golden"), _bias_in_neurons),
    Rule("integer neurons", ("integer", "golden"), _integer_neurons),
    Rule("no real pooling", ("integer", "golden"), _no_real_pooling),
    Rule("synapses reach neurons", ("spiking", "integer", "golden"), _synapses_reach_neurons),
)


def verify(program: Program) -> None:
    """Check every network of `program` against the rules of its level.

    Raises:
        NmError: NM0202 with one diagnostic for each broken rule.
    """
    found = []
    for network in program.networks:
        _ = network.types
        for node in network.nodes:
            kind = type(node.op).__name__
            if not isinstance(node.op, ALLOWED[program.level]):
                found.append(_broken(network, node, f"{kind} is not part of this level"))
            for rule in RULES:
                message = rule.broken(network, node) if program.level in rule.levels else None
                if message:
                    found.append(_broken(network, node, f"{kind}: {message}"))
    if found:
        raise NmError(*found)


def _broken(network: Network, node: Node, message: str) -> Diagnostic:
    return Diagnostic(code="NM0202", message=message, where=f"{network.name}: {node.label}")
