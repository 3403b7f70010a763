"""Fidelity: where crops are cut, what counts as a hit, and what is counted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.nets import tiny_siamese
from support.videos import moving_patch

from nmcompile.build.execute import ProgramExecutor, RunResult
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.fidelity import (
    Crop,
    Observed,
    compare,
    fidelity,
    observe,
    sample_crops,
    shares,
)
from nmcompile.evaluation.tracking import with_random_weights
from nmcompile.ir.counters import LayerCounters, NetworkCounters
from nmcompile.ir.program import Preprocess, Program
from nmcompile.trackers.siamfc import SiamFCParams

SETTINGS = (("response_size", 5), ("total_stride", 4), ("upsampled_size", 40))


def video(name: str, count: int = 12) -> VideoSequence:
    frames, boxes = moving_patch(count)
    return VideoSequence(name, frames, boxes)


def tracker() -> Program:
    return dataclasses.replace(
        tiny_siamese(), tracker="siamfc", settings=SETTINGS, preprocess=Preprocess()
    )


def test_the_object_lies_where_the_crop_says() -> None:
    """A bright object on black: its centre of mass is the crop's target."""
    frames = [np.zeros((240, 320, 3), np.uint8) for _ in range(20)]
    boxes = np.tile([150.0, 100.0, 31.0, 41.0], (20, 1))
    for frame in frames:
        frame[100:141, 150:181] = 255
    sequence = VideoSequence("bright", frames, boxes)
    params = SiamFCParams()
    crops = sample_crops([sequence], params, 10)
    for crop in crops:
        assert crop.search.shape == (255, 255, 3)
        weights = crop.search[..., 0].astype(float)
        rows, columns = np.indices(weights.shape)
        center = (
            float((columns * weights).sum() / weights.sum()) - 127.0,
            float((rows * weights).sum() / weights.sum()) - 127.0,
        )
        # crop corners are whole pixels of the frame
        assert np.hypot(center[0] - crop.target[0], center[1] - crop.target[1]) < 2.5
        assert max(map(abs, crop.target)) <= 32.0
    assert len({crop.target for crop in crops}) == 10
    assert crops[0].template is crops[9].template


def test_crops_are_spread_and_reproducible() -> None:
    assert shares(60, 7) == [9, 9, 9, 9, 8, 8, 8]
    params = SiamFCParams(exemplar_size=31, search_size=47)
    first = sample_crops([video("a"), video("b")], params, 7, seed=3)
    again = sample_crops([video("a"), video("b")], params, 7, seed=3)
    assert [c.sequence for c in first] == ["a"] * 4 + ["b"] * 3
    for one, two in zip(first, again, strict=True):
        assert one.target == two.target
        np.testing.assert_array_equal(one.search, two.search)
    other = sample_crops([video("a"), video("b")], params, 7, seed=4)
    assert [c.target for c in first] != [c.target for c in other]
    with pytest.raises(ValueError, match="no sequence"):
        sample_crops([VideoSequence("none", [], None)], params)


def fake(map_of: dict[int, tuple[int, int]], sops: int) -> ProgramExecutor:
    """An executor whose response peaks at given (row, column) by the crop's first pixel."""
    program = tracker()

    def template(stimulus: np.ndarray, _: object) -> RunResult:
        return RunResult(stimulus, None)

    def search(stimulus: np.ndarray, _: object) -> RunResult:
        response = np.zeros((1, 5, 5))
        response[0][map_of[int(stimulus[0, 0, 0])]] = 1.0
        layer = LayerCounters("n", "n", 1, 1, sops, 2, 1)
        return RunResult(response, NetworkCounters("search", 1, 1, (layer,)))

    return ProgramExecutor(program, {"template": template, "search": search})


def crop_at(value: int, target: tuple[float, float], sequence: str = "a") -> Crop:
    template = np.zeros((31, 31, 3), np.uint8)
    return Crop(sequence, 0, template, np.full((255, 255, 3), value, np.uint8), target)


def test_hits_and_counts_by_hand() -> None:
    """Stride 4: a peak at column 4 of 5 lies 8 pixels right of the centre."""
    crops = [crop_at(0, (8.0, 0.0)), crop_at(1, (-8.0, 0.0)), crop_at(2, (-9.0, 0.0))]
    peaks = {0: (2, 4), 1: (2, 4), 2: (2, 4)}
    seen = observe(fake(peaks, sops=10), crops)
    assert seen.hits.tolist() == [1.0, 1.0, 0.0]  # 0, 16 and 17 pixels away
    assert (seen.sops_per_crop, seen.macs_per_crop) == (10.0, 2.0)
    other = observe(fake({**peaks, 1: (0, 0)}, sops=20), crops)
    result = compare(seen, other)
    assert result.correlation.mean == pytest.approx((1 + 1 - 1 / 24) / 3)
    assert result.hit16_difference.difference == pytest.approx(0.0)
    assert result.sops_per_crop == 20.0


def test_sequences_weigh_the_same() -> None:
    flat, peak = np.zeros((2, 2)), np.eye(2)
    names = ("a", "a", "b")
    reference = Observed(names, np.stack([peak] * 3), np.ones(3), None, None)
    other = Observed(names, np.stack([peak, peak, flat]), np.ones(3), None, None)
    result = compare(reference, other)
    assert result.correlation.mean == 0.5  # a flat map says nothing: 0
    assert result.correlation.between == pytest.approx(0.5)
    assert result.sops_per_crop is None


@pytest.mark.torch
def test_a_network_is_faithful_to_itself_and_not_to_a_shuffled_one() -> None:
    params = SiamFCParams.from_mapping(dict(SETTINGS) | {"exemplar_size": 31, "search_size": 47})
    crops = sample_crops([video("a"), video("b")], params, 6)
    one, two = with_random_weights(tracker(), 1), with_random_weights(tracker(), 1)
    assert fidelity(one, two, crops).correlation.mean == pytest.approx(1.0)
    assert fidelity(one, with_random_weights(tracker(), 2), crops).correlation.mean < 0.95
