"""Send a static image once: neurons that hold their current need it only at t = 1 (exact)."""

from __future__ import annotations

import dataclasses

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext
from nmcompile.passes.pixel_neurons import drives_neurons


def hold_input(program: Program, context: PassContext) -> Program:
    """Encode("constant") before IF populations -> Encode("impulse") and u_keep = 4096.

    u[t] = u[t-1] + I[t] with I only at t = 1 equals the same current at every t, so the
    transduction is paid once instead of T times, where the neurons of the target can do so.
    """
    if context.rules is not None and not context.rules.held_current:
        return program
    return program.map_networks(_hold)


def _hold(network: Network) -> Network:
    changed: dict[str, ops.Op] = {}
    for node in network.of_type(ops.Encode):
        if node.op != ops.Encode("constant") or drives_neurons(network, node):
            continue
        fed = _populations_behind(network, node.name)
        if fed and all(_is_memoryless(n) for n in fed):
            changed[node.name] = ops.Encode("impulse")
            for population in fed:
                changed[population.name] = _held(population)
    return network.map_nodes(
        lambda node: dataclasses.replace(node, op=changed.get(node.name, node.op))
    )


def _populations_behind(network: Network, name: str) -> list[Node]:
    """Populations that receive nothing but the image; empty when another source mixes in."""
    fed: list[Node] = []
    for reader in network.consumers[name]:
        if isinstance(reader.op, ops.Neuron):
            fed.append(reader)
        elif isinstance(reader.op, (*ops.LINEAR_OPS, ops.Shift, ops.Flatten)):
            behind = _populations_behind(network, reader.name)
            if not behind:
                return []
            fed += behind
        else:
            return []
    return fed


def _is_memoryless(node: Node) -> bool:
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    return isinstance(model, IntegerNeuron) and model.u_keep == 0


def _held(node: Node) -> ops.Neuron:
    if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNeuron):
        return ops.Neuron(dataclasses.replace(node.op.model, u_keep=KEEP_ONE))
    raise TypeError(node.name)
