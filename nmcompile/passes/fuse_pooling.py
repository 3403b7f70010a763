"""In a network that already spikes, fold a linear pool into the synapses behind it (exact).

Cores add weighted spikes in one step, so a pool without neurons of its own has to become part
of the next layer. With pool window k = stride and y[i] = sum_a w[a] P[s i + a - p],
P[j] = sum_b x[k j + b]: one kernel w'[k a + b] = w[a] at stride k s and padding k p.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.ir.types import EdgeType
from nmcompile.passes.context import PassContext

Pool = ops.SumPool2d | ops.AvgPool2d


def fuse_pooling(program: Program, _: PassContext) -> Program:
    """Sum and average pools between spikes and one convolution or linear layer disappear.

    Networks with activations keep their pools: those become populations when they are
    converted, which costs fewer synaptic operations than a fused kernel.
    """
    return program.map_networks(_fuse)


def _fuse(network: Network) -> Network:
    changed: dict[str, ops.Op] = {}
    gone: set[str] = set()
    for node in network.of_type(ops.SumPool2d, ops.AvgPool2d):
        if not isinstance(network.by_name[node.inputs[0]].op, ops.Neuron | ops.Input):
            continue
        if network.types[node.inputs[0]].kind == "spikes":
            _fuse_one(network, node, changed, gone)

    def change(node: Node) -> Node | None:
        if node.name in gone:
            return None
        return dataclasses.replace(node, op=changed.get(node.name, node.op))

    return network.map_nodes(change)


def _fuse_one(network: Network, node: Node, changed: dict[str, ops.Op], gone: set[str]) -> None:
    pool, edge = node.op, network.types[node.inputs[0]]
    reader = network.only_consumer(node.name)
    if not isinstance(pool, Pool) or reader is None or not _tiles(pool, edge):
        return
    area = pool.kernel[0] * pool.kernel[1]
    gain = 1.0 / area if isinstance(pool, ops.AvgPool2d) else 1.0
    if isinstance(reader.op, ops.Conv2d) and reader.op.dilation == (1, 1):
        changed[reader.name] = _convolution(reader.op, pool, gain)
        gone.add(node.name)
        return
    linear = network.only_consumer(reader.name)
    if isinstance(reader.op, ops.Flatten) and linear and isinstance(linear.op, ops.Linear):
        changed[linear.name] = _linear(linear.op, pool, network.types[node.name], edge, gain)
        gone.add(node.name)


def _tiles(pool: Pool, edge: EdgeType) -> bool:
    """Whether the windows cover the input exactly once: then every input has one window."""
    exact = all(n % k == 0 for n, k in zip(edge.shape[1:], pool.kernel, strict=True))
    return pool.kernel == pool.stride and pool.padding == (0, 0) and exact


def _convolution(op: ops.Conv2d, pool: Pool, gain: float) -> ops.Conv2d:
    (k_y, k_x), weight = pool.kernel, op.weight.data.astype(np.float64) * gain
    return dataclasses.replace(
        op,
        weight=Array(weight.repeat(k_y, axis=2).repeat(k_x, axis=3)),
        stride=(op.stride[0] * k_y, op.stride[1] * k_x),
        padding=(op.padding[0] * k_y, op.padding[1] * k_x),
    )


def _linear(
    op: ops.Linear, pool: Pool, pooled: EdgeType, edge: EdgeType, gain: float
) -> ops.Linear:
    weight: npt.NDArray[np.float64] = op.weight.data.reshape(-1, *pooled.shape) * gain
    wide = weight.repeat(pool.kernel[0], axis=2).repeat(pool.kernel[1], axis=3)
    return dataclasses.replace(op, weight=Array(wide.reshape(len(wide), edge.size)))
