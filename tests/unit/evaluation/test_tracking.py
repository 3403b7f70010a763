"""Tracking through an executor, and the baseline of shuffled weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.nets import tiny_siamese

from nmcompile.datasets.sequence import VideoSequence
from nmcompile.diagnostics import NmError
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.evaluation.tracking import run_tracker, with_random_weights
from nmcompile.ir import ops
from nmcompile.ir.program import Preprocess, Program

SETTINGS = (("response_size", 5), ("total_stride", 4), ("upsampled_size", 40))


def tracker() -> Program:
    return dataclasses.replace(
        tiny_siamese(), tracker="siamfc", settings=SETTINGS, preprocess=Preprocess()
    )


def video(count: int = 4, *, boxes: bool = True) -> VideoSequence:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (60, 80, 3)).astype(np.uint8) for _ in range(count)]
    truth = np.tile([30.0, 20.0, 16.0, 18.0], (count, 1)) if boxes else None
    return VideoSequence("noise", frames, truth)


def test_sizes_come_from_the_networks() -> None:
    params = tracker_params(tracker())
    assert (params.exemplar_size, params.search_size) == (31, 47)
    with pytest.raises(NmError) as caught:
        tracker_params(tiny_siamese())
    assert caught.value.codes == ("NM0518",)


def test_every_frame_gets_a_box_and_a_tick() -> None:
    ticks: list[int] = []
    executor = with_random_weights(tracker())
    result = run_tracker(executor, "float", video(), None, lambda: ticks.append(1))
    assert result.boxes.shape == (4, 4)
    assert len(ticks) == 4
    assert result.score is not None
    assert result.score.frames == 4


def test_without_truth_there_is_no_score() -> None:
    executor = with_random_weights(tracker())
    result = run_tracker(executor, "float", video(boxes=False), (30.0, 20.0, 16.0, 18.0))
    assert result.score is None
    with pytest.raises(NmError) as caught:
        run_tracker(executor, "float", video(boxes=False))
    assert caught.value.codes == ("NM0519",)


def test_shuffled_weights_keep_their_values_and_stay_shared() -> None:
    program, seeded = tracker(), with_random_weights(tracker(), seed=1).program

    def weight(source: Program, network: str) -> np.ndarray:
        op = source.network(network).by_name["conv2"].op
        assert isinstance(op, ops.Conv2d)
        return op.weight.data

    original, shuffled = weight(program, "search"), weight(seeded, "search")
    assert (original != shuffled).any()
    np.testing.assert_array_equal(np.sort(original, axis=None), np.sort(shuffled, axis=None))
    np.testing.assert_array_equal(shuffled, weight(seeded, "template"))
