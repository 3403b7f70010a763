"""Networks with NI-LIF neurons become integer: 8-bit weights, membrane streams of proven width.

Spikes are counts n = 0 ... D. Every stream has a unit per channel (`membrane_units`), so shortcuts
add exactly, and the neurons behind compare with levels in that unit. A bias goes into the neuron
behind it, or into the stream. Two things round: the weights, and what a bilinear enlargement adds
to a stream (halves upwards). Products of spikes are exact, their factor is part of the levels.

For every node the smallest and the largest sum of any input are known, and with them its width: 16,
24 or 32 bits. Where a sum may leave 32 bits, all units are halved. Memories that one network leaves
for another get the width of synapses, see `membrane_memories`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import (
    GATE_ONE,
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
from nmcompile.ir.neurons import KEEP_ONE, NILIF, IntegerNILIF
from nmcompile.ir.types import bits_for
from nmcompile.passes.integer_gate import integer_gate
from nmcompile.passes.membrane_memories import Memory, asks_memory, memories, narrowed
from nmcompile.passes.membrane_units import Stream, finest, shifts, streams, unit_of
from nmcompile.passes.membrane_values import (
    MOST,
    WIDTHS,
    Int,
    Real,
    TooWideError,
    Values,
    constant,
    moved,
    part,
    weighted,
)
from nmcompile.passes.recipe import Recipe

PRODUCT_SHIFT: Final = 10
"""Largest left shift of a product of spikes, so that its factor is a precise integer."""
Made = tuple[ops.Op, Values]


def quantise_membranes(networks: Iterable[Network], recipe: Recipe) -> dict[str, Network]:
    """The integer form of networks with NI-LIF neurons, by name.

    A stream that two of them have in common, by the names of its convolutions, has the units of the
    larger network in both, so that their weights are the same.

    Raises:
        NmError: NM0338 when no unit suits a channel, NM0339 when an operator has no integer form
            in such a network.
    """
    given = tuple(networks)
    known = memories(given, recipe)
    ordered = sorted((narrowed(n, known) for n in given), key=lambda n: -len(n.nodes))
    coarser = 1.0
    while True:
        units: dict[str, Int] = {}
        try:
            return {n.name: _Quantiser(n, recipe, coarser, units, known).run() for n in ordered}
        except TooWideError:
            coarser /= 2


@dataclass
class _Quantiser:
    network: Network
    recipe: Recipe
    coarser: float
    units: dict[str, Int]
    memories: Mapping[str, Memory]
    values: dict[str, Values] = field(default_factory=dict)
    bias: dict[str, Real] = field(default_factory=dict)
    stream: dict[str, Stream] = field(default_factory=dict)
    finest: dict[str, Real] = field(default_factory=dict)

    def run(self) -> Network:
        self.stream = streams(self.network)
        for node in self.network.of_type(ops.Conv2d, ops.Linear):
            unit_in = self._spike_unit(node)
            self.finest[node.name] = finest(node, unit_in, self.recipe)
        made: dict[str, ops.Op] = {}
        for node in self.network.nodes:
            handler = _HANDLERS.get(type(node.op))
            if handler is None:
                raise NmError(_no_form(node))
            made[node.name], self.values[node.name] = handler(self, node, node.op)
        network = self.network.map_nodes(lambda n: dataclasses.replace(n, op=made[n.name]))
        return _with_real_ends(network, float(self.values[network.output.name].unit[0]))

    def _spike_unit(self, node: Node) -> float:
        """The integer of a 1 in what a convolution reads: levels of neurons, 1 of pixels."""
        source = self.network.by_name[node.inputs[0]]
        if isinstance(source.op, ops.Input):
            return 1.0
        if isinstance(source.op, ops.Neuron) and isinstance(source.op.model, NILIF):
            return float(source.op.model.levels)
        raise NmError(_no_form(node))

    def _unit(self, node: Node) -> Real:
        """`(C,)` of a node in a stream with convolutions."""
        stream = self.stream[node.name]
        uniform = any(isinstance(self.network.by_name[m].op, ops.Output) for m in stream.members)
        names = [n.name for n in stream.convolutions]
        shared = next((self.units[n] for n in names if n in self.units), None)
        unit = unit_of(stream, self.finest, self.coarser) if shared is None else shared
        unit = np.full_like(unit, unit.min()) if uniform else unit
        self.units |= dict.fromkeys(names, unit)
        times = self.network.types[node.name].shape[0] // len(unit)
        return np.tile(unit, times).astype(np.float64)

    def _in(self, node: Node, index: int = 0) -> Values:
        return self.values[node.inputs[index]]

    def input(self, node: Node, op: ops.Input) -> Made:
        if op.bits == 0 or op.signed:
            raise NmError(_no_form(node))
        return op, constant(op.shape[0], 1.0, 2**op.bits - 1)

    def same(self, node: Node, op: ops.Op) -> Made:
        return op, self._in(node)

    def slot(self, node: Node, op: ops.Slot) -> Made:
        """A memory of products of counts, as it is stored."""
        if op.slot not in self.memories:
            raise NmError(_no_form(node))
        memory = self.memories[op.slot]
        bits = bits_for(memory.largest, signed=False)
        found = constant(op.shape[0], memory.unit, memory.largest)
        return dataclasses.replace(op, bits=bits, signed=False), found

    def narrow(self, node: Node, op: Narrow) -> Made:
        source = self._in(node)
        unit = float(source.unit[0]) * op.multiplier / (1 << op.shift)
        return op, constant(len(source.unit), unit, op.largest)

    def conv(self, node: Node, op: ops.Conv2d | ops.Linear) -> Made:
        unit = self._unit(node)
        own = shifts(unit.astype(np.int64), self.finest[node.name])
        branch = unit / 2.0**own
        rows = (branch / self._spike_unit(node)).reshape(-1, *[1] * (op.weight.data.ndim - 1))
        weight = np.rint(op.weight.data.astype(np.float64) * rows)
        narrow = np.abs(weight).max(initial=0) <= np.iinfo(np.int8).max
        weight = weight.astype(np.int8 if narrow else np.int16)
        if op.bias.data.any():
            self._require_neuron(node)
            self.bias[node.name] = op.bias.data.astype(np.float64)
        zero = Array(np.zeros(op.bias.shape, np.int32))
        groups = op.groups if isinstance(op, ops.Conv2d) else 1
        found = weighted(weight, groups, self._in(node), branch)
        if found.largest > MOST:
            raise TooWideError
        return dataclasses.replace(op, weight=Array(weight), bias=zero), found

    def _require_neuron(self, node: Node) -> None:
        reader = self.network.only_consumer(node.name)
        if reader is None or not isinstance(reader.op, ops.Neuron):
            raise NmError(_no_form(node))

    def offset(self, node: Node, op: Offset) -> Made:
        """Shift to a unit that is a power of two times the source's, and add.

        A bias is rounded to the unit of its convolution, so that cores can add it there.
        """
        source = self._in(node)
        unit = self._unit(node) if self.stream[node.name].convolutions else source.unit
        shift = np.rint(np.log2(unit / source.unit)).astype(np.int64)
        real = op.value.data.astype(np.float64)
        coarse = self._convolution_unit(node)
        if real.ndim == 1 and coarse is not None:
            value: Int = np.rint(np.rint(real * coarse) * (unit / coarse)).astype(np.int64)
        else:
            scale = unit if real.ndim == 1 else unit[:, None, None]
            value = np.rint(real * scale).astype(np.int64)
        found = moved(source, shift, value, unit)
        shape = shift[0] if (shift == shift[0]).all() else shift
        if np.abs(value).max(initial=0) > MOST:
            raise TooWideError
        return Offset(
            Array(value.astype(np.int32)), Array(shape.astype(np.int32)), found.width
        ), found

    def _convolution_unit(self, node: Node) -> Real | None:
        """Of the convolution in front of an offset, if there is one."""
        source = self.network.by_name[node.inputs[0]]
        if isinstance(source.op, Bilinear):
            source = self.network.by_name[source.inputs[0]]
        return self.values[source.name].unit if isinstance(source.op, ops.Conv2d) else None

    def add(self, node: Node, op: ops.Add) -> Made:
        sources = [self.values[i] for i in node.inputs]
        low, high = (np.sum([getattr(s, end) for s in sources], axis=0) for end in ("low", "high"))
        found = Values(sources[0].unit, low, high)
        return dataclasses.replace(op, bits=found.width), found

    def repeat(self, node: Node, op: Repeat) -> Made:
        source = self._in(node)
        ends = (np.tile(side, op.times) for side in (source.unit, source.low, source.high))
        return op, Values(*ends)  # type: ignore[arg-type]

    def pool(self, node: Node, op: ops.AvgPool2d) -> Made:
        """A sum, with the divisor in its unit."""
        found = self._in(node).times(op.kernel[0] * op.kernel[1])
        if found.largest > MOST or self._in(node).width == WIDTHS[-1]:
            raise TooWideError
        return ops.SumPool2d(op.kernel, op.stride, op.padding), found

    def bilinear(self, node: Node, op: Bilinear) -> Made:
        found = self._in(node).times(op.denominator)
        if found.largest > MOST:
            raise TooWideError
        return dataclasses.replace(op, scaled=True), found

    def key_value(self, node: Node, op: KeyValue) -> Made:
        keys, values = self._in(node), self._in(node, 1)
        places = int(np.prod(self.network.types[node.inputs[0]].shape[1:]))
        unit, high = keys.unit[0] * values.unit[0], int(keys.high.max() * values.high.max())
        return op, constant(op.heads, float(unit), places * high)

    def query(self, node: Node, op: Query) -> Made:
        queries, memory = self._in(node), self._in(node, 1)
        channels = self.network.types[node.name].shape[0]
        terms = self.network.types[node.inputs[1]].shape[1]
        high = terms * int(queries.high.max()) * int(memory.high.max())
        if high > MOST:
            raise NmError(_no_form(node))
        return op, constant(channels, float(queries.unit[0] * memory.unit[0]), high)

    def scale(self, node: Node, op: ops.Scale) -> Made:
        """A factor on products of spikes: a shift, and the unit that makes it precise.

        Behind a stored memory, which cores may multiply by, it is odd as those of streams are.
        """
        source = self._in(node)
        if op.offset or op.factor <= 0:
            raise NmError(_no_form(node))
        room = MOST.bit_length() - source.largest.bit_length()
        shift = np.full(len(source.unit), min(PRODUCT_SHIFT, room), np.int64)
        zero, unit = np.zeros(len(source.unit), np.int64), source.unit / op.factor * 2.0**shift
        if asks_memory(self.network, self.network.by_name[node.inputs[0]]):
            unit = np.rint(unit) // 2 * 2 + 1
        found = moved(source, shift, zero, unit)
        return Offset(Array(zero.astype(np.int32)), Array(np.int32(shift[0])), found.width), found

    def neuron(self, node: Node, op: ops.Neuron) -> Made:
        model, source = op.model, self._in(node)
        if not isinstance(model, NILIF):
            raise NmError(_no_form(node))
        unit = np.rint(source.unit).astype(np.int64)
        bias = self.bias.get(node.inputs[0], np.zeros(()))
        own = IntegerNILIF(
            bias=Array(np.rint(bias * unit).astype(np.int32) if bias.shape else np.int32(0)),
            one=Array(unit.astype(np.int32)),
            keep=Array(np.rint(model.keep.data * KEEP_ONE).astype(np.int32)),
            levels=model.levels,
            stacked=model.stacked,
        )
        return ops.Neuron(own), constant(len(unit), float(model.levels), model.levels)

    def channels(self, node: Node, op: ops.Channels) -> Made:
        return op, part(self._in(node), op)

    def gate(self, node: Node, op: ChannelGate) -> Made:
        source = self._in(node)
        found = integer_gate(op, self.recipe.weight_bits_of(node.label))
        high = int(source.high.max()) * GATE_ONE
        channels = self.network.types[node.name].shape[0]
        return found, constant(channels, float(source.unit[0]) * GATE_ONE, high)


_HANDLERS: Final[Mapping[type, Callable[[_Quantiser, Node, Any], Made]]] = {
    ops.Input: _Quantiser.input,
    ops.Output: _Quantiser.same,
    ops.Slot: _Quantiser.slot,
    ops.Conv2d: _Quantiser.conv,
    ops.Linear: _Quantiser.conv,
    ops.Add: _Quantiser.add,
    ops.AvgPool2d: _Quantiser.pool,
    ops.Scale: _Quantiser.scale,
    ops.Neuron: _Quantiser.neuron,
    ops.Channels: _Quantiser.channels,
    Offset: _Quantiser.offset,
    Repeat: _Quantiser.repeat,
    Bilinear: _Quantiser.bilinear,
    KeyValue: _Quantiser.key_value,
    Query: _Quantiser.query,
    Narrow: _Quantiser.narrow,
    Store: _Quantiser.same,
    ChannelGate: _Quantiser.gate,
}


def _with_real_ends(network: Network, unit: float) -> Network:
    """Pixels are sent from an image that stays, and maps leave as real values."""
    nodes: list[Node] = []
    alias: dict[str, str] = {}
    for node in network.nodes:
        inputs = tuple(alias.get(i, i) for i in node.inputs)
        source = network.by_name[inputs[0]].op if inputs and inputs[0] in network.by_name else None
        if isinstance(node.op, ops.Output) and isinstance(source, Offset):
            nodes.append(Node("maps", ops.Scale(1.0 / unit), inputs, node.origin or "maps"))
            inputs = ("maps",)
        nodes.append(dataclasses.replace(node, inputs=inputs))
        if isinstance(node.op, ops.Input) and node.op.kind == "values":
            alias[node.name] = f"{node.name}_pixels"
            nodes.append(Node(alias[node.name], ops.Encode(), (node.name,), node.origin))
    return network.replace(nodes=tuple(nodes))


def _no_form(node: Node) -> Diagnostic:
    return Diagnostic(
        code="NM0339",
        message=f"{type(node.op).__name__} has no integer form among NI-LIF neurons here",
        where=node.label,
        help=("put NI-LIF neurons in front of convolutions, and shortcuts around both",),
    )
