"""Which populations a stock process of Lava computes exactly, and with which settings."""

from __future__ import annotations

from typing import Final

import numpy as np

from nmcompile.backends.loihi.lava.specs import Stock
from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron, SigmaDelta

STATE_SHIFT: Final = 6
"""Left shift of the input and of the threshold in Lava's fixed-point LIF models."""
EXPONENT_MAX: Final = 7
"""Largest exponent of weights."""
STATE_BITS, THRESHOLD_BITS, BIAS_MANTISSA_BITS, BIAS_EXPONENT_MAX = 24, 17, 13, 7


def stock_lif(model: IntegerNeuron, largest_sum: int) -> bool:
    """Whether LIFReset computes exactly this in the window.

    What it does before and after its window reaches later layers before and after theirs.

    Args:
        model: the population.
        largest_sum: magnitude that its input may reach; LIFReset computes in 32 bits.
    """
    level = int(model.fire_above.data.flat[0])
    return (
        model.reset == "zero"
        and model.payloads == (1,)
        and not np.any(model.v_init.data)
        and bias_exponent(model.bias) is not None
        and model.u_keep < KEEP_ONE
        and model.v_keep > 0
        and model.state_shift >= STATE_SHIFT  # a matrix of weights shifts the rest
        and model.state_bits == STATE_BITS
        and bool(np.all(model.fire_above.data == level))
        and level % (1 << STATE_SHIFT) == 0
        and 0 <= level < 1 << (THRESHOLD_BITS + STATE_SHIFT)
        and largest_sum < 1 << (30 - STATE_SHIFT)
    )


def bias_exponent(bias: Array) -> int | None:
    """The exponent with which every bias is a mantissa of LIFReset, or None."""
    values, limit = bias.data.astype(np.int64), 1 << (BIAS_MANTISSA_BITS - 1)
    for exponent in range(BIAS_EXPONENT_MAX + 1):
        mantissa = values >> exponent
        exact = bool(np.all(mantissa << exponent == values))
        if exact and bool(np.all((mantissa >= -limit) & (mantissa < limit))):
            return exponent
    return None


def stock_sigma_delta(model: SigmaDelta) -> Stock:
    """The stock process that computes this when the host resets its states before every frame."""
    exponent = model.spike_exp + model.state_exp
    level = int(model.threshold.data.flat[0])
    whole = bool(np.all(model.threshold.data == level)) and level % (1 << exponent) == 0
    plain = model.activation == "none" and not np.any(model.bias.data)
    traffic = (model.receives, model.sends)
    if traffic == ("changes", "changes") and whole:
        return "SigmaDelta"
    if traffic == ("values", "changes") and whole and plain:
        return "Delta"
    if traffic == ("changes", "values") and plain:
        return "Sigma"
    return ""
