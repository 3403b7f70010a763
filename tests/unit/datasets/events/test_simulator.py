"""DashNet's frame-to-DVS simulator: eq. 14, counts, times, and independence of order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nmcompile.datasets.events.simulator import (
    SimulatorOptions,
    between_boxes,
    events_between,
    events_of_film,
    fine_film,
    frame_times,
    grey_of,
    simulate_hybrid,
)
from nmcompile.datasets.events.stream import EventStream
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.diagnostics import NmError

SHAPE = (5, 7)
LEVELS = arrays(np.uint8, SHAPE)
THRESHOLDS = st.integers(1, 90)


def signed(events: EventStream) -> npt.NDArray[np.int64]:
    off, on = events.counts()
    return on - off


def moving_square(frames: int = 4, speed: int = 3) -> VideoSequence:
    """A bright square over dark ground, with its true boxes."""
    pictures, boxes = [], []
    for k in range(frames):
        picture = np.full((24, 32, 3), 40, np.uint8)
        picture[8:16, 4 + k * speed : 12 + k * speed] = 200
        pictures.append(picture)
        boxes.append([4.0 + k * speed, 8.0, 8.0, 8.0])
    return VideoSequence("square", tuple(pictures), np.array(boxes))


@settings(max_examples=60, deadline=None)
@given(LEVELS, LEVELS, THRESHOLDS, st.integers(1, 5), st.integers(0, 2**40), st.integers(0, 9))
def test_count_polarity_and_time_of_every_event(
    before: npt.NDArray[np.uint8],
    after: npt.NDArray[np.uint8],
    threshold: int,
    resolution_us: int,
    start_us: int,
    seed: int,
) -> None:
    """floor(|dI| / threshold) events of dI's sign, on slots of the interval, oldest first."""
    options = SimulatorOptions(threshold=threshold, resolution_us=resolution_us, seed=seed)
    end_us = start_us + 37
    events = events_between(
        before.astype(np.float32), after.astype(np.float32), start_us, end_us, options
    )
    change = after.astype(int) - before.astype(int)
    np.testing.assert_array_equal(signed(events), np.sign(change) * (abs(change) // threshold))
    np.testing.assert_array_equal(events.counts().min(axis=0), 0)  # one sign per pixel
    assert ((events.t_us >= start_us) & (events.t_us < end_us)).all()
    assert ((events.t_us - start_us) % resolution_us == 0).all()
    assert (np.diff(events.t_us) >= 0).all()


def test_times_are_uniform_over_the_slots() -> None:
    """Every slot of the interval is used, about equally often."""
    before, after = np.zeros((100, 100), np.float32), np.full((100, 100), 240, np.float32)
    events = events_between(before, after, 1000, 1160, SimulatorOptions(threshold=8))
    assert len(events) == 300_000
    used = np.bincount(events.t_us - 1000, minlength=160)
    expected = len(events) / 160
    assert len(used) == 160
    assert (abs(used - expected) < 6 * np.sqrt(expected)).all()
    # and the numbers of one pixel do not follow each other
    one = events.t_us[(events.x == 3) & (events.y == 5)]
    assert len(np.unique(one)) > 20


@settings(max_examples=25, deadline=None)
@given(st.lists(LEVELS, min_size=3, max_size=5), st.data())
def test_the_order_of_execution_does_not_matter(
    film: list[npt.NDArray[np.uint8]], data: st.DataObject
) -> None:
    """Whole film, parts of the film, and parts of the sensor give the same events."""
    options = SimulatorOptions(threshold=5, seed=data.draw(st.integers(0, 2**60)))
    pictures = [picture.astype(np.float32) for picture in film]
    times = frame_times(len(pictures), 240.0)
    whole = events_of_film(pictures, times, options)
    cut = data.draw(st.integers(1, len(film) - 1))
    late = events_of_film(pictures[cut:], times[cut:], options)
    early = events_of_film(pictures[: cut + 1], times[: cut + 1], options)
    assert early.digest() == whole.between(0, times[cut]).digest()
    assert late.digest() == whole.between(times[cut], times[-1]).digest()
    corner = events_of_film([p[:3, :4] for p in pictures], times, options)
    inside = (whole.x < 4) & (whole.y < 3)
    for column in ("t_us", "x", "y", "p"):
        np.testing.assert_array_equal(getattr(corner, column), getattr(whole, column)[inside])


def test_seeds_change_times_alone() -> None:
    film = [np.zeros(SHAPE, np.float32), np.full(SHAPE, 100, np.float32)]
    first, second = (
        events_of_film(film, [0, 5000], SimulatorOptions(seed=seed)) for seed in (0, 1)
    )
    np.testing.assert_array_equal(first.counts(), second.counts())
    assert first.digest() != second.digest()


@pytest.mark.parametrize("interpolation", ["linear", "flow"])
def test_a_sequence_becomes_frames_events_and_fine_boxes(interpolation: str) -> None:
    """Events lie between the frames, where the square's edges pass; boxes follow it."""
    sequence = moving_square()
    options = SimulatorOptions(interpolated=3, interpolation=interpolation, threshold=20)
    hybrid = simulate_hybrid(sequence, 30.0, options)
    assert list(hybrid.frame_times_us) == [0, 33333, 66667, 100000]
    assert len(hybrid.box_times_us) == 13
    assert set(hybrid.frame_times_us) <= set(hybrid.box_times_us)
    assert hybrid.events.t_us[0] >= 0
    assert hybrid.events.t_us[-1] < 100000
    assert hybrid.boxes is not None
    np.testing.assert_allclose(hybrid.boxes[:, 0], 4.0 + 0.75 * np.arange(13))
    np.testing.assert_array_equal(hybrid.frame_boxes, sequence.boxes)
    np.testing.assert_allclose(hybrid.boxes_at([50000])[0], [8.5, 8, 8, 8])
    assert np.isnan(hybrid.boxes_at([-1, 100001])).all()
    early = signed(hybrid.events.between(0, 33333))
    assert early[8:16, 12:15].sum() > 0 > early[8:16, 4:7].sum()
    assert not early[:6].any()


def test_unknown_boxes_stay_unknown() -> None:
    """A frame without a box hides those on both sides of it, not the known ones."""
    boxes = np.array([[0.0, 0, 4, 4], [np.nan] * 4, [2.0, 0, 4, 4], [4.0, 0, 4, 4]])
    fine = between_boxes(boxes, 2)
    known = np.isfinite(fine).all(axis=1)
    np.testing.assert_array_equal(known, [1, 0, 0, 0, 1, 1, 1])
    np.testing.assert_array_equal(fine[4:, 0], [2, 3, 4])


def test_without_interpolation_the_film_is_the_frames() -> None:
    sequence = moving_square()
    film = list(fine_film(sequence, SimulatorOptions(interpolated=0)))
    assert len(film) == len(sequence)
    for picture, frame in zip(film, sequence, strict=True):
        np.testing.assert_array_equal(picture, grey_of(frame))


@pytest.mark.parametrize(
    "values",
    [
        {"threshold": 0.0},
        {"threshold": float("nan")},
        {"interpolated": -1},
        {"interpolation": "magic"},
        {"resolution_us": 0},
    ],
)
def test_impossible_options(values: dict[str, float]) -> None:
    with pytest.raises(NmError) as caught:
        SimulatorOptions(**values)  # type: ignore[arg-type]
    assert caught.value.diagnostics[0].code == "NM0546"


def test_sequences_that_have_no_events() -> None:
    """One frame, frames of two sizes, a rate that leaves no time between pictures."""
    sequence = moving_square()
    odd = (sequence.frames[0], sequence.frames[1][:-2])
    cases = (
        (VideoSequence("one", sequence.frames[:1], None), 30.0, "NM0547"),
        (VideoSequence("odd", odd, None), 30.0, "NM0547"),
        (sequence, 0.0, "NM0546"),
        (sequence, 900_000.0, "NM0546"),
    )
    for given_sequence, rate, code in cases:
        with pytest.raises(NmError) as caught:
            simulate_hybrid(given_sequence, rate)
        assert caught.value.diagnostics[0].code == code
