"""What arrives at a population: ports of projections, each a grouped convolution."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.mapping.populations import Projection, Shape3

Conv = tuple[Array, int, ops.Pair, ops.Pair, ops.Pair]


@dataclass(frozen=True)
class Current:
    """A sum on its way to a population: ports of (shift, projections), then `shift`."""

    ports: tuple[tuple[int, tuple[Projection, ...]], ...]
    shift: int = 0


def merge_ports(current: Current) -> tuple[tuple[int, ...], tuple[Projection, ...]]:
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


def as_conv(op: ops.Conv2d | ops.Linear | ops.SumPool2d, shape: Shape3) -> Conv:
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
