"""From a node to its executor; operators without weights and state.

Everything inside is channels-last: `(H, W, C)` or `(N,)`, int32.
"""

from __future__ import annotations

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.reference.executor import I32, Executor, first
from nmcompile.reference.populations import Pool, Population
from nmcompile.reference.synapses import Synapses


class Pure(Executor):
    """Operators without weights and state: add, shift, flatten, correlate, pass-through."""

    def __init__(self, op: ops.Op) -> None:
        self._op = op

    def step(self, *inputs: I32) -> I32:
        """See the operator's equation."""
        op = self._op
        if isinstance(op, ops.Add):
            total = inputs[0].copy()
            for other in inputs[1:]:
                total += other
            return total
        if isinstance(op, ops.Shift):
            return inputs[0] >> op.bits
        if isinstance(op, ops.Flatten):
            flat: I32 = first(inputs[0]).reshape(-1)  # type: ignore[assignment]
            return flat
        return inputs[0]


def make_executor(node: Node, network: Network) -> Executor:
    """The executor of one node of an integer-level network."""
    op, sources = node.op, [network.types[i] for i in node.inputs]
    if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
        return Synapses(op, sources[0], node)
    if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
        return Population(op.model, network.types[node.name], node)
    if isinstance(op, ops.SpikeMaxPool2d):
        return Pool(op, sources[0], network.types[node.name])
    return Pure(op)
