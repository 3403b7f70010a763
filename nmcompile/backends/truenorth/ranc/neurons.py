"""One neuron in both worlds: RANC's `reset_mode` and negative threshold, and TrueNorth's.

Both add weights and leak and fire at or above the threshold; both then set the membrane to a
reset value R ("absolute", gamma = 0) or subtract the threshold ("linear", gamma = 1). Below the
negative threshold, which is -beta in RANC,

* an absolute neuron gets -R, a linear one V + beta: TrueNorth's "reset" (kappa = 0), the same;
* with the symmetric reset type this happens at the negative threshold as well. For an absolute
  neuron that is a floor one lower; for a linear one there is no such floor, unless the negative
  threshold is 0 (V + 0 changes nothing) or the membrane never gets there;
* nothing saturates: TrueNorth's kappa = 1 is the same only for R = beta in an absolute neuron, or
  while no membrane falls below -beta.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.ranc.file import I32
from nmcompile.backends.truenorth.ranc.schema import LINEAR, SYMMETRIC

I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def floors(
    neuron: dict[str, I32], reset_type: int, lowest: I64
) -> tuple[npt.NDArray[np.int64], Mask]:
    """beta of neurons of RANC, for kappa = 0.

    Args:
        neuron: columns of `RancFile.neuron`.
        reset_type: `neuron_reset_type`.
        lowest: `(neurons,)` a membrane that is never undercut at any time; the smallest integer
            where there is none.

    Returns:
        `(neurons,)` beta, and where it is exact.
    """
    negative = neuron["negative_threshold"].astype(np.int64)
    reset, fire = neuron["reset_potential"], neuron["positive_threshold"]
    if reset_type != SYMMETRIC:
        return np.maximum(-negative, 0), negative <= 0
    linear = neuron["reset_mode"] == LINEAR
    beta = np.where(linear | (negative == 0), -negative, -negative - 1)
    at_zero = linear | (reset == 0) | (fire == 0)
    exact = np.where(negative == 0, at_zero, ~linear | (lowest > negative))
    return np.maximum(beta, 0), exact & (negative <= 0)


def negative_thresholds(
    parameter: dict[str, I64], reset_type: int, safe: Mask, unreached: Mask
) -> tuple[I64, Mask]:
    """RANC's negative threshold of TrueNorth neurons.

    Args:
        parameter: `floor`, `reset_value`, `reset_mode`, `floor_mode` and `threshold` of each.
        reset_type: `neuron_reset_type` of the file.
        safe: where no membrane falls below -beta as long as the network runs.
        unreached: where none falls to -beta at any time.

    Returns:
        The threshold, and where the neuron behaves the same.
    """
    beta, linear = parameter["floor"], parameter["reset_mode"] == LINEAR
    saturates = parameter["floor_mode"] == 1
    same = ~saturates | (~linear & (parameter["reset_value"] == beta)) | safe
    if reset_type != SYMMETRIC:
        return -beta, same
    idle = ~saturates & (beta == 0)
    at_zero = linear | (parameter["reset_value"] == 0) | (parameter["threshold"] == 0)
    # a floor that nobody meets may stand one lower, and so may an absolute one
    negative = np.where((idle & at_zero) | (linear & ~saturates), -beta, -beta - 1)
    return negative, same & (~linear | saturates | (beta == 0) | unreached)
