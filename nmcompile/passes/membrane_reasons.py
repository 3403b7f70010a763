"""Why cores cannot run an operator of a network with NI-LIF neurons: limit and value found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import (
    Bilinear,
    ChannelGate,
    KeyValue,
    Offset,
    Query,
    Repeat,
)
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import PAYLOAD_MAX, IntegerNILIF, ReLU8
from nmcompile.passes.context import TargetRules
from nmcompile.passes.membrane_memories import asks_memory
from nmcompile.reference.nilif import level_thresholds

SHIFT: Final = 30
"""Of the multiplication that finds the level of a membrane; less where it would leave 31 bits."""
STREAM: Final = (
    "a shortcut carries membranes of up to {found} bits, what enters a core of {target} has {bits}"
)
PRODUCT: Final = "it multiplies two activities; a synapse of {target} multiplies by a stored weight"
MEMORY: Final = (
    "every template rewrites its memory; its elements are up to {found}, weights of {target} up to "
    "{most} (`memory_bits` in the recipe narrows it)"
)
BITS: Final = "its memory has elements of several bits, a synapse of {target} has one"
SUMS: Final = "a sum over its memory can reach {found}, membranes of {target} {most}"

HANDED: Final = "it reads what the host holds"
BINARY: Final = (
    "it sends counts of 0 to {levels}, spikes of {target} carry nothing; as micro-steps they need "
    "neurons that wait for all of them before they decide"
)
GRADED: Final = (
    "it sends counts of 0 to {levels}; spikes of {target} could carry them, but there is no neuron "
    "program for {target} that counts levels"
)


def refusal(network: Network, node: Node, rules: TargetRules) -> str:
    """Why cores of a target that has NI-LIF levels cannot run a node; "" when they can.

    Neurons that read a stream are refused with it: their sums are where the stream is.
    """
    op = node.op
    if isinstance(op, ops.Conv2d | ops.Linear):
        return _convolution(network, node, op, rules)
    if isinstance(op, ops.Neuron):
        return _neuron(network, node, op, rules)
    handler = _REASONS.get(type(op))
    return handler(network, node, rules) if handler else ""


def _convolution(
    network: Network, node: Node, op: ops.Conv2d | ops.Linear, rules: TargetRules
) -> str:
    if network.types[node.inputs[0]].kind != "spikes" and not isinstance(
        network.by_name[node.inputs[0]].op, ops.Encode
    ):
        return f"it reads membranes; synapses of {rules.target} read spikes"
    most = 2 ** (rules.weight_bits - 1) - 1
    found = int(np.abs(op.weight.data.astype(np.int64)).max(initial=0))
    return f"a weight is {found}, those of {rules.target} are up to {most}" if found > most else ""


def _neuron(network: Network, node: Node, op: ops.Neuron, rules: TargetRules) -> str:
    if not isinstance(op.model, IntegerNILIF):
        return ""
    steps = max(network.timesteps, op.model.stacked)
    if steps > 1:
        return (
            f"over {steps} steps an NI-LIF neuron keeps its membrane less n / {op.model.levels}; "
            f"no neuron of {rules.target} does"
        )
    source, shift = network.by_name[node.inputs[0]], 0
    product = product_before(network, node)
    if product is not None:
        source, shift = product
        if refusal(network, source, rules):
            return HANDED
    elif not isinstance(source.op, ops.Conv2d | ops.Linear):
        return _stream(network, source, rules)
    if activation(op.model, shift) is None:
        return f"no multiplier of {rules.target} finds its levels exactly"
    return ""


def product_before(network: Network, node: Node) -> tuple[Node, int] | None:
    """The product with a stored memory that neurons read, and by how much it is shifted left.

    Args:
        network: integer level. node: neurons.
    """
    source, shift = network.by_name[node.inputs[0]], 0
    if isinstance(source.op, Offset) and not source.op.shift.shape:
        if source.op.value.data.any() or len(network.consumers[source.name]) > 1:
            return None
        shift, source = int(source.op.shift.data), network.by_name[source.inputs[0]]
    alone = len(network.consumers[source.name]) == 1
    return (source, shift) if alone and shift >= 0 and asks_memory(network, source) else None


def activation(model: IntegerNILIF, shifted: int = 0) -> ReLU8 | None:
    """The 8-bit activation that counts the same levels; None where rounding makes a difference.

    Args:
        model: of the neurons. shifted: by how much to the left the sums are that it reads.
    """
    one = np.atleast_1d(model.one.data.astype(np.int64))
    if shifted and model.bias.data.any():
        return None
    # A multiplier has 31 bits.
    shift = SHIFT - max(0, shifted + 1 - int(one.min()).bit_length())
    multiplier = np.rint(2.0 ** (shift + shifted) / one).astype(np.int64)
    halves = (2 * np.arange(1, model.levels + 1, dtype=np.int64) - 1)[:, None] << (shift - 1)
    # y >= k from U multiplier >= (k - 1/2) 2^shift on.
    reached = -(-halves // multiplier)
    if not np.array_equal(reached, -(-level_thresholds(one, model.levels) >> shifted)):
        return None
    factor = multiplier.reshape(model.one.shape).astype(np.int32)
    return ReLU8(model.bias, Array(factor), shift, largest=model.levels)


def _stream(network: Network, node: Node, rules: TargetRules) -> str:
    """The widest stream of the network stands for all of them."""
    if not isinstance(node.op, ops.Add | Offset | ops.SumPool2d | Bilinear | Repeat | Query):
        return HANDED
    joins = (n.op.bits for n in network.nodes if isinstance(n.op, ops.Add | Offset))
    found, bits = max(joins), _value_bits(rules)
    # Relays of a target with wide spikes could carry it on.
    return STREAM.format(target=rules.target, found=found, bits=bits) if found > bits else ""


def _product(network: Network, node: Node, rules: TargetRules) -> str:
    if not asks_memory(network, node):
        return PRODUCT.format(target=rules.target)
    if rules.correlate not in ("template", "bank"):
        return rules.no_correlation or BITS.format(target=rules.target)
    queries, memory = (network.types[name] for name in node.inputs)
    most = 2 ** (rules.weight_bits - 1) - 1
    if memory.largest > most:
        return MEMORY.format(target=rules.target, found=memory.largest, most=most)
    found, most = memory.shape[1] * queries.largest * memory.largest, _largest_sum(rules)
    return SUMS.format(found=found, target=rules.target, most=most) if found > most else ""


def _largest_sum(rules: TargetRules) -> int:
    return int(2 ** (rules.accumulator_bits - 1) - 1)


def _pool(_: Network, __: Node, rules: TargetRules) -> str:
    return f"it adds places of a membrane stream, before any neuron of {rules.target} could"


def _gate(_: Network, __: Node, rules: TargetRules) -> str:
    return f"a softmax over the steps; {rules.target} has no exponential"


_REASONS: Final[Mapping[type, Callable[[Network, Node, TargetRules], str]]] = {
    ops.Add: _stream,
    Offset: _stream,
    Bilinear: _pool,
    ops.SumPool2d: _pool,
    KeyValue: _product,
    Query: _product,
    ChannelGate: _gate,
    Repeat: _stream,
}


def refusals(network: Network, rules: TargetRules) -> list[Diagnostic]:
    """Why a target without NI-LIF levels runs nothing of a network, layer by layer (NM0337)."""
    found: dict[str, Diagnostic] = {}
    for node in network.nodes:
        why = _without_levels(network, node, rules)
        if why and node.label not in found:
            found[node.label] = Diagnostic(
                code="NM0337",
                message=f"no core of {rules.target} runs this {type(node.op).__name__}: {why}",
                where=f"{network.name}: {node.label}",
                limit=_axon_limit(rules) if isinstance(node.op, ops.Conv2d) else "",
                found=_fan_in(node.op) if isinstance(node.op, ops.Conv2d) else "",
                help=("choose a target whose neurons send counts, such as `tianjic`",),
            )
    return list(found.values())


def _without_levels(network: Network, node: Node, rules: TargetRules) -> str:
    if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNILIF):
        text = GRADED if rules.graded_spikes else BINARY
        return text.format(target=rules.target, levels=node.op.model.levels)
    if isinstance(node.op, ops.Conv2d) and rules.core_axons:
        inputs = int(np.prod(node.op.weight.shape[1:]))
        return "its neurons have more inputs than a core" if inputs > rules.core_axons else ""
    if isinstance(node.op, ops.Conv2d):
        return ""
    why = refusal(network, node, rules)
    if not why and asks_memory(network, node):
        # A stored memory would do; what asks it does not exist.
        return _without_levels(network, network.by_name[node.inputs[0]], rules)
    return why


def _value_bits(rules: TargetRules) -> int:
    """Of what a spike of the target carries, sign apart."""
    if rules.message_bits:
        return rules.message_bits
    return PAYLOAD_MAX.bit_length() if rules.graded_spikes else 1


def _axon_limit(rules: TargetRules) -> str:
    return f"{rules.core_axons} inputs of a core" if rules.core_axons else ""


def _fan_in(op: ops.Conv2d) -> str:
    return f"{int(np.prod(op.weight.shape[1:]))} inputs"
