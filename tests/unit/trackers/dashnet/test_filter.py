"""The complementary filter: eqs. 7 to 9 and what they say at the paper's rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.trackers.dashnet.filter import (
    complement,
    complementary_filter,
    nearest_frame,
    snn_weight,
)


@given(st.floats(-0.02, 0.02))
def test_weight_is_equation_8(distance_s: float) -> None:
    d = (distance_s * 1e3) ** 2
    assert float(snn_weight(distance_s)) == pytest.approx(1.0 - 2.0 / (1.0 + math.exp(d)))


def test_weight_at_the_paper_s_rates() -> None:
    """One SNN output after a frame .11, halfway between two frames .97."""
    assert float(snn_weight(0.48e-3)) == pytest.approx(0.115, abs=1e-3)
    assert float(snn_weight(2.08e-3)) == pytest.approx(0.974, abs=1e-3)


def test_far_from_a_frame_the_weight_is_one_and_nothing_overflows() -> None:
    assert float(snn_weight(10.0)) == 1.0


def test_at_a_frame_the_ann_decides() -> None:
    snn, ann = np.array([1.0, 2, 3, 4]), np.array([5.0, 6, 7, 8])
    np.testing.assert_array_equal(complement(snn, ann, 0.0), ann)
    np.testing.assert_array_equal(complement(snn, ann, 1.0), snn)
    between = complement(snn, ann, -1e-3)
    np.testing.assert_allclose(between, ann + math.tanh(0.5) * (snn - ann))


def test_nearest_output_with_and_without_the_future() -> None:
    frames, events = np.array([1.0, 3.0]), np.array([0.5, 1.0, 1.9, 2.1, 5.0])
    assert nearest_frame(events, frames).tolist() == [-1, 0, 0, 0, 1]
    assert nearest_frame(events, frames, causal=False).tolist() == [0, 0, 0, 1, 1]
    assert nearest_frame(events, np.zeros(0)).tolist() == [-1] * 5


@given(st.integers(1, 6), st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_recordings_are_filtered_as_single_boxes_are(
    events: int, frames: int, causal: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    event_times, frame_times = np.sort(rng.random(events)), np.sort(rng.random(frames))
    snn, ann = rng.random((events, 4)), rng.random((frames, 4))
    found = complementary_filter(snn, event_times, ann, frame_times, 0.3, causal=causal)
    for q, p in enumerate(nearest_frame(event_times, frame_times, causal=causal)):
        wanted = snn[q]
        if p >= 0:
            wanted = complement(snn[q], ann[p], frame_times[p] - event_times[q], 0.3)
        np.testing.assert_allclose(found[q], wanted)
