"""Scores of a hybrid track at the rate of its outputs: DashNet's Tables 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.evaluation.ope import (
    PRECISION_PIXELS,
    center_error,
    iou,
    success_auc,
)
from nmcompile.trackers.dashnet.loop import HybridEngine, HybridTrack, Mode, Tick, track_hybrid
from nmcompile.trackers.dashnet.params import HybridParams

__all__ = ["MODES", "HybridScore", "compare", "score", "static_track"]

MODES: Final[tuple[Mode, ...]] = ("hybrid", "snn", "ann")
SUCCESS_OVERLAP: Final = 0.5


@dataclass(frozen=True, slots=True)
class HybridScore:
    """How well a track's outputs lie on the true boxes of their times.

    Attributes:
        outputs: that have a true box.
        mean_iou: mean overlap. success_auc: area under the success curve.
        success_50: share of outputs with an overlap above one half.
        precision_20px: share of outputs whose centre is within 20 pixels.
        centre_error_px: mean distance of the centres.
        lost: share of outputs that do not touch the true box.
    """

    outputs: int
    mean_iou: float
    success_auc: float
    success_50: float
    precision_20px: float
    centre_error_px: float
    lost: float


def score(track: HybridTrack, sequence: HybridSequence) -> HybridScore | None:
    """Score the outputs; None where the recording has no true box at any of their times."""
    truth = sequence.boxes_at(track.times_us)
    counted = np.isfinite(truth).all(axis=1)
    if not counted.any():
        return None
    overlaps = iou(track.boxes[counted], truth[counted])
    errors = center_error(track.boxes[counted], truth[counted])
    return HybridScore(
        outputs=int(counted.sum()),
        mean_iou=float(overlaps.mean()),
        success_auc=success_auc(overlaps),
        success_50=float((overlaps > SUCCESS_OVERLAP).mean()),
        precision_20px=float((errors <= PRECISION_PIXELS).mean()),
        centre_error_px=float(errors.mean()),
        lost=float((overlaps == 0.0).mean()),
    )


def compare(
    engine: HybridEngine,
    sequence: HybridSequence,
    params: HybridParams,
    init_box: Sequence[float] | None = None,
    modes: Sequence[Mode] = MODES,
    tick: Tick = lambda: None,
) -> dict[Mode, HybridTrack]:
    """One track of the same recording for every mode; see `track_hybrid`."""
    return {m: track_hybrid(engine, sequence, params, init_box, m, tick) for m in modes}


def static_track(track: HybridTrack, box: npt.NDArray[np.float64]) -> HybridTrack:
    """The baseline that never moves: `box` at every time of `track`."""
    return replace(track, boxes=np.repeat(box[None], len(track.boxes), axis=0))
