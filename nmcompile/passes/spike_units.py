"""Units of spikes: the real value of a payload of 1, one number or one for each channel."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.passes.context import Scale

Real = npt.NDArray[np.float64]


def as_unit(scale: Scale) -> Real:
    """A scale as `()` or `(C,)`."""
    return np.asarray(scale, np.float64)


def scaled_synapses(op: ops.Conv2d | ops.Linear, unit: Real) -> ops.Conv2d | ops.Linear:
    """The synapses behind spikes of that unit: weights times the unit of their input channel."""
    weight = op.weight.data.astype(np.float64)
    if unit.ndim and isinstance(op, ops.Conv2d):
        # Output channels come group by group, each group reads its own input channels.
        by_group = unit.reshape(op.groups, weight.shape[1])
        unit = by_group.repeat(weight.shape[0] // op.groups, axis=0)[:, :, None, None]
    scaled = Array(weight * unit)
    if isinstance(op, ops.Conv2d):
        return ops.Conv2d(scaled, op.bias, op.stride, op.padding, op.dilation, op.groups)
    return ops.Linear(scaled, op.bias)


def without_zero(op: ops.Conv2d | ops.Linear, zero: int) -> ops.Conv2d | ops.Linear:
    """The synapses behind numbers of which `zero` stands for 0: sum of w (x - zero)."""
    weight = op.weight.data
    bias = Array(op.bias.data - zero * weight.reshape(len(weight), -1).sum(axis=1))
    return dataclasses.replace(op, bias=bias)


def flattened(unit: Real, shape: tuple[int, ...]) -> Real:
    """The unit of every element of a flattened `(C, H, W)` map."""
    return unit if unit.ndim == 0 else unit.repeat(int(np.prod(shape[1:])))


def pairs(array: Array) -> Array:
    """Rows x become x, -x, interleaved, so that channel groups stay together."""
    return Array(np.stack([array.data, -array.data], axis=1).reshape(-1, *array.shape[1:]))


def with_pairs(op: ops.Conv2d | ops.Linear) -> ops.Conv2d | ops.Linear:
    """Synapses that give +x and -x a population each."""
    if isinstance(op, ops.Conv2d):
        weight, bias = pairs(op.weight), pairs(op.bias)
        return ops.Conv2d(weight, bias, op.stride, op.padding, op.dilation, op.groups)
    return ops.Linear(pairs(op.weight), pairs(op.bias))
