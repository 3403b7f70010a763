"""Rounding to integers that keeps what a kernel adds up to.

Neighbouring pixels are much alike: what rounding adds to the sum of a kernel, they add to every
output, and of thresholds that were trained against exact sums that moves all by as much.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]


def keep_sums(values: Real) -> Real:
    """Integers next to `(O, C, K_y, K_x)` reals; every kernel's sum is rounded, not changed.

    Of the elements of a kernel those are rounded the other way that are closest to the middle.
    """
    flat = values.reshape(*values.shape[:2], -1)
    rounded = np.rint(flat)
    rest = flat - rounded
    missing = np.rint(rest.sum(axis=-1, keepdims=True))
    sign = np.sign(missing)
    order = np.argsort(-rest * sign, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    return np.asarray(rounded + sign * (rank < np.abs(missing))).reshape(values.shape)
