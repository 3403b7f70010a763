"""What an edge of an integer network with NI-LIF neurons carries: units and proven ranges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops

Int = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
WIDTHS = (16, 24, 32)
"""Of membrane streams, in bits."""
MOST = 2**31 - 1


class TooWideError(Exception):
    """A sum may leave 32 bits at these units."""


@dataclass(frozen=True)
class Values:
    """What an edge carries, for every channel.

    Attributes:
        unit: the integer of a 1. low, high: smallest and largest of any input.
    """

    unit: Real
    low: Int
    high: Int

    @property
    def largest(self) -> int:
        """Largest magnitude."""
        return max(int(self.high.max(initial=0)), -int(self.low.min(initial=0)))

    @property
    def width(self) -> int:
        """The narrowest of `WIDTHS` that holds all of it.

        Raises:
            TooWideError: when none does.
        """
        for bits in WIDTHS:
            if self.largest < 2 ** (bits - 1):
                return bits
        raise TooWideError

    def times(self, factor: int) -> Values:
        """All of it times a positive whole number, the unit too."""
        return Values(self.unit * factor, self.low * factor, self.high * factor)


def constant(channels: int, unit: float, high: int) -> Values:
    """0 ... `high` in every channel."""
    zero = np.zeros(channels, np.int64)
    return Values(np.full(channels, unit), zero, zero + high)


def weighted(weight: npt.NDArray[np.int8], groups: int, source: Values, unit: Real) -> Values:
    """Sums of integer weights `(C_out, C_in / groups, ...)` times what `source` carries."""
    out, each = weight.shape[:2]
    taps = weight.reshape(out, each, -1).astype(np.int64)
    positive, negative = np.maximum(taps, 0).sum(axis=2), np.minimum(taps, 0).sum(axis=2)
    low, high = (
        side.reshape(groups, each).repeat(out // groups, axis=0)
        for side in (source.low, source.high)
    )
    # Outside of the map there are zeros.
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    return Values(
        unit,
        (positive * low + negative * high).sum(axis=1),
        (positive * high + negative * low).sum(axis=1),
    )


def moved(source: Values, shift: Int, value: Int, unit: Real) -> Values:
    """`Offset` of integers; `value` is `(C,)`, `(C, H, W)` or `(T, C, H, W)`."""
    rows = value if value.ndim == 1 else np.moveaxis(value, -3, 0).reshape(value.shape[-3], -1)
    rows = rows.reshape(len(rows), -1)
    low, high = (shifted(side, shift) for side in (source.low, source.high))
    return Values(unit, low + rows.min(axis=1), high + rows.max(axis=1))


def shifted(x: Int, shift: Int) -> Int:
    """x 2^shift, halves upwards where the shift is negative."""
    down = np.maximum(-shift, 0)
    found: Int = ((x << np.maximum(shift, 0)) + ((np.int64(1) << down) >> 1)) >> down
    return found


def part(source: Values, op: ops.Channels) -> Values:
    """`Channels` of it."""

    def taken(side: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        grouped = side.reshape(op.groups, -1)[:, op.first : op.first + op.count]
        return grouped.reshape(-1)

    return Values(*(taken(side) for side in (source.unit, source.low, source.high)))  # type: ignore[arg-type]
