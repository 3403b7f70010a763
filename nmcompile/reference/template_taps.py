"""Depthwise taps of a stored template in the integer interpreter; see `ops.TemplateTaps`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.reference.executor import I32, Executor, Integers


class TapSums(Executor):
    """A TemplateTaps node, channels-last.

    Attributes:
        sops: spikes x set bits that they meet, so far.
    """

    def __init__(self, op: ops.TemplateTaps) -> None:
        self._op = op
        self.reset()

    def reset(self) -> None:
        """Nothing counted yet."""
        self.sops = 0

    def step(self, *inputs: I32) -> I32:
        """`(H_out, W_out, C planes rails)` sums of one timestep."""
        sums: I32 = self.advance(1, *(x[None] for x in inputs))[0]
        return sums

    def advance(self, steps: int, *trains: Integers) -> I32:
        """`(T, H_out, W_out, C planes rails)` sums; the template is the same at every timestep."""
        sums = tap_sums(self._op, trains[0], trains[1][0])
        # Every set bit that a spike meets is a weight of one.
        self.sops += int(sums.sum())
        return sums


def tap_sums(op: ops.TemplateTaps, x: Integers, z: Integers) -> I32:
    """The operator's equation.

    Args:
        op: its parameters.
        x: spikes `(T, H, W, channels)`. z: template `(h, w, C)`.

    Raises:
        ValueError: an element has more bits than the operator.
    """
    bits = element_bits(op, z)
    (height, width, channels), lines = z.shape, op.rails
    rows, columns = x.shape[1] - height + 1, x.shape[2] - width + 1
    out = np.zeros((len(x), rows, columns, channels, op.planes, op.rails), np.int32)
    spikes = x.reshape(*x.shape[:3], channels, lines)
    for a, b in np.ndindex(height, width):
        window = spikes[:, a : a + rows, b : b + columns]
        for line in range(lines):
            out += window[..., line, None, None] * bits[a, b, :, line]
    return out.reshape(*out.shape[:3], -1)


def element_bits(op: ops.TemplateTaps, z: Integers) -> npt.NDArray[np.int32]:
    """`(h, w, C, lines, planes, rails)` cross-points of a template `(h, w, C)`.

    Raises:
        ValueError: an element has more bits than the operator, or a sign that it does not have.
    """
    lowest = -(2**op.planes) + 1 if op.signed_pairs else 0
    if z.min(initial=0) < lowest or z.max(initial=0) >= 2**op.planes:
        raise ValueError(f"elements of {op.planes} bits cannot hold {z.min()} to {z.max()}")
    found = np.zeros((*z.shape, op.rails, op.planes, op.rails), np.int32)
    for line, rail in np.ndindex(op.rails, op.rails):
        sign = 1 if line == rail else -1
        for plane in range(op.planes):
            found[..., line, plane, rail] = np.maximum(sign * z, 0) >> plane & 1
    return found
