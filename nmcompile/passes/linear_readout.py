"""A last layer without activation becomes neurons that never fire: the host reads their membranes.

    y = W sum_t o[t] + b  =  v[T]  with  v[t] = v[t-1] + W o[t],  v[0] = b

so that a linear read-out of spike counts, and the last layer of an ANN (T = 1), run on cores
without rounding what they add up.
"""

from __future__ import annotations

import dataclasses

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.passes.ann_networks import stays_ann
from nmcompile.passes.context import PassContext


def linear_readout(program: Program, context: PassContext) -> Program:
    """Linear layers before the output -> accumulated currents, where nothing is matched behind.

    Those behind counted spikes (`Decode`), and those of networks that stay ANNs, where a last
    convolution is one as well. What another network reads is sent, not read out.
    """
    sent = {s.network for s in program.schedule if s.writes} | {
        program.step(s.reads).network for s in program.schedule if s.network in program.fed
    }

    def change(network: Network) -> Network:
        if network.name in sent:
            return network
        return _accumulated(network, ann=stays_ann(program, network, context.recipe))

    return program.map_networks(change)


def _accumulated(network: Network, *, ann: bool) -> Network:
    last = network.by_name[network.output.inputs[0]]
    if not isinstance(last.op, ops.Linear) and not (ann and isinstance(last.op, ops.Conv2d)):
        return network
    source = network.by_name[last.inputs[0]]
    counted = isinstance(source.op, ops.Decode) and not source.op.signed_pairs
    if not counted and not ann:
        return network
    zero = Array(last.op.bias.data * 0)
    read = f"{last.name}_membrane"
    nodes: list[Node] = []
    for node in network.nodes:
        if counted and node.name == source.name:
            continue
        if node.name == last.name and isinstance(last.op, ops.Linear | ops.Conv2d):
            inputs = source.inputs if counted else node.inputs
            linear = dataclasses.replace(last.op, bias=zero)
            add = ops.Accumulate(apart=True, start=last.op.bias)
            nodes += [
                dataclasses.replace(node, op=linear, inputs=inputs),
                Node(read, add, (node.name,), node.origin),
            ]
        elif node.name == network.output.name:
            nodes.append(dataclasses.replace(node, inputs=(read,)))
        else:
            nodes.append(node)
    return network.replace(nodes=tuple(nodes))
