"""Segments of a sequence and their scores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.evaluation.restart import Segment, follow_segments, score_segments, segments_of

BOX = np.array([10.0, 10.0, 20.0, 20.0])


def test_segments_begin_with_a_true_box() -> None:
    boxes = np.tile(BOX, (62, 1))
    boxes[25:28] = np.nan
    assert segments_of(boxes) == (Segment(0, 25), Segment(28, 50), Segment(50, 62))
    assert segments_of(boxes[:30]) == (Segment(0, 25),)  # the rest is too short
    assert segments_of(np.full((40, 4), np.nan)) == ()


def test_the_given_box_does_not_count() -> None:
    truth = np.tile(BOX, (20, 1))
    frames = [np.zeros((60, 60, 3), np.uint8)] * 20
    starts: list[int] = []

    def start(_: object, box: npt.NDArray[np.float64]) -> object:
        starts.append(1)
        return lambda _: box + np.array([0.0, 0.0, 0.0, 20.0])  # overlap 0.5, centre 10 pixels off

    found = follow_segments(start, frames, truth, 10)  # type: ignore[arg-type]
    first, second = score_segments(found, truth, 10)
    assert len(starts) == 2
    assert first == second
    assert (first.mean_iou, first.precision_20px, first.frames) == (0.5, 1.0, 9)
    np.testing.assert_array_equal(found[[0, 10]], truth[[0, 10]])


def test_frames_without_truth_are_tracked_and_not_judged() -> None:
    truth = np.tile(BOX, (10, 1))
    truth[4] = np.nan
    frames = [np.zeros((60, 60, 3), np.uint8)] * 10
    found = follow_segments(lambda _, box: lambda _: box, frames, truth, 10)
    assert np.isfinite(found).all()
    assert score_segments(found, truth, 10)[0].frames == 8
