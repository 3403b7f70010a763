"""Fold pixel range, mean and std into the first layer, so that the input is uint8 pixels."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Preprocess, Program
from nmcompile.passes.context import PassContext
from nmcompile.passes.fold_padded_pixels import fold_padded_pixels
from nmcompile.passes.membrane_units import has_membranes


def fold_preprocess(program: Program, _: PassContext) -> Program:
    """x = p a - c per channel (a = range/255/std, c = mean/std) becomes w' = w a, b' = b - w c.

    Exact only where no zero padding meets a non-zero mean, or where the first layer has an offset
    behind it (`fold_padded_pixels`); the input becomes uint8.

    Raises:
        NmError: NM0207 when the first layer pads a mean-shifted image or is not a convolution.
    """
    how = program.preprocess
    networks = tuple(
        _folded_network(n, how) if n.name not in program.fed else n for n in program.networks
    )
    neutral = dataclasses.replace(
        how, range=255.0, mean=(0.0,) * len(how.mean), std=(1.0,) * len(how.std)
    )
    return dataclasses.replace(program, networks=networks, preprocess=neutral)


def _folded_network(network: Network, how: Preprocess) -> Network:
    if has_membranes(network):
        return fold_padded_pixels(network, how)
    return _fold(network, how) if _takes_image(network) else network


def _takes_image(network: Network) -> bool:
    op = network.input.op
    return isinstance(op, ops.Input) and op.kind == "values" and op.bits == 0


def _fold(network: Network, how: Preprocess) -> Network:
    pixel = ops.Input("values", network.types[network.input.name].shape, 8, signed=False)
    channels = network.types[network.input.name].shape[0]
    gain = np.resize(how.range / 255.0 / np.asarray(how.std, np.float64), channels)
    offset = np.resize(np.asarray(how.mean, np.float64) / np.asarray(how.std), channels)
    readers = {n.name for n in network.consumers[network.input.name]}

    def change(node: Node) -> Node:
        if node.name == network.input.name:
            return dataclasses.replace(node, op=pixel)
        if node.name in readers and not how.is_identity:
            return dataclasses.replace(node, op=_folded(node, gain, offset))
        return node

    return network.map_nodes(change)


def _folded(
    node: Node, gain: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> ops.Conv2d:
    op = node.op
    if not isinstance(op, ops.Conv2d) or op.groups != 1:
        raise _unfoldable(node, f"the first layer is {type(op).__name__}")
    if any(op.padding) and offset.any():
        raise _unfoldable(node, f"it pads by {op.padding} and the mean is not zero")
    weight = op.weight.data.astype(np.float64)
    bias = op.bias.data - np.einsum("ocyx,c->o", weight, offset)
    return dataclasses.replace(op, weight=Array(weight * gain[:, None, None]), bias=Array(bias))


def _unfoldable(node: Node, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0207",
            message="mean and std of the input cannot be folded into the first layer",
            where=node.label,
            found=found,
            help=("train with an unpadded first layer, or with mean 0",),
        )
    )
