"""The shipped DashNet follows an object that it has never seen."""

from __future__ import annotations

import pytest
from support.dashnet import moving_square

pytest.importorskip("torch")

from nmcompile import models
from nmcompile.data import models_dir
from nmcompile.evaluation.hybrid import compare, score, static_track

pytestmark = pytest.mark.torch


def test_both_networks_together_follow_better_than_either_alone() -> None:
    from nmcompile.trackers.dashnet.torch_engine import load_engine

    engine, params = load_engine(models_dir() / "dashnet" / models.model_card("dashnet").checkpoint)
    square = moving_square(frames=6, speed=1.5, side=24)
    tracks = compare(engine, square, params)
    assert square.boxes is not None
    still = score(static_track(tracks["hybrid"], square.boxes[0]), square)
    found = {mode: score(track, square) for mode, track in tracks.items()}
    overlaps = {mode: s.mean_iou for mode, s in found.items() if s is not None}
    assert still is not None
    assert overlaps["hybrid"] > max(overlaps["snn"], overlaps["ann"])
    assert min(overlaps.values()) > still.mean_iou + 0.15
    assert overlaps["hybrid"] > 0.6
