"""The temporal complementary filter of DashNet (arXiv 1909.12942, eqs. 7 to 9).

Boxes are `(4,)` centre x, centre y, width, height, in one unit, whichever it is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["TIME_UNIT_S", "complement", "complementary_filter", "nearest_frame", "snn_weight"]

Boxes = npt.NDArray[np.float64]
Times = npt.NDArray[np.float64]

TIME_UNIT_S: Final = 1e-3
"""Unit of time in eq. 7, seconds. The paper states none. Milliseconds fit its rates: 0.48 ms
after a frame (one SNN output) the SNN has the weight .11, 2.08 ms after it (halfway to the next
frame) .97. Data with other rates wants a unit in proportion."""


def snn_weight(
    distance_s: npt.ArrayLike, time_unit_s: float = TIME_UNIT_S
) -> npt.NDArray[np.float64]:
    """Weight of the SNN's box: omega = 1 - 2 / (1 + exp(D)) = tanh(D / 2) (eq. 8).

    Args:
        distance_s: t_a - t_s of the nearest ANN output, seconds, either sign.
        time_unit_s: unit in which D = (t_a - t_s)^2 is counted, seconds.

    Returns:
        Weights from 0 (at the ANN's output) to 1, of the shape of `distance_s`.
    """
    distance = (np.asarray(distance_s, np.float64) / time_unit_s) ** 2
    return np.asarray(np.tanh(distance / 2.0))


def complement(
    snn: Boxes, ann: Boxes, distance_s: float, time_unit_s: float = TIME_UNIT_S
) -> Boxes:
    """h = omega o + (1 - omega) a (eq. 9) of one SNN and one ANN box."""
    weight = float(snn_weight(distance_s, time_unit_s))
    return np.asarray(weight * snn + (1.0 - weight) * ann, np.float64)


def nearest_frame(
    event_times_s: Times, frame_times_s: Times, *, causal: bool = True
) -> npt.NDArray[np.int64]:
    """Index of the ANN output nearest to every SNN output (eq. 7), -1 where there is none.

    Args:
        event_times_s: `(Q,)` times of the SNN's outputs.
        frame_times_s: `(P,)` times of the ANN's outputs, ascending.
        causal: only outputs that are not later count, as for a tracker that runs; otherwise the
            nearest of all, of which half a frame's worth lies in the future.
    """
    last = np.searchsorted(frame_times_s, event_times_s, side="right") - 1
    if causal or len(frame_times_s) == 0:
        return np.asarray(last, np.int64)
    before = np.clip(last, 0, len(frame_times_s) - 1)
    after = np.clip(last + 1, 0, len(frame_times_s) - 1)
    gap_before = np.abs(frame_times_s[before] - event_times_s)
    gap_after = np.abs(frame_times_s[after] - event_times_s)
    return np.asarray(np.where(gap_after < gap_before, after, before), np.int64)


def complementary_filter(
    snn: Boxes,
    event_times_s: Times,
    ann: Boxes,
    frame_times_s: Times,
    time_unit_s: float = TIME_UNIT_S,
    *,
    causal: bool = True,
) -> Boxes:
    """The filter over two whole recordings (eqs. 7 to 9).

    Args:
        snn: `(Q, 4)` boxes at `event_times_s`. event_times_s: `(Q,)`, seconds.
        ann: `(P, 4)` boxes at `frame_times_s`. frame_times_s: `(P,)`, ascending, seconds.
        time_unit_s: see `snn_weight`. causal: see `nearest_frame`.

    Returns:
        `(Q, 4)` boxes; the SNN's own before the first ANN output.
    """
    index = nearest_frame(event_times_s, frame_times_s, causal=causal)
    known = index >= 0
    result = np.array(snn, np.float64)
    distance = frame_times_s[index[known]] - event_times_s[known]
    weight = snn_weight(distance, time_unit_s)[:, None]
    result[known] = weight * snn[known] + (1.0 - weight) * ann[index[known]]
    return result
