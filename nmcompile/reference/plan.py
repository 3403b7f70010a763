"""From a node to its executor; operators without weights and state.

Everything inside is channels-last: `(H, W, C)` or `(N,)`, int32.
"""

from __future__ import annotations

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, IntegerNILIF, ReLU8, SigmaDelta
from nmcompile.ir.types import EdgeType
from nmcompile.reference.activations import Activations
from nmcompile.reference.correlate import Accumulator, BankBuilder, Correlator, Decoder
from nmcompile.reference.delay import Delayer
from nmcompile.reference.executor import I32, Executor, Integers, as_int32, first
from nmcompile.reference.membranes import MAKERS, within
from nmcompile.reference.nilif import NormalisedNeurons
from nmcompile.reference.populations import Encoder, Pool, Population
from nmcompile.reference.sigma_delta import SigmaDeltas
from nmcompile.reference.synapses import Synapses
from nmcompile.reference.template_taps import TapSums

INT32_BITS = 32


class Pure(Executor):
    """Operators without weights and state: add, shift, flatten, parts of a map, pass-through."""

    def __init__(self, op: ops.Op, edge: EdgeType, node: Node) -> None:
        self._op = op
        self._label = node.label
        # Sums of a stated width are watched, in a wider one.
        self._wide = edge.bits > INT32_BITS or (isinstance(op, ops.Add) and op.bits > 0)

    def step(self, *inputs: I32) -> Integers:
        """See the operator's equation."""
        value: Integers = self.advance(1, *(x[None] for x in inputs))[0]
        return value

    def advance(self, steps: int, *trains: Integers) -> Integers:
        """The equation for all timesteps at once."""
        op = self._op
        if isinstance(op, ops.Add):
            total = trains[0]
            for other in trains[1:]:
                total = np.add(total, other, dtype=np.int64) if self._wide else total + other
            if op.bits:
                return within(total, op.bits, self._label)
            return as_int32(total, self._label) if self._wide else total
        if isinstance(op, ops.Shift):
            return trains[0] >> op.bits
        if isinstance(op, ops.Flatten):
            return first(trains[0]).reshape(len(trains[0]), -1)
        if isinstance(op, ops.Crop):
            rows, columns = slice(op.top, op.top + op.height), slice(op.left, op.left + op.width)
            return np.ascontiguousarray(trains[0][:, rows, columns])
        if isinstance(op, ops.Channels):
            maps = trains[0] if trains[0].ndim == 4 else trains[0][:, None, None]
            grouped = maps.reshape(*maps.shape[:3], op.groups, -1)
            taken = grouped[..., op.first : op.first + op.count]
            return np.ascontiguousarray(taken).reshape(*maps.shape[:3], -1)
        return trains[0]


def make_executor(node: Node, network: Network) -> Executor:
    """The executor of one node of an integer-level network."""
    op, sources = node.op, [network.types[i] for i in node.inputs]
    if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
        return Synapses(op, sources[0], node)
    if isinstance(op, ops.Neuron) and isinstance(op.model, SigmaDelta):
        return SigmaDeltas(op.model, network.types[node.name], node)
    if isinstance(op, ops.Neuron) and isinstance(op.model, ReLU8):
        return Activations(op.model, network.types[node.name])
    if isinstance(op, ops.Delay):
        return Delayer(op)
    if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
        return Population(op.model, sources[0], network.types[node.name], node)
    if isinstance(op, ops.SpikeMaxPool2d):
        return Pool(op, sources[0], network.types[node.name])
    if isinstance(op, ops.Encode):
        return Encoder(op)
    if isinstance(op, ops.Correlate):
        return Correlator(op, sources[1])
    if isinstance(op, ops.TemplateTaps):
        return TapSums(op)
    if isinstance(op, ops.Accumulate):
        return Accumulator(op, sources[0], node)
    if isinstance(op, ops.TemplateBank):
        return BankBuilder(op, network.types[node.name])
    if isinstance(op, ops.Decode):
        return Decoder(op)
    if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNILIF):
        return NormalisedNeurons(op.model, network.types[node.name], node)
    if type(op) in MAKERS:
        return MAKERS[type(op)](op, node)
    return Pure(op, network.types[node.name], node)
