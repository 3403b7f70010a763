"""From a golden network to populations, projections and their timing (see `populations`)."""

from __future__ import annotations

import dataclasses

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.infer import ACCUMULATOR_BITS
from nmcompile.ir.membrane_ops import Query
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, ReLU8, SigmaDelta
from nmcompile.mapping.currents import Current, as_conv, merge_ports
from nmcompile.mapping.pool_taps import pool_taps
from nmcompile.mapping.populations import (
    INPUT_DEPTH,
    NEVER_FIRES,
    InputMode,
    Kind,
    Population,
    Projection,
    ReadOut,
    Shape3,
    Stages,
    Stimulus,
)
from nmcompile.mapping.refused import RefusedError
from nmcompile.mapping.template_synapses import (
    Source,
    bit_projection,
    memory_projection,
    word_projections,
)
from nmcompile.mapping.window import Window

POOL_KINDS: dict[ops.PoolRule, Kind] = {
    "running_max": "pool_running_max",
    "gate": "pool_gate",
    "or": "pool_or",
}
_KINDS: dict[type, Kind] = {
    IntegerNeuron: "neuron",
    SigmaDelta: "sigma_delta",
    ReLU8: "relu8",
}


def stages(network: Network) -> Stages:
    """Split a golden network into populations with balanced delays.

    Raises:
        NmError: NM0301, one diagnostic for every node that cores cannot run.
    """
    return _Reader(network).read()


class _Reader:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._depth: dict[str, int] = {network.input.name: INPUT_DEPTH}
        self._encode: ops.Encode | None = None
        self._pixels = False
        self._slot: ops.Slot | None = None
        self._slot_largest = 0

    def read(self) -> Stages:
        problems: list[Diagnostic] = []
        populations = []
        for node in self._network.nodes:
            try:
                population = self._node(node)
            except RefusedError as refused:
                problems.append(refused.diagnostic)
                self._depth.setdefault(node.name, 0)
                continue
            if population is not None:
                populations.append(population)
                self._depth[population.name] = population.depth
        try:
            output, readout, pairs = self._read_out()
        except RefusedError as refused:
            problems.append(refused.diagnostic)
        if problems:
            unique = {(d.where, d.message): d for d in problems}
            raise NmError(*unique.values())
        return Stages(
            network=self._network.name,
            timesteps=self._network.timesteps,
            input=self._stimulus(),
            populations=tuple(populations),
            output=output,
            readout=readout,
            signed_pairs=pairs,
            slot=self._slot.slot if self._slot else "",
            slot_shape=self._slot.shape if self._slot else (),
            slot_largest=self._slot_largest,
        )

    def _node(self, node: Node) -> Population | None:
        op = node.op
        if isinstance(op, ops.Neuron):
            return self._neuron(node, op)
        if isinstance(op, ops.Accumulate):
            return self._accumulator(node, op)
        if isinstance(op, ops.SpikeMaxPool2d):
            return self._pool(node, op)
        if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
            if not self._network.consumers[node.name]:
                raise RefusedError(node, "nothing reads it")
            return None
        passing = (
            *(ops.Input, ops.Output, ops.Encode, ops.Decode, ops.Add, ops.Shift, ops.Flatten),
            *(ops.Crop, ops.Channels, ops.Delay, ops.Slot, ops.Correlate, ops.TemplateTaps, Query),
        )
        if not isinstance(op, passing):
            raise RefusedError(node, "no core operation computes it")
        return None

    def _neuron(self, node: Node, op: ops.Neuron) -> Population:
        model = op.model
        if not isinstance(model, IntegerNeuron | SigmaDelta | ReLU8):
            raise RefusedError(node, "the neuron is not in its integer form")
        pixels = self._pixel_neurons(node, model) if isinstance(model, IntegerNeuron) else None
        if pixels is not None:
            return pixels
        current = self._current(self._network.by_name[node.inputs[0]])
        shifts, projections = merge_ports(current)
        shift = current.shift
        if len(shifts) == 1:
            shifts, shift = (0,), shift + shifts[0]
        edge = self._network.types[node.name]
        return self._timed(
            Population(
                name=node.name,
                layer=projections[-1].layer,
                kind=_KINDS[type(model)],
                shape=_shape3(edge.shape),
                golden_shape=edge.shape,
                depth=0,
                projections=projections,
                port_shifts=shifts,
                input_shift=shift,
                model=model if isinstance(model, IntegerNeuron) else None,
                delta=model if isinstance(model, SigmaDelta) else None,
                activation=model if isinstance(model, ReLU8) else None,
                bits=edge.bits,
                signed=edge.signed,
                wide_sums=self._sums_may_leave(self._network.by_name[node.inputs[0]]),
            )
        )

    def _sums_may_leave(self, node: Node) -> bool:
        """Whether some sum on the way to a population may need more than 32 bits."""
        if isinstance(node.op, ops.Add | ops.Shift) and any(
            self._sums_may_leave(self._network.by_name[name]) for name in node.inputs
        ):
            return True
        return self._network.types[node.name].bits > ACCUMULATOR_BITS

    def _pixel_neurons(self, node: Node, model: IntegerNeuron | SigmaDelta) -> Population | None:
        """Neurons whose only input is the image, which the host writes into their biases."""
        source, shift = self._network.by_name[node.inputs[0]], 0
        shifted = source.op
        if isinstance(shifted, ops.Shift):
            source, shift = self._network.by_name[source.inputs[0]], shifted.bits
        if source.op != ops.Encode("constant") or isinstance(model, SigmaDelta):
            return None
        if model.bias.data.any() or model.u_keep or self._encode is not None:
            raise RefusedError(node, "the image is its bias, and it has another drive as well")
        self._pixels = True
        shape = self._network.types[node.name].shape
        return Population(
            name=node.name,
            layer=node.label,
            kind="neuron",
            shape=_shape3(shape),
            golden_shape=shape,
            depth=0,
            projections=(),
            input_shift=shift,
            model=model,
            bits=self._network.types[node.name].bits,
            pixels=True,
        )

    def _accumulator(self, node: Node, op: ops.Accumulate) -> Population:
        """Neurons that never fire, behind a stored template or, element by element, any layer."""
        match = self._network.by_name[node.inputs[0]]
        if isinstance(match.op, ops.Correlate):
            projections = self._template(match, match.op)
        elif op.apart:
            shifts, projections = merge_ports(self._current(match))
            if any(shifts):
                raise RefusedError(node, "it accumulates a shifted sum")
        else:
            raise RefusedError(node, "it accumulates no correlation")
        shape = self._network.types[match.name].shape
        return self._timed(
            Population(
                name=node.name,
                layer=match.label,
                kind="neuron",
                shape=_shape3(shape),
                golden_shape=shape,
                depth=0,
                projections=projections,
                model=dataclasses.replace(NEVER_FIRES, v_init=op.start),
            )
        )

    def _template(self, node: Node, op: ops.Correlate) -> tuple[Projection, ...]:
        """The correlation as convolutions whose weights are words of the slot's elements."""
        return word_projections(node, op, *self._matched(node, op.largest))

    def _memory(self, node: Node) -> Projection:
        """The product as a convolution whose weights are the elements of the memory."""
        memory, source, _ = self._matched(node, self._network.types[node.inputs[1]].largest)
        return memory_projection(node, memory, source)

    def _matched(self, node: Node, largest: int) -> tuple[Shape3, Source, tuple[int, ...]]:
        """Shape of the stored template, the spikes that meet it, shape of what comes out."""
        template = self._network.by_name[node.inputs[1]]
        if not isinstance(template.op, ops.Slot):
            raise RefusedError(node, f"its template `{template.label}` is not in a slot")
        self._slot, self._slot_largest = template.op, largest
        source = self._spikes(self._network.by_name[node.inputs[0]], node)
        return _shape3(template.op.shape[-3:]), source, self._network.types[node.name].shape

    def _pool(self, node: Node, op: ops.SpikeMaxPool2d) -> Population:
        source, shape, lag = self._spikes(self._network.by_name[node.inputs[0]], node)
        out = self._network.types[node.name].shape
        taps = pool_taps(self._network, node, op, shape[0])
        windows = [
            Window(op.kernel[a], op.stride[a], 0, 1, shape[1 + a], out[1 + a]) for a in range(2)
        ]
        projection = Projection(
            *(node.name, node.label, source, shape, taps, shape[0], windows[0], windows[1]),
            lag=lag,
        )
        return self._timed(
            Population(
                name=node.name,
                layer=node.label,
                kind=POOL_KINDS[op.rule],
                shape=_shape3(out),
                golden_shape=out,
                depth=0,
                projections=(projection,),
                bits=self._network.types[node.name].bits,
            )
        )

    def _timed(self, population: Population) -> Population:
        depth = 1 + max(self._depth[p.source] for p in population.projections)
        projections = tuple(
            dataclasses.replace(p, delay=depth - 1 - self._depth[p.source] + p.lag)
            for p in population.projections
        )
        return dataclasses.replace(population, depth=depth, projections=projections)

    def _current(self, node: Node) -> Current:
        op = node.op
        if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
            return Current(((0, (self._projection(node, op),)),))
        if isinstance(op, ops.Correlate):
            if op.zero:
                raise RefusedError(node, "weights that a template is written into know no offset")
            return Current(((0, self._template(node, op)),))
        if isinstance(op, ops.TemplateTaps):
            matched = self._matched(node, 2**op.planes - 1)
            return Current(((0, (bit_projection(node, op, *matched),)),))
        if isinstance(op, Query):
            return Current(((0, (self._memory(node),)),))
        if isinstance(op, ops.Flatten) and self._network.types[node.inputs[0]].shape[1:] == (1, 1):
            return self._current(self._network.by_name[node.inputs[0]])
        if isinstance(op, ops.Shift):
            inner = self._current(self._network.by_name[node.inputs[0]])
            if len(inner.ports) == 1 and inner.shift == 0:
                shift, projections = inner.ports[0]
                return Current(((shift + op.bits, projections),))
            return dataclasses.replace(inner, shift=inner.shift + op.bits)
        if isinstance(op, ops.Add):
            ports: list[tuple[int, tuple[Projection, ...]]] = []
            for name in node.inputs:
                inner = self._current(self._network.by_name[name])
                ports += _collapsed(inner, node)
            return Current(tuple(ports))
        raise RefusedError(
            node,
            "only convolutions, linear layers and sums can feed a neuron",
            "put a neuron, or a 1x1 convolution for a skip path, in between",
        )

    def _projection(self, node: Node, op: ops.Conv2d | ops.Linear | ops.SumPool2d) -> Projection:
        if not isinstance(op, ops.SumPool2d) and np.any(op.bias.data):
            raise RefusedError(
                node, "its bias belongs into the neuron", "legalise the network first"
            )
        origin, corner, part = self._cropped(self._network.by_name[node.inputs[0]])
        source, shape, lag = self._spikes(origin, node)
        weight, groups, stride, padding, dilation = as_conv(op, shape)
        if part is not None and part.groups != groups:
            raise RefusedError(node, "it takes channels of other groups than its own")
        if corner is not None:
            if any(padding):
                raise RefusedError(node, "it pads a part of a map")
            padding = (-corner[0], -corner[1])
        if not weight.is_integer:
            raise RefusedError(node, "its weights are not integers", "quantise the network first")
        out = _shape3(self._network.types[node.name].shape)
        y, x = (
            Window(
                weight.shape[2 + a], stride[a], padding[a], dilation[a], shape[1 + a], out[1 + a]
            )
            for a in range(2)
        )
        first, names = part.first if part else 0, (node.name, node.label, source, shape)
        return Projection(*names, weight, groups, y, x, lag=lag, first=first)

    def _cropped(self, node: Node) -> tuple[Node, ops.Pair | None, ops.Channels | None]:
        """The node of which `node` is a part, the part's first row and column, its channels."""
        corner = part = None
        if isinstance(node.op, ops.Crop):
            corner, node = (node.op.top, node.op.left), self._network.by_name[node.inputs[0]]
        if isinstance(node.op, ops.Channels):
            part, node = node.op, self._network.by_name[node.inputs[0]]
        return node, corner, part

    def _spikes(self, node: Node, reader: Node) -> tuple[str, Shape3, int]:
        """Name and shape of the population (or input) whose spikes `node` carries, how late."""
        op = node.op
        if isinstance(op, ops.Neuron | ops.SpikeMaxPool2d):
            return node.name, _shape3(self._network.types[node.name].shape), 0
        if isinstance(op, ops.Flatten | ops.Delay):
            name, shape, lag = self._spikes(self._network.by_name[node.inputs[0]], reader)
            return name, shape, lag + (op.ticks if isinstance(op, ops.Delay) else 0)
        if isinstance(op, ops.Input) and op.kind == "spikes":
            return node.name, _shape3(op.shape), 0
        if isinstance(op, ops.Encode):
            source = self._network.by_name[node.inputs[0]]
            if isinstance(source.op, ops.Input):
                if self._pixels or self._encode not in (None, op):
                    raise RefusedError(node, "the input is already encoded in another way")
                self._encode = op
                return source.name, _shape3(source.op.shape), 0
        raise RefusedError(
            reader,
            f"its input `{node.label}` is no spike train",
            "spikes come from a neuron, from spike pooling, or from an encoded input",
        )

    def _read_out(self) -> tuple[str, ReadOut, bool]:
        """The output population, what is read, and whether channels are subtracted in pairs."""
        node = self._network.by_name[self._network.output.inputs[0]]
        if isinstance(node.op, ops.Accumulate):
            return node.name, "each_membrane" if node.op.apart else "membranes", False
        readout: ReadOut = "train"
        pairs = False
        if isinstance(node.op, ops.Decode):
            readout, pairs = "counts", node.op.signed_pairs
            node = self._network.by_name[node.inputs[0]]
        if not isinstance(node.op, ops.Neuron | ops.SpikeMaxPool2d):
            raise RefusedError(node, "the output of cores must be the spikes of a population")
        return node.name, readout, pairs

    def _stimulus(self) -> Stimulus:
        node = self._network.input
        edge = self._network.types[node.name]
        shape, code = edge.shape, self._encode
        if self._pixels:
            return Stimulus(node.name, _shape3(shape), shape, "bias")
        if code is None or code.spikes:
            mode: InputMode = "spikes" if code is None else "coded"
            bits = edge.bits if code is None else max(code.payloads).bit_length()
            signed = edge.signed and code is None
            return Stimulus(node.name, _shape3(shape), shape, mode, code, bits, signed)
        mode = "constant" if code.mode == "constant" else "impulse"
        return Stimulus(node.name, _shape3(shape), shape, mode, None, edge.bits, edge.signed)


def _collapsed(current: Current, node: Node) -> tuple[tuple[int, tuple[Projection, ...]], ...]:
    """Ports of a branch of an Add; a shifted sum of unshifted ports is one port."""
    if current.shift == 0:
        return current.ports
    if any(shift for shift, _ in current.ports):
        raise RefusedError(node, "a branch is a shifted sum of shifted sums")
    return ((current.shift, tuple(p for _, group in current.ports for p in group)),)


def _shape3(shape: tuple[int, ...]) -> Shape3:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return shape[0], 1, 1
