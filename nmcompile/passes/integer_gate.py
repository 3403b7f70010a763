"""The integer form of a channel gate: 8-bit weights, a table of exponentials."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import EXP_FRACTION, ChannelGate
from nmcompile.ir.neurons import KEEP_ONE

EXP_ONE: Final = 1 << 15
"""The exponential of 0."""


def integer_gate(op: ChannelGate, weight_bits: int) -> ChannelGate:
    """Weights at the finest unit of their width, biases in the same unit.

    Args:
        op: float form. weight_bits: sign included.
    """
    most = 2 ** (weight_bits - 1) - 1
    one, reduce, reduce_bias = _rounded(op.reduce, op.reduce_bias, most, op.levels)
    score_one, score, score_bias = _rounded(op.score, op.score_bias, most, op.levels)
    # Behind the last entry an exponential rounds to 0.
    below = np.arange(int(np.log(2 * EXP_ONE) * EXP_FRACTION) + 2)
    return dataclasses.replace(
        op,
        reduce=reduce,
        reduce_bias=reduce_bias,
        score=score,
        score_bias=score_bias,
        keep=Array(np.rint(op.keep.data * KEEP_ONE).astype(np.int32)),
        one=one,
        score_one=score_one,
        exponentials=Array(np.rint(EXP_ONE * np.exp(-below / EXP_FRACTION)).astype(np.int32)),
    )


def _rounded(weight: Array, bias: Array, most: int, levels: int) -> tuple[int, Array, Array]:
    real: npt.NDArray[np.float64] = weight.data.astype(np.float64)
    one = max(1, int(most * levels / max(float(np.abs(real).max()), levels / 2**16)))
    integers = np.rint(real * one / levels).astype(np.int32)
    return one, Array(integers), Array(np.rint(bias.data * one).astype(np.int32))
