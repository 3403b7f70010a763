"""From a golden network to populations, projections and their timing (see `populations`)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
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
from nmcompile.mapping.window import Window

POOL_KINDS: dict[ops.PoolRule, Kind] = {
    "running_max": "pool_running_max",
    "gate": "pool_gate",
    "or": "pool_or",
}
GATE_RANKS, GATE_SUMS = 2**8 - 1, 2**15 - 1
"""What the gate's comparison key has room for, see `nmcompile.backends.loihi.pools`."""


def stages(network: Network) -> Stages:
    """Split a golden network into populations with balanced delays.

    Raises:
        NmError: NM0301, one diagnostic for every node that cores cannot run.
    """
    return _Reader(network).read()


@dataclass(frozen=True)
class _Current:
    """A sum on its way to a population: ports of (shift, projections), then `shift`."""

    ports: tuple[tuple[int, tuple[Projection, ...]], ...]
    shift: int = 0


class _RefusedError(Exception):
    def __init__(self, node: Node, reason: str, *help_: str) -> None:
        self.diagnostic = Diagnostic(
            code="NM0301",
            message=f"cores cannot run {type(node.op).__name__}: {reason}",
            where=node.label,
            help=help_ or ("let the host run this part of the network",),
        )
        super().__init__(reason)


class _Reader:
    def __init__(self, network: Network) -> None:
        self._network = network
        self._depth: dict[str, int] = {network.input.name: INPUT_DEPTH}
        self._encode: ops.Encode | None = None
        self._slot: ops.Slot | None = None
        self._slot_largest = 0

    def read(self) -> Stages:
        problems: list[Diagnostic] = []
        populations = []
        for node in self._network.nodes:
            try:
                population = self._node(node)
            except _RefusedError as refused:
                problems.append(refused.diagnostic)
                self._depth.setdefault(node.name, 0)
                continue
            if population is not None:
                populations.append(population)
                self._depth[population.name] = population.depth
        try:
            output, readout, pairs = self._read_out()
        except _RefusedError as refused:
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
            return self._accumulator(node)
        if isinstance(op, ops.SpikeMaxPool2d):
            return self._pool(node, op)
        if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
            if not self._network.consumers[node.name]:
                raise _RefusedError(node, "nothing reads it")
            return None
        passing = (
            *(ops.Input, ops.Output, ops.Encode, ops.Decode, ops.Add, ops.Shift, ops.Flatten),
            *(ops.Slot, ops.Correlate),
        )
        if not isinstance(op, passing):
            raise _RefusedError(node, "no core operation computes it")
        return None

    def _neuron(self, node: Node, op: ops.Neuron) -> Population:
        if not isinstance(op.model, IntegerNeuron):
            raise _RefusedError(node, "the neuron is not in its integer form")
        current = self._current(self._network.by_name[node.inputs[0]])
        shifts, projections = _merge_ports(current)
        shift = current.shift
        if len(shifts) == 1:
            shifts, shift = (0,), shift + shifts[0]
        shape = self._network.types[node.name].shape
        return self._timed(
            Population(
                name=node.name,
                layer=projections[-1].layer,
                kind="neuron",
                shape=_shape3(shape),
                golden_shape=shape,
                depth=0,
                projections=projections,
                port_shifts=shifts,
                input_shift=shift,
                model=op.model,
                graded=max(op.model.payloads) > 1,
            )
        )

    def _accumulator(self, node: Node) -> Population:
        """Neurons that never fire behind a correlation with a template that the host writes."""
        match = self._network.by_name[node.inputs[0]]
        if not isinstance(match.op, ops.Correlate):
            raise _RefusedError(node, "it accumulates no correlation")
        projections = self._template(match, match.op)
        shape = self._network.types[node.name].shape
        return self._timed(
            Population(
                name=node.name,
                layer=match.label,
                kind="neuron",
                shape=_shape3(shape),
                golden_shape=shape,
                depth=0,
                projections=projections,
                model=NEVER_FIRES,
            )
        )

    def _template(self, node: Node, op: ops.Correlate) -> tuple[Projection, ...]:
        """The correlation as convolutions whose weights are words of the slot's elements."""
        template = self._network.by_name[node.inputs[1]]
        if not isinstance(template.op, ops.Slot):
            raise _RefusedError(node, f"its template `{template.label}` is not in a slot")
        self._slot, self._slot_largest = template.op, op.largest
        source, shape = self._spikes(self._network.by_name[node.inputs[0]], node)
        _, height, width = self._slot.shape[-3:]
        number = np.arange(1, int(np.prod(self._slot.shape[-3:])) + 1, dtype=np.int32)
        elements = number.reshape(1, *self._slot.shape[-3:])
        if op.signed_pairs:
            elements = np.stack([elements, -elements], axis=2).reshape(1, -1, height, width)
        out = self._network.types[node.name].shape
        y, x = (Window(elements.shape[2 + a], 1, 0, 1, shape[1 + a], out[1 + a]) for a in range(2))
        empty, numbers = Array(np.zeros(elements.shape, np.int8)), Array(elements)
        fixed = (node.label, source, shape, empty, 1, y, x)
        return tuple(
            Projection(f"{node.name}.{word}", *fixed, elements=numbers, word=word)
            for word in range(op.words)
        )

    def _pool(self, node: Node, op: ops.SpikeMaxPool2d) -> Population:
        source, shape = self._spikes(self._network.by_name[node.inputs[0]], node)
        out = self._network.types[node.name].shape
        taps = self._pool_taps(node, op, shape[0])
        windows = [
            Window(op.kernel[a], op.stride[a], 0, 1, shape[1 + a], out[1 + a]) for a in range(2)
        ]
        projection = Projection(
            node.name, node.label, source, shape, taps, shape[0], windows[0], windows[1]
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
                graded=self._network.types[node.name].bits > 1,
            )
        )

    def _pool_taps(self, node: Node, op: ops.SpikeMaxPool2d, channels: int) -> Array:
        """Ones; for the gate the rank of every input in its window, the first one highest."""
        area = op.kernel[0] * op.kernel[1]
        taps = np.ones(area, np.int16)
        if op.rule == "gate":
            spiked = self._network.timesteps * (2 ** self._network.types[node.name].bits - 1)
            if area > GATE_RANKS or spiked > GATE_SUMS:
                raise _RefusedError(
                    node,
                    f"the gate keeps sums up to {GATE_SUMS} of windows up to {GATE_RANKS} inputs",
                    "use fewer timesteps, a smaller window or the running_max rule",
                )
            taps = area - np.arange(area, dtype=np.int16)
        return Array(np.broadcast_to(taps.reshape(op.kernel), (channels, 1, *op.kernel)).copy())

    def _timed(self, population: Population) -> Population:
        depth = 1 + max(self._depth[p.source] for p in population.projections)
        projections = tuple(
            dataclasses.replace(p, delay=depth - 1 - self._depth[p.source])
            for p in population.projections
        )
        return dataclasses.replace(population, depth=depth, projections=projections)

    def _current(self, node: Node) -> _Current:
        op = node.op
        if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
            return _Current(((0, (self._projection(node, op),)),))
        if isinstance(op, ops.Shift):
            inner = self._current(self._network.by_name[node.inputs[0]])
            if len(inner.ports) == 1 and inner.shift == 0:
                shift, projections = inner.ports[0]
                return _Current(((shift + op.bits, projections),))
            return dataclasses.replace(inner, shift=inner.shift + op.bits)
        if isinstance(op, ops.Add):
            ports: list[tuple[int, tuple[Projection, ...]]] = []
            for name in node.inputs:
                inner = self._current(self._network.by_name[name])
                ports += _collapsed(inner, node)
            return _Current(tuple(ports))
        raise _RefusedError(
            node,
            "only convolutions, linear layers and sums can feed a neuron",
            "put a neuron, or a 1x1 convolution for a skip path, in between",
        )

    def _projection(self, node: Node, op: ops.Conv2d | ops.Linear | ops.SumPool2d) -> Projection:
        if not isinstance(op, ops.SumPool2d) and np.any(op.bias.data):
            raise _RefusedError(
                node, "its bias belongs into the neuron", "legalise the network first"
            )
        source, shape = self._spikes(self._network.by_name[node.inputs[0]], node)
        weight, groups, stride, padding, dilation = _as_conv(op, shape)
        if not weight.is_integer:
            raise _RefusedError(node, "its weights are not integers", "quantise the network first")
        out = _shape3(self._network.types[node.name].shape)
        y, x = (
            Window(
                weight.shape[2 + a], stride[a], padding[a], dilation[a], shape[1 + a], out[1 + a]
            )
            for a in range(2)
        )
        return Projection(node.name, node.label, source, shape, weight, groups, y, x)

    def _spikes(self, node: Node, reader: Node) -> tuple[str, Shape3]:
        """Name and shape of the population (or input) whose spikes `node` carries."""
        op = node.op
        if isinstance(op, ops.Neuron | ops.SpikeMaxPool2d):
            return node.name, _shape3(self._network.types[node.name].shape)
        if isinstance(op, ops.Flatten):
            return self._spikes(self._network.by_name[node.inputs[0]], reader)
        if isinstance(op, ops.Input) and op.kind == "spikes":
            return node.name, _shape3(op.shape)
        if isinstance(op, ops.Encode):
            source = self._network.by_name[node.inputs[0]]
            if isinstance(source.op, ops.Input):
                if self._encode not in (None, op):
                    raise _RefusedError(node, "the input is already encoded in another way")
                self._encode = op
                return source.name, _shape3(source.op.shape)
        raise _RefusedError(
            reader,
            f"its input `{node.label}` is no spike train",
            "spikes come from a neuron, from spike pooling, or from an encoded input",
        )

    def _read_out(self) -> tuple[str, ReadOut, bool]:
        """The output population, what is read, and whether channels are subtracted in pairs."""
        node = self._network.by_name[self._network.output.inputs[0]]
        if isinstance(node.op, ops.Accumulate):
            return node.name, "membranes", False
        readout: ReadOut = "train"
        pairs = False
        if isinstance(node.op, ops.Decode):
            readout, pairs = "counts", node.op.signed_pairs
            node = self._network.by_name[node.inputs[0]]
        if not isinstance(node.op, ops.Neuron | ops.SpikeMaxPool2d):
            raise _RefusedError(node, "the output of cores must be the spikes of a population")
        return node.name, readout, pairs

    def _stimulus(self) -> Stimulus:
        node = self._network.input
        shape = self._network.types[node.name].shape
        code = self._encode
        if code is None or code.spikes:
            mode: InputMode = "spikes" if code is None else "coded"
            return Stimulus(node.name, _shape3(shape), shape, mode, code)
        mode = "constant" if code.mode == "constant" else "impulse"
        return Stimulus(node.name, _shape3(shape), shape, mode)


def _collapsed(current: _Current, node: Node) -> tuple[tuple[int, tuple[Projection, ...]], ...]:
    """Ports of a branch of an Add; a shifted sum of unshifted ports is one port."""
    if current.shift == 0:
        return current.ports
    if any(shift for shift, _ in current.ports):
        raise _RefusedError(node, "a branch is a shifted sum of shifted sums")
    return ((current.shift, tuple(p for _, group in current.ports for p in group)),)


def _merge_ports(current: _Current) -> tuple[tuple[int, ...], tuple[Projection, ...]]:
    """Number the ports; all unshifted ports are one."""
    shifts: list[int] = []
    projections: list[Projection] = []
    for shift, group in current.ports:
        if shift == 0 and 0 in shifts:
            port = shifts.index(0)
        else:
            port = len(shifts)
            shifts.append(shift)
        projections += [dataclasses.replace(p, port=port) for p in group]
    return tuple(shifts), tuple(projections)


Conv = tuple[Array, int, ops.Pair, ops.Pair, ops.Pair]


def _as_conv(op: ops.Conv2d | ops.Linear | ops.SumPool2d, shape: Shape3) -> Conv:
    """Weight, groups, stride, padding, dilation of the convolution that `op` is.

    A linear layer on a flattened `(C, H, W)` map is a convolution whose kernel is the map.
    """
    if isinstance(op, ops.Conv2d):
        return op.weight, op.groups, op.stride, op.padding, op.dilation
    if isinstance(op, ops.Linear):
        weight = Array(op.weight.data.reshape(op.weight.shape[0], *shape))
        return weight, 1, (1, 1), (0, 0), (1, 1)
    ones = Array(np.ones((shape[0], 1, *op.kernel), np.int8))
    return ones, shape[0], op.stride, op.padding, (1, 1)


def _shape3(shape: tuple[int, ...]) -> Shape3:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    return shape[0], 1, 1
