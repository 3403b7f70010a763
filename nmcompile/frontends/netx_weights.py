"""What lava-dl's loader and Lava make of the weights in a `.net` file, as integers.

The loader cuts fractions off. Of a dense layer it then shifts the weights left by e bits to fill
eight, and Lava clips them and drops bits that the sign mode or the width does not store; the
sum is shifted back by e. All of that changes nothing as long as the weights are legal, and
what it changes is changed here too, so that the numbers are those that Lava computes with.
Convolutions go through unchanged.

Rules: lava-dl 0.6.0 netx/utils.py, lava-nc 0.10.0 lava/utils/weightutils.py.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.arrays import Array

Int = npt.NDArray[np.int64]

WIDTH: Final = 8
LARGEST: Final = 2**31 - 1
MIXED_RANGE: Final = (-256, 254)
"""To which the loader clips weights of both signs."""


def whole(values: npt.NDArray[np.generic], where: str) -> tuple[Int, int]:
    """Numbers without their fractions, and how many had one.

    Raises:
        NmError: NM0143 when one does not fit 32 bits.
    """
    real = np.asarray(values, np.float64)
    if np.abs(real).max(initial=0) > LARGEST:
        raise refused(where, f"up to {np.abs(real).max():.3g}", "32-bit integers")
    cut = np.trunc(real)
    return cut.astype(np.int64), int(np.count_nonzero(cut != real))


def dense_weights(weight: Int, where: str) -> tuple[Int, int]:
    """The weights of a dense layer as Lava uses them, and how many that changed.

    Args:
        weight: `(N_out, N_in)`, whole numbers.
        where: the layer, for messages.

    Raises:
        NmError: NM0143 when the loader fails on them or silences the layer.
    """
    low, high = int(weight.min()), int(weight.max())
    if low == high == 0:
        raise refused(where, "nothing but zeros", "a weight that is not 0", *_SCALE_HELP)
    clipped = weight
    if (high > MIXED_RANGE[1] and low < 0) or (low < MIXED_RANGE[0] and high > 0):
        clipped = np.clip(weight, *MIXED_RANGE)
        low, high = int(clipped.min()), int(clipped.max())
    shift = _loader_shift(low, high)
    if shift < 0:
        raise refused(where, f"{low}..{high}", "0..255 or -256..-1 where all have one sign")
    mixed = low < 0 <= high
    bits = WIDTH - shift - (_trailing_zeros(clipped) - mixed)
    stored = _stored(clipped << shift, bits)
    if np.any(stored % (1 << shift)):
        found = f"{low}..{high}, which become {stored.min() / 2**shift:g} and more"
        raise refused(where, found, "weights that Lava stores exactly", *_SCALE_HELP)
    used = stored >> shift
    return used, int(np.count_nonzero(used != weight))


def narrowed(weight: Int) -> tuple[Array, int]:
    """Eight-bit weights and the exponent that they share, where there is one; else as they are.

    Loihi stores weights of both signs beyond -128..127 as even numbers: half of them, with a
    weight exponent one higher, is the same and fits eight bits.
    """
    for exponent in range(WIDTH + 1):
        if np.any(weight % (1 << exponent)):
            break
        half = weight >> exponent
        if half.min(initial=0) >= -128 and half.max(initial=0) <= 127:
            return Array(half.astype(np.int8)), exponent
    return Array(compact(weight)), 0


def compact(weight: Int) -> npt.NDArray[np.signedinteger[Any]]:
    """Bytes where they hold the weights, else 32 bits."""
    narrow = weight.min(initial=0) >= -128 and weight.max(initial=0) <= 127
    return weight.astype(np.int8) if narrow else weight.astype(np.int32)


def refused(where: str, found: str, limit: str, *help_: str) -> NmError:
    """NM0143: the weights cannot be used as they are."""
    return NmError(
        Diagnostic(
            code="NM0143",
            message="the weights of this layer cannot be loaded as lava-dl would load them",
            where=where,
            limit=limit,
            found=found,
            help=help_,
        )
    )


_SCALE_HELP: Final = ("export with `export_hdf5`, which stores quantised weights (steps of 2)",)


def _loader_shift(low: int, high: int) -> int:
    """Bits by which the loader shifts weights in low..high to the left."""
    if high < 0:
        return math.floor(math.log2(-256 / low))
    if low >= 0:
        return math.floor(math.log2(255 / high))
    scales = [-128 / low]
    if high > 0:
        scales.append(127 / high)
    return math.floor(math.log2(min(scales))) + 1


def _trailing_zeros(weight: Int) -> int:
    """Bits, at most 8, that are 0 at the end of every weight."""
    return next((n for n in range(WIDTH, 0, -1) if not np.any(weight % (1 << n))), 0)


def _stored(weight: Int, bits: int) -> Int:
    """Lava's clipping and rounding of shifted weights to `bits` bits; it finds the sign anew."""
    if weight.min() >= 0:
        return _rounded(np.clip(weight, 0, 255), WIDTH - bits)
    if weight.max() <= 0:
        return -_rounded(-np.clip(weight, -255, 0), WIDTH - bits)
    return _rounded(np.clip(weight, -256, 255), WIDTH - bits + 1)


def _rounded(weight: Int, drop: int) -> Int:
    """Without the last `drop` bits; numpy shifts everything out when the count is negative."""
    return (weight >> drop) << drop if drop >= 0 else np.zeros_like(weight)
