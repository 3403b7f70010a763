"""Split the fan-in of a layer into rate-coded partial sums: what binary spikes can carry.

The inputs of the layer are cut into q parts. For every output neuron, every part has two
integrate-and-fire neurons, its rails: the positive one adds up the positive weights of the part's
spikes, the negative one the magnitudes of the negative weights; each sends a spike whenever it
holds one `unit` and subtracts it. The layer's own neurons add +unit and -unit. Both rails only
ever grow, so that nothing has to be taken back:

    unit * (spikes of the rail) <= v_init + what it added up < unit * (spikes + 1)

holds once the rail has caught up (it sends at most one spike per timestep). What reaches a neuron
then differs from the whole sum by less than q units at every such moment. It is an approximation,
and the golden network contains it: cores still equal the golden network spike for spike.

Where 2 q rails are too many for one neuron, rails of rails add them up, `gather` spikes each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron

Interval = tuple[int, int]
Ints = npt.NDArray[np.int64]
RAILS = 2
"""Neurons of a part for every output neuron: positive, negative."""


@dataclass(frozen=True)
class Part:
    """Inputs of one partial sum.

    Attributes:
        branch: name of the convolution or linear layer.
        channels: of every group of its input. rows, columns: taps of its kernel; of a linear
            layer behind a flattened map the rows and columns of that map.
    """

    branch: str
    channels: Interval
    rows: Interval = (0, 1)
    columns: Interval = (0, 1)

    @property
    def inputs(self) -> int:
        """Inputs of one neuron."""
        return int(np.prod([high - low for low, high in (self.channels, self.rows, self.columns)]))


@dataclass(frozen=True)
class FanInCut:
    """A population whose inputs fit no core, and their parts that do.

    Attributes:
        neuron: name of the population's node. layer: the user's name of the layer.
        inputs: of one neuron. axons: that they would take, None where no number realises them.
        parts: see `Part`. most_rails: that one neuron can read.
    """

    neuron: str
    layer: str
    inputs: int
    axons: int | None
    parts: tuple[Part, ...]
    most_rails: int

    @property
    def levels(self) -> int:
        """Levels of rails: one timestep of depth for each."""
        return len(tuple(_widths(len(self.parts), self.most_rails)))


@dataclass(frozen=True)
class Units:
    """What one spike of a rail stands for.

    Attributes:
        unit: `(C_out,)`, of the first rails, in units of a weight.
        gather: spikes of a rail that one spike of the next level stands for.
    """

    unit: tuple[int, ...]
    gather: tuple[int, ...] = ()


def rails_of(cut: FanInCut) -> tuple[tuple[str, ...], ...]:
    """Names of the rail populations, level by level."""
    widths = (len(cut.parts), *list(_widths(len(cut.parts), cut.most_rails))[:-1])
    return tuple(
        tuple(_rail(cut.neuron, level, index) for index in range(width))
        for level, width in enumerate(widths)
    )


def split_rates(network: Network, cut: FanInCut, units: Units) -> Network:
    """The network with the sums of one population as rails.

    Args:
        network: golden level.
        cut: of a population of it.
        units: one unit for every output channel, one `gather` for every level but the first.

    Raises:
        ValueError: the units are not those of the cut.
    """
    node = network.by_name[cut.neuron]
    if not isinstance(node.op, ops.Neuron) or not isinstance(node.op.model, IntegerNeuron):
        raise ValueError(f"{cut.neuron} is no population of integer neurons")
    if len(units.gather) != cut.levels - 1:
        raise ValueError(f"{cut.levels} levels of rails need {cut.levels - 1} gatherings")
    builder = _Builder(network, cut, node, node.op.model, np.array(units.unit, np.int64))
    return builder.network(units.gather)


def part_nodes(network: Network, part: Part, prefix: str) -> tuple[tuple[Node, ...], ops.Conv2d]:
    """Nodes that take a part's inputs (the last one carries them), and its convolution.

    The convolution has the branch's own weights; it pads only where the part has every tap.
    """
    branch = network.by_name[part.branch]
    source = network.by_name[branch.inputs[0]]
    op, shape = _as_convolution(network, branch)
    if isinstance(branch.op, ops.Linear) and isinstance(source.op, ops.Flatten):
        source = network.by_name[source.inputs[0]]
    weight = op.weight.data[:, slice(*part.channels), slice(*part.rows), slice(*part.columns)]
    nodes: list[Node] = []
    at = source.name
    if part.channels != (0, shape[0] // op.groups) or len(network.types[at].shape) == 1:
        first, last = part.channels
        chosen = ops.Channels(first, last - first, op.groups)
        nodes.append(Node(f"{prefix}_channels", chosen, (at,), branch.origin))
        at = nodes[-1].name
    if (part.rows, part.columns) != ((0, op.weight.shape[2]), (0, op.weight.shape[3])):
        out = network.types[branch.name].shape[1:] if isinstance(branch.op, ops.Conv2d) else (1, 1)
        tall, wide = (
            (out[a] - 1) * op.stride[a] + (weight.shape[2 + a] - 1) * op.dilation[a] + 1
            for a in range(2)
        )
        top, left = part.rows[0] * op.dilation[0], part.columns[0] * op.dilation[1]
        nodes.append(Node(f"{prefix}_taps", ops.Crop(top, left, tall, wide), (at,), branch.origin))
        op = dataclasses.replace(op, padding=(0, 0))
    return tuple(nodes), dataclasses.replace(op, weight=Array(weight), bias=_zeros(len(weight)))


class _Builder:
    def __init__(
        self, network: Network, cut: FanInCut, node: Node, model: IntegerNeuron, unit: Ints
    ) -> None:
        self._network = network
        self._cut = cut
        self._node = node
        self._model = model
        self._unit = unit
        self._new: list[Node] = []

    def network(self, gather: tuple[int, ...]) -> Network:
        rails = [self._first(i, part) for i, part in enumerate(self._cut.parts)]
        weight = self._unit
        for level, (width, count) in enumerate(
            zip(_widths(len(rails), self._cut.most_rails), gather, strict=False), 1
        ):
            size = -(-len(rails) // width)
            chunks = [rails[i : i + size] for i in range(0, len(rails), size)]
            rails = [self._gathered(level, i, c, count) for i, c in enumerate(chunks)]
            weight = weight * count
        signed = np.stack([weight, -weight], axis=1)
        total = self._summed(self._node.name, rails, signed)
        shape = self._network.types[self._node.name].shape
        if len(shape) == 1:
            self._add(f"{self._node.name}_flat", ops.Flatten(), (total,))
            total = f"{self._node.name}_flat"
        self._new.append(dataclasses.replace(self._node, inputs=(total,)))
        return _cleaned(self._network, self._node.name, self._new)

    def _first(self, index: int, part: Part) -> str:
        name = _rail(self._node.name, 0, index)
        taken, op = part_nodes(self._network, part, name)
        self._new += taken
        source = taken[-1].name if taken else self._network.by_name[part.branch].inputs[0]
        weight = op.weight.data.astype(np.int64)
        rails = np.stack([np.maximum(weight, 0), np.maximum(-weight, 0)], axis=1)
        signed = rails.reshape(-1, *weight.shape[1:])
        op = dataclasses.replace(op, weight=_narrow(signed), bias=_zeros(len(signed)))
        self._add(f"{name}_sum", op, (source,), name)
        self._neurons(name, np.repeat(self._unit, RAILS))
        return name

    def _gathered(self, level: int, index: int, rails: list[str], count: int) -> str:
        name = _rail(self._node.name, level, index)
        channels = len(self._unit)
        each = np.tile(np.eye(RAILS, dtype=np.int64), (channels, 1))
        total = self._summed(name, rails, each)
        self._neurons(name, np.full(RAILS * channels, count), total)
        return name

    def _summed(self, name: str, rails: list[str], weight: Ints) -> str:
        """One 1 x 1 convolution of every rail population, added up; weights `(out, RAILS)`."""
        each = _narrow(weight[:, :, None, None])
        op = ops.Conv2d(each, _zeros(len(weight)), groups=len(self._unit))
        sums = []
        for index, rail in enumerate(rails):
            sums.append(f"{name}_add{index}")
            self._add(sums[-1], op, (rail,))
        if len(sums) == 1:
            return sums[0]
        self._add(f"{name}_total", ops.Add(), tuple(sums))
        return f"{name}_total"

    def _neurons(self, name: str, unit: Ints, source: str = "") -> None:
        shift = self._model.state_shift
        model = dataclasses.replace(
            self._model,
            bias=Array(np.int32(0)),
            fire_above=Array(((unit - 1) << shift).astype(np.int32)),
            reset="subtract",
            reset_by=Array((unit << shift).astype(np.int32)),
            v_init=Array((unit // 2 << shift).astype(np.int32)),
        )
        self._add(name, ops.Neuron(model), (source or f"{name}_sum",), name)

    def _add(self, name: str, op: ops.Op, inputs: tuple[str, ...], rail: str = "") -> None:
        layer = self._cut.layer
        origin = f"{layer} {rail.removeprefix(self._node.name + '_')}" if rail else layer
        self._new.append(Node(name, op, inputs, origin))


def _as_convolution(network: Network, branch: Node) -> tuple[ops.Conv2d, tuple[int, ...]]:
    """The branch as a convolution, and the shape of the map that it reads."""
    source = network.by_name[branch.inputs[0]]
    if isinstance(branch.op, ops.Conv2d):
        return branch.op, network.types[source.name].shape
    if not isinstance(branch.op, ops.Linear):
        raise ValueError(f"{branch.name} is no convolution and no linear layer")
    shape: tuple[int, ...] = (branch.op.weight.shape[1], 1, 1)
    if isinstance(source.op, ops.Flatten):
        inner = network.types[source.inputs[0]].shape
        shape = inner if len(inner) == 3 else shape
    weight = branch.op.weight.data.reshape(-1, *shape)
    return ops.Conv2d(Array(weight), branch.op.bias), shape


def _widths(parts: int, most_rails: int) -> Iterator[int]:
    """Rail populations that every level adds up to; 1 for the layer's own neurons."""
    while parts * RAILS > most_rails:
        parts = -(-parts // (most_rails // RAILS))
        yield parts
    yield 1


def _rail(neuron: str, level: int, index: int) -> str:
    return f"{neuron}_rails{index}" if level == 0 else f"{neuron}_rails{level}.{index}"


def _narrow(weight: Ints) -> Array:
    small = np.abs(weight).max(initial=0) <= np.iinfo(np.int8).max
    return Array(np.ascontiguousarray(weight.astype(np.int8 if small else np.int16)))


def _zeros(count: int) -> Array:
    return Array(np.zeros(count, np.int32))


def _cleaned(network: Network, replaced: str, new: list[Node]) -> Network:
    """The network with nodes in the place of one, without those that nobody reads any more."""
    nodes = [m for n in network.nodes for m in (new if n.name == replaced else (n,))]
    while True:
        read = {i for n in nodes for i in n.inputs}
        kept = [n for n in nodes if n.name in read or isinstance(n.op, ops.Output)]
        if len(kept) == len(nodes):
            return network.replace(nodes=tuple(nodes))
        nodes = kept
