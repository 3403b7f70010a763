"""Fold batch normalisation into the convolution or linear layer before it (exact in reals)."""

from __future__ import annotations

import dataclasses

import numpy as np

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext


def fold_batch_norm(program: Program, _: PassContext) -> Program:
    """w' = w g / sqrt(var + eps);  b' = beta + (b - mean) g / sqrt(var + eps).

    Raises:
        NmError: NM0206 for a batch norm that does not directly follow one layer of its own.
    """
    return program.map_networks(_fold)


def _fold(network: Network) -> Network:
    folded: dict[str, ops.Op] = {}
    for node in network.of_type(ops.BatchNorm2d):
        source = network.by_name[node.inputs[0]]
        if not isinstance(source.op, ops.Conv2d | ops.Linear) or (
            network.only_consumer(source.name) is None
        ):
            raise NmError(
                Diagnostic(
                    code="NM0206",
                    message="batch norm must directly follow a convolution that nothing else reads",
                    where=node.label,
                    found=f"it follows {type(source.op).__name__} `{source.label}`",
                )
            )
        folded[source.name] = _folded(source.op, node.op)  # type: ignore[arg-type]

    def change(node: Node) -> Node | None:
        if isinstance(node.op, ops.BatchNorm2d):
            return None
        return dataclasses.replace(node, op=folded.get(node.name, node.op))

    return network.map_nodes(change)


def _folded(layer: ops.Conv2d | ops.Linear, norm: ops.BatchNorm2d) -> ops.Op:
    factor = norm.weight.data.astype(np.float64) / np.sqrt(
        norm.variance.data.astype(np.float64) + norm.eps
    )
    weight = layer.weight.data * factor.reshape(-1, *[1] * (layer.weight.data.ndim - 1))
    bias = norm.bias.data + (layer.bias.data - norm.mean.data.astype(np.float64)) * factor
    return dataclasses.replace(layer, weight=Array(weight), bias=Array(bias))
