"""The supervised protocol on scripted trackers, against figures computed by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from nmcompile.datasets.boxes import box_to_polygon
from nmcompile.evaluation.vot import (
    FAILED,
    SKIPPED,
    STARTED,
    TRACKED,
    Run,
    counted_overlaps,
    expected_overlap_curve,
    follow,
    score,
)

Values = npt.NDArray[np.float64]
TRUTH = np.array([20.0, 20.0, 10.0, 10.0])
HALF = np.array([20.0, 20.0, 10.0, 20.0])  # overlap 0.5
LOST = np.array([60.0, 60.0, 10.0, 10.0])


def run_of(script: dict[int, Values], frames: int, gaps: tuple[int, ...] = ()) -> Run:
    """A tracker that answers with the truth except where the script says otherwise."""
    pictures = [np.full((100, 100, 3), index, np.uint8) for index in range(frames)]
    polygons = np.tile(box_to_polygon(TRUTH), (frames, 1))
    polygons[list(gaps)] = np.nan

    def start(_: object, box: Values) -> Callable[[npt.NDArray[np.uint8]], Values]:
        np.testing.assert_allclose(box, TRUTH)
        return lambda image: script.get(int(image[0, 0, 0]), TRUTH)

    return follow(start, pictures, polygons)


def made(states: list[int], overlaps: list[float]) -> Run:
    return Run(np.array(states), np.zeros((len(states), 4)), np.array(overlaps))


def test_failure_costs_five_frames() -> None:
    run = run_of({3: LOST}, 12)
    assert run.states.tolist() == [
        *(STARTED, TRACKED, TRACKED, FAILED),
        *(SKIPPED, SKIPPED, SKIPPED, SKIPPED),
        *(STARTED, TRACKED, TRACKED, TRACKED),
    ]
    assert run.overlaps[3] == 0.0
    assert np.isnan(run.overlaps[4:8]).all()


def test_no_start_without_truth() -> None:
    run = run_of({3: LOST}, 12, gaps=(8, 10))
    assert run.states[8:].tolist() == [SKIPPED, STARTED, TRACKED, TRACKED]
    assert np.isnan(run.overlaps[10])  # tracked, not judged, no failure


def test_burn_in_is_no_accuracy() -> None:
    run = run_of(dict.fromkeys(range(5, 14), HALF), 14)
    assert counted_overlaps(run).tolist() == [0.5] * 4  # frames 10 to 13
    again = run_of({2: LOST, **dict.fromkeys(range(15, 30), HALF)}, 20)  # starts anew at frame 7
    assert counted_overlaps(again).tolist() == [0.5] * 3  # frames 17 to 19


def test_robustness_pools_the_frames() -> None:
    result = score([run_of({3: LOST}, 20), run_of({}, 40)])
    assert (result.failures, result.frames) == (1, 60)
    assert result.robustness == pytest.approx(np.exp(-0.5))
    assert result.accuracy == 1.0


def test_expected_overlap_by_hand() -> None:
    whole = made([STARTED] + [TRACKED] * 4, [1.0, 1.0, 0.5, 0.5, 1.0])
    failed = made([STARTED, TRACKED, FAILED, SKIPPED, SKIPPED], [1.0, 1.0, 0.0, np.nan, np.nan])
    curve = expected_overlap_curve([whole, failed])
    np.testing.assert_allclose(
        curve, [1.0, (0.75 + 0.5) / 2, (2 / 3 + 1 / 3) / 2, (0.75 + 0.25) / 2]
    )
    result = score([whole, failed])
    assert result.interval == (2, 4)
    assert not result.published_interval
    assert result.eao == pytest.approx(np.mean(curve[1:4]))


def test_a_short_unfailed_run_counts_for_its_length_only() -> None:
    short = made([STARTED, TRACKED], [1.0, 1.0])
    long = made([STARTED, TRACKED, TRACKED, TRACKED], [1.0, 0.4, 0.4, 0.4])
    np.testing.assert_allclose(expected_overlap_curve([short, long]), [0.7, 0.4, 0.4])


def test_each_restart_is_a_run_of_its_own() -> None:
    run = made(
        [STARTED, FAILED, SKIPPED, SKIPPED, SKIPPED, SKIPPED, STARTED, TRACKED],
        [1.0, 0.0, *[np.nan] * 4, 1.0, 0.6],
    )
    np.testing.assert_allclose(expected_overlap_curve([run])[:2], [0.3, 0.0])


def test_long_sequences_use_the_published_interval() -> None:
    result = score([made([STARTED] + [TRACKED] * 399, [1.0] + [0.5] * 399)])
    assert result.interval == (108, 371)
    assert result.published_interval
    assert result.eao == pytest.approx(0.5)
