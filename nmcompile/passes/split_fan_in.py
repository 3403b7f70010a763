"""Split the fan-in of a layer into graded partial sums, exactly, where one core cannot hold it.

Each part of the inputs gets a population of its own that sums it and sends the sum on as a signed
spike of many bits, without any state; the layer's neurons add the parts. A sum of integers does
not depend on how it is grouped: the golden network computes the same as before, and on cores the
layer comes one tick later.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import sum_bound
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import SigmaDelta
from nmcompile.ir.types import EdgeType, bits_for

Weight = npt.NDArray[np.generic]
Block = tuple[int, int, int, int]
"""Top, left, height and width of a part of a map."""


def synapses_of_neuron(node: Node) -> int:
    """Synapses that one neuron gets from a linear operator; 0 for other operators."""
    if isinstance(node.op, ops.Conv2d | ops.Linear):
        return int(np.prod(node.op.weight.shape[1:]))
    return 0


def split_fan_in(network: Network, name: str, parts: int, message_bits: int) -> Network | str:
    """The network with the sums of node `name` in at least `parts` parts, or why it cannot be.

    A linear layer on a flattened map is cut into blocks of the map, a convolution into parts of
    its channel groups.

    Args:
        network: golden level. name: of a convolution or linear layer.
        parts: at least two. message_bits: width of a signed spike between cores, 0 for none.
    """
    if message_bits == 0:
        return "spikes are binary and carry no partial sums"
    node = network.by_name[name]
    if isinstance(node.op, ops.Conv2d):
        return _by_channels(network, node, node.op, parts, message_bits)
    source = network.by_name[node.inputs[0]]
    if not isinstance(node.op, ops.Linear) or not isinstance(source.op, ops.Flatten):
        return "its inputs are no map that could be cut into blocks"
    return _by_blocks(network, node, node.op, parts, message_bits)


def blocks(height: int, width: int, parts: int) -> tuple[Block, ...]:
    """At least `parts` blocks of a map: rows first, columns where rows are not enough."""
    tall = min(parts, height)
    wide = min(width, -(-parts // tall))
    rows = [height * i // tall for i in range(tall + 1)]
    columns = [width * i // wide for i in range(wide + 1)]
    return tuple(
        (rows[i], columns[j], rows[i + 1] - rows[i], columns[j + 1] - columns[j])
        for i in range(tall)
        for j in range(wide)
    )


def _by_blocks(
    network: Network, node: Node, op: ops.Linear, parts: int, message_bits: int
) -> Network | str:
    (image,) = network.by_name[node.inputs[0]].inputs
    edge = network.types[image]
    channels, height, width = edge.shape
    found = blocks(height, width, parts)
    if len(found) < parts:
        return f"a map of {height} x {width} has no {parts} parts"
    weight = op.weight.data.reshape(len(op.weight.data), channels, height, width)
    nodes: list[Node] = []
    for index, (top, left, tall, wide) in enumerate(found):
        part = weight[:, :, top : top + tall, left : left + wide]
        bits = _width(part, edge)
        if bits > message_bits:
            return f"a partial sum needs {bits} bits, a spike carries {message_bits}"
        label = f"{node.name}_part{index}"
        ones = np.ones((len(part), 1, 1, 1), np.int8)
        nodes += [
            Node(f"{label}_in", ops.Crop(top, left, tall, wide), (image,), node.origin),
            Node(f"{label}_sum", _conv(part), (f"{label}_in",), node.origin),
            Node(label, _relay(bits), (f"{label}_sum",), node.origin),
            Node(f"{label}_out", _conv(ones, groups=len(part)), (label,), node.origin),
        ]
    ends = tuple(n.name for n in nodes if n.name.endswith("_out"))
    total = Node(f"{node.name}_total", ops.Add(), ends, node.origin)
    return _replaced(network, node, (*nodes, total, Node(node.name, ops.Flatten(), (total.name,))))


def _by_channels(
    network: Network, node: Node, op: ops.Conv2d, parts: int, message_bits: int
) -> Network | str:
    edge = network.types[node.inputs[0]]
    out, channels = op.weight.shape[:2]
    parts = next((n for n in range(parts, channels + 1) if channels % n == 0), 0)
    if parts == 0:
        return f"its {channels} input channels have no such parts"
    rows = out // op.groups
    grouped = op.weight.data.reshape(
        op.groups, rows, parts, channels // parts, *op.weight.shape[2:]
    )
    part = grouped.swapaxes(1, 2).reshape(-1, channels // parts, *op.weight.shape[2:])
    bits = _width(part, edge)
    if bits > message_bits:
        return f"a partial sum needs {bits} bits, a spike carries {message_bits}"
    sums = dataclasses.replace(
        op, weight=Array(part), bias=_zeros(len(part)), groups=op.groups * parts
    )
    each = np.tile(np.eye(rows, dtype=np.int8), (op.groups, parts))[:, :, None, None]
    label = f"{node.name}_part"
    nodes = (
        Node(f"{label}_sum", sums, node.inputs, node.origin),
        Node(label, _relay(bits), (f"{label}_sum",), node.origin),
        Node(node.name, _conv(each, groups=op.groups), (label,), node.origin),
    )
    return _replaced(network, node, nodes)


def _replaced(network: Network, old: Node, new: tuple[Node, ...]) -> Network:
    """The network with nodes in the place of one; a flattening that nobody reads is dropped."""
    nodes = [m for n in network.nodes for m in (new if n.name == old.name else (n,))]
    read = {i for n in nodes for i in n.inputs}
    kept = (n for n in nodes if n.name in read or not isinstance(n.op, ops.Flatten))
    return network.replace(nodes=tuple(kept))


def _relay(bits: int) -> ops.Neuron:
    """Neurons without state that send their input on."""
    zero = Array(np.int32(0))
    return ops.Neuron(SigmaDelta("values", "values", "none", zero, zero, message_bits=bits))


def _conv(weight: Weight, groups: int = 1) -> ops.Conv2d:
    return ops.Conv2d(Array(np.ascontiguousarray(weight)), _zeros(len(weight)), groups=groups)


def _zeros(count: int) -> Array:
    return Array(np.zeros(count, np.int32))


def _width(weight: Weight, edge: EdgeType) -> int:
    return bits_for(sum_bound(Array(np.ascontiguousarray(weight)), None, edge), signed=True)
