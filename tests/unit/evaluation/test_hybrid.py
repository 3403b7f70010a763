"""Scores of hybrid tracks, their plot, and a whole track with its outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.dashnet import moving_square

from nmcompile.evaluation.hybrid import score, static_track
from nmcompile.evaluation.hybrid_plot import write_hybrid_plot
from nmcompile.trackers.dashnet.loop import HybridTrack, Mode


def _track(mode: Mode = "hybrid", shift: float = 0.0) -> HybridTrack:
    """The truth, `shift` pixels to the right."""
    square = moving_square()
    times = square.box_times_us[1:]
    boxes = square.boxes_at(times) + np.array([shift, 0.0, 0.0, 0.0])
    return HybridTrack(
        sequence="square",
        mode=mode,
        times_us=times,
        boxes=boxes,
        snn_boxes=boxes,
        snn_weights=np.ones(len(times)),
        frame_times_us=square.frame_times_us[1:],
        ann_boxes=boxes[7::8],
        snn_runs=len(times),
    )


def test_scores_of_a_track_that_is_a_third_off() -> None:
    found = score(_track(shift=4.0), moving_square())
    assert found is not None
    assert found.outputs == 24
    assert found.mean_iou == pytest.approx(8 / 16)
    assert found.centre_error_px == pytest.approx(4.0)
    assert (found.success_50, found.precision_20px, found.lost) == (0.0, 1.0, 0.0)


def test_outputs_without_a_true_box_do_not_count() -> None:
    square = moving_square()
    boxes = np.array(square.boxes)
    boxes[9:] = np.nan
    found = score(_track(), replace(square, boxes=boxes))
    assert found is not None
    assert (found.outputs, found.mean_iou) == (8, 1.0)
    assert score(_track(), replace(square, boxes=None)) is None


def test_a_box_that_never_moves_is_lost() -> None:
    square = moving_square()
    assert square.boxes is not None
    still = score(static_track(_track(), square.boxes[0]), square)
    assert still is not None
    assert still.lost == pytest.approx(19 / 24)  # 12 pixels are six steps of two


def test_plot_is_the_same_each_time_and_names_every_track(tmp_path: Path) -> None:
    tracks: dict[Mode, HybridTrack] = {m: _track(m) for m in ("hybrid", "ann", "snn")}
    first = write_hybrid_plot(tracks, moving_square(), tmp_path / "a.svg").read_bytes()
    second = write_hybrid_plot(tracks, moving_square(), tmp_path / "b.svg").read_bytes()
    assert first == second
    text = first.decode()
    for word in ("hybrid", "SNN alone", "ANN, held between frames", "overlap", "time, ms"):
        assert word in text


def test_plot_without_truth_leaves_the_overlap_out(tmp_path: Path) -> None:
    untold = replace(moving_square(), boxes=None)
    path = write_hybrid_plot({"hybrid": _track()}, untold, tmp_path / "a.svg")
    assert "overlap" not in path.read_text(encoding="utf-8")
