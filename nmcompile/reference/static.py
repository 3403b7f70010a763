"""What both interpreters need not compute again at every timestep."""

from __future__ import annotations

from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Offset
from nmcompile.ir.network import Network, Node


def static_nodes(network: Network) -> frozenset[str]:
    """Nodes whose output is the same at every timestep, so that one evaluation is enough."""
    static: set[str] = set()
    changing = (
        *(ops.Neuron, ops.SpikeMaxPool2d, ops.Decode, ops.Delay),
        *(ops.Accumulate, ops.TemplateBank),
    )
    for node in network.nodes:
        op = node.op
        varies = (
            isinstance(op, changing)
            or (isinstance(op, ops.Input) and op.kind == "spikes")
            or (isinstance(op, ops.Encode) and op.mode != "constant")
            or (isinstance(op, Offset) and len(op.value.shape) == 4)
        )
        if not varies and all(i in static for i in node.inputs):
            static.add(node.name)
    return frozenset(static)


def late_nodes(network: Network) -> frozenset[str]:
    """Read-out whose value matters after the last timestep only: pure functions of the counts."""
    if network.types[network.output.name].kind == "spikes":
        return frozenset()
    late = {network.output.name}
    for node in reversed(network.nodes):
        if _reads_values_once(node, network) and all(
            reader.name in late for reader in network.consumers[node.name]
        ):
            late.add(node.name)
    return frozenset(late)


def _reads_values_once(node: Node, network: Network) -> bool:
    if isinstance(node.op, ops.Correlate):
        counts, template = (network.types[i] for i in node.inputs)
        return counts.kind == "values" and len(template.shape) == 3
    return isinstance(node.op, ops.Scale)


def final_nodes(network: Network, late: frozenset[str]) -> frozenset[str]:
    """Read-out that runs at every timestep, but of which only the last value is read."""
    kinds = (ops.Decode, ops.Accumulate, ops.TemplateBank)
    return frozenset(
        node.name
        for node in network.of_type(*kinds)
        if all(reader.name in late for reader in network.consumers[node.name])
    )
