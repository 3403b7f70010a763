"""From a golden network to populations, projections and their timing.

Convention of time: ticks and timesteps count from 1, and for every population p

    mapped[p][t + d_p] = golden[p][t],   t = 1..T

with d_p the number of populations on the longest path before p (0 for the first one, -1 for
the input: what the host injects at tick t - 1 arrives at tick t). A spike takes one tick to the
next core plus the axon delay d_p - 1 - d_source of its projection, which balances all paths.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.window import Window

Shape3 = tuple[int, int, int]
Kind = Literal["neuron", "pool_running_max", "pool_or"]
InputMode = Literal["impulse", "constant", "spikes"]
INPUT_DEPTH = -1


@dataclass(frozen=True)
class Projection:
    """The synapses from one source to one population, as a grouped convolution.

    Attributes:
        node: name of the linear operator (of the pooling node itself for pools).
        layer: the user's name of it.
        source: the population (or input) that spikes.
        source_shape: its `(C, H, W)`.
        weight: `(C_out, C_in / groups, K_y, K_x)` integers.
        groups: channel groups.
        y: geometry along y. x: geometry along x.
        port: index into the population's `port_shifts`.
        delay: axon delay in ticks that balances the paths.
    """

    node: str
    layer: str
    source: str
    source_shape: Shape3
    weight: Array
    groups: int
    y: Window
    x: Window
    port: int = 0
    delay: int = 0

    @property
    def channels_in(self) -> int:
        """Input channels per group."""
        return self.weight.shape[1]

    @property
    def channels_out(self) -> int:
        """Output channels per group."""
        return self.weight.shape[0] // self.groups


@dataclass(frozen=True)
class Population:
    """The neurons of one layer.

    Attributes:
        name: node name in the network.
        layer: the user's name of the layer whose synapses feed it.
        kind: what its neurons compute.
        shape: `(C, H, W)`; a vector of N is `(N, 1, 1)`.
        golden_shape: the shape in the network.
        depth: d_p of the module's convention.
        projections: in network order.
        port_shifts: right shift of every port's sum before the ports are added.
        input_shift: right shift of the whole sum.
        model: parameters of a "neuron" population.
    """

    name: str
    layer: str
    kind: Kind
    shape: Shape3
    golden_shape: tuple[int, ...]
    depth: int
    projections: tuple[Projection, ...]
    port_shifts: tuple[int, ...] = (0,)
    input_shift: int = 0
    model: IntegerNeuron | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Stimulus:
    """The network's input: `mode` says when the host injects it."""

    name: str
    shape: Shape3
    golden_shape: tuple[int, ...]
    mode: InputMode


@dataclass(frozen=True)
class Stages:
    """A network as populations.

    Attributes:
        network: its name. timesteps: T.
        input: what the host injects.
        populations: in network order.
        output: name of the population that is read out.
        decoded: whether its spikes are counted.
        signed_pairs: whether the read-out subtracts channel 2c + 1 from channel 2c.
    """

    network: str
    timesteps: int
    input: Stimulus
    populations: tuple[Population, ...]
    output: str
    decoded: bool
    signed_pairs: bool

    @property
    def ticks(self) -> int:
        """Ticks of one inference: T plus the pipeline depth."""
        return self.timesteps + max(p.depth for p in self.populations)


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
        self._mode: set[InputMode] = set()

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
            output, decode = self._read_out()
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
            decoded=decode is not None,
            signed_pairs=decode is not None and decode.signed_pairs,
        )

    def _node(self, node: Node) -> Population | None:
        op = node.op
        if isinstance(op, ops.Neuron):
            return self._neuron(node, op)
        if isinstance(op, ops.SpikeMaxPool2d):
            return self._pool(node, op)
        if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
            if not self._network.consumers[node.name]:
                raise _RefusedError(node, "nothing reads it")
            return None
        passing = (ops.Input, ops.Output, ops.Encode, ops.Decode, ops.Add, ops.Shift, ops.Flatten)
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
            )
        )

    def _pool(self, node: Node, op: ops.SpikeMaxPool2d) -> Population:
        source, shape = self._spikes(self._network.by_name[node.inputs[0]], node)
        out = self._network.types[node.name].shape
        ones = Array(np.ones((shape[0], 1, *op.kernel), np.int8))
        windows = [
            Window(op.kernel[a], op.stride[a], 0, 1, shape[1 + a], out[1 + a]) for a in range(2)
        ]
        projection = Projection(
            node.name, node.label, source, shape, ones, shape[0], windows[0], windows[1]
        )
        return self._timed(
            Population(
                name=node.name,
                layer=node.label,
                kind="pool_or" if op.rule == "or" else "pool_running_max",
                shape=_shape3(out),
                golden_shape=out,
                depth=0,
                projections=(projection,),
            )
        )

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
            self._mode.add("spikes")
            return node.name, _shape3(op.shape)
        if isinstance(op, ops.Encode):
            source = self._network.by_name[node.inputs[0]]
            if isinstance(source.op, ops.Input):
                self._mode.add(op.mode)
                if len(self._mode) > 1:
                    raise _RefusedError(node, "the input is already encoded in another way")
                return source.name, _shape3(source.op.shape)
        raise _RefusedError(
            reader,
            f"its input `{node.label}` is no spike train",
            "spikes come from a neuron, from spike pooling, or from an encoded input",
        )

    def _read_out(self) -> tuple[str, ops.Decode | None]:
        node = self._network.by_name[self._network.output.inputs[0]]
        decode = None
        if isinstance(node.op, ops.Decode):
            decode = node.op
            node = self._network.by_name[node.inputs[0]]
        if not isinstance(node.op, ops.Neuron | ops.SpikeMaxPool2d):
            raise _RefusedError(node, "the output of cores must be the spikes of a population")
        return node.name, decode

    def _stimulus(self) -> Stimulus:
        node = self._network.input
        shape = self._network.types[node.name].shape
        mode: InputMode = next(iter(self._mode), "spikes")
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
