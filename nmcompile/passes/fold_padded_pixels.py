"""Fold pixel range, mean and std into a first layer that pads, where an offset stands behind it.

x = p a - c per channel becomes w' = w a, and the offset takes up what -c makes of the layer: a map,
because the zeros around the image are zeros of x, and the pixels of a border have fewer of the -c.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import Offset
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Preprocess

Real = npt.NDArray[np.float64]


def fold_padded_pixels(network: Network, how: Preprocess) -> Network:
    """The network on uint8 pixels; exact in reals.

    Raises:
        NmError: NM0207 when no convolution with an offset behind it reads the image.
    """
    entry = network.input
    op = entry.op
    reader = network.only_consumer(entry.name)
    behind = network.only_consumer(reader.name) if reader else None
    if not isinstance(op, ops.Input) or reader is None or behind is None:
        raise _unfoldable(entry)
    conv, offset = reader.op, behind.op
    if not isinstance(conv, ops.Conv2d) or conv.groups != 1 or not isinstance(offset, Offset):
        raise _unfoldable(reader)
    channels = op.shape[0]
    gain = np.resize(how.range / 255.0 / np.asarray(how.std, np.float64), channels)
    moved = -np.resize(np.asarray(how.mean, np.float64) / np.asarray(how.std), channels)
    weight = conv.weight.data.astype(np.float64)
    value = offset.value.data.astype(np.float64)
    if moved.any():
        shape = network.types[reader.name].shape
        value = _constant_image(conv, weight * moved[:, None, None], op.shape, shape) + (
            value[:, None, None] if value.ndim == 1 else value
        )
    new: dict[str, ops.Op] = {
        entry.name: dataclasses.replace(op, bits=8, signed=False),
        reader.name: dataclasses.replace(conv, weight=Array(weight * gain[:, None, None])),
        behind.name: dataclasses.replace(offset, value=Array(value)),
    }
    return network.map_nodes(lambda n: dataclasses.replace(n, op=new.get(n.name, n.op)))


def _constant_image(
    conv: ops.Conv2d, weight: Real, image: tuple[int, ...], shape: tuple[int, ...]
) -> Real:
    """`(C, H, W)`: what the layer makes of an image of ones, of which there are none outside."""
    taps = weight.sum(axis=1)
    inside = []
    for axis, size in enumerate(shape[1:]):
        first = np.arange(size) * conv.stride[axis] - conv.padding[axis]
        reach = first[:, None] + np.arange(taps.shape[1 + axis]) * conv.dilation[axis]
        inside.append(((reach >= 0) & (reach < image[1 + axis])).astype(np.float64))
    found: Real = np.einsum("cab,ya,xb->cyx", taps, *inside)
    return found


def _unfoldable(node: Node) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0207",
            message="mean and std of the input cannot be folded into the first layer",
            where=node.label,
            found=f"the first layer is {type(node.op).__name__}",
            help=("begin with a convolution whose bias is an offset",),
        )
    )
