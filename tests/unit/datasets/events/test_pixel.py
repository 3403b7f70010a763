"""The DVS pixel with a memory: response, mismatch, bandwidth, leak, noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from nmcompile.datasets.events.pixel import CLEAN, NOISY, PixelOptions, log_response, pixel_events

EVEN = replace(CLEAN, mismatch=0.0)
SIZE = (40, 50)


def flat(level: float) -> npt.NDArray[np.float32]:
    return np.full(SIZE, level, np.float32)


def test_the_response_is_linear_in_the_dark_then_logarithmic() -> None:
    levels = np.array([[0, 5, 10, 20, 40, 80]], np.float32)
    response = log_response(levels)[0]
    np.testing.assert_allclose(response[:4], np.log(20) / 20 * levels[0, :4])
    np.testing.assert_allclose(np.diff(response[3:]), np.log(2))


@pytest.mark.parametrize(("before", "after"), [(50.0, 200.0), (200.0, 50.0)])
def test_a_step_gives_one_event_per_threshold(before: float, after: float) -> None:
    """ln 4 = 6.93 thresholds of 0.2: six events of one sign, evenly spaced."""
    events = pixel_events([flat(before), flat(after)], [0, 7000], EVEN)
    off, on = events.counts()
    np.testing.assert_array_equal(on, 6 if after > before else 0)
    np.testing.assert_array_equal(off, 0 if after > before else 6)
    np.testing.assert_array_equal(np.unique(events.t_us), np.arange(1000, 7000, 1000))


def test_slow_changes_are_remembered() -> None:
    """A ramp in a hundred small steps fires as often as one step of the same height."""
    ramp = [flat(level) for level in np.geomspace(50.0, 200.0, 101)]
    times = list(range(0, 101 * 500, 500))
    slow = pixel_events(ramp, times, EVEN)
    fast = pixel_events([ramp[0], ramp[-1]], [0, times[-1]], EVEN)
    np.testing.assert_array_equal(slow.counts(), fast.counts())


def test_thresholds_differ_by_the_mismatch() -> None:
    """Different pixels fire at different levels; the spread is that of the option."""
    options = PixelOptions(mismatch=0.03)
    many = pixel_events([flat(1.0e-3), flat(255.0)], [0, 10_000], options).counts()[1]
    thresholds = np.log(255.0) / (many + 0.5)
    assert thresholds.std() == pytest.approx(0.03, rel=0.15)
    assert thresholds.mean() == pytest.approx(0.2, rel=0.05)


def test_a_low_pass_delays() -> None:
    """With a bandwidth the change comes later, and later in the dark."""
    options = replace(EVEN, bandwidth_hz=30.0)
    film = [np.hstack([flat(4.0), flat(60.0)])] + [np.hstack([flat(16.0), flat(240.0)])] * 60
    times = list(range(0, 61 * 1000, 1000))
    events = pixel_events(film, times, options)
    assert events.t_us[-1] > 10_000
    dark = events.x < SIZE[1]
    assert np.median(events.t_us[dark]) > np.median(events.t_us[~dark])


def test_leak_and_noise_have_their_rates() -> None:
    """On a still film: leak events are ON, noise is balanced and stronger in the dark."""
    times = list(range(0, 1_000_001, 5000))
    leak = pixel_events([flat(100.0)] * 201, times, replace(EVEN, leak_hz=2.0))
    assert leak.on_share == 1.0
    assert len(leak) == pytest.approx(2.0 * np.prod(SIZE), rel=0.02)
    noisy = replace(EVEN, shot_noise_hz=4.0)
    dark, bright = (pixel_events([flat(v)] * 201, times, noisy) for v in (0.0, 255.0))
    assert len(dark) == pytest.approx(4.0 * np.prod(SIZE), rel=0.05)
    assert len(bright) == pytest.approx(1.0 * np.prod(SIZE), rel=0.08)
    assert dark.on_share == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_events() -> None:
    film, times = [flat(90.0), flat(140.0), flat(60.0)], [0, 4000, 8000]
    first, again = (pixel_events(film, times, NOISY).digest() for _ in range(2))
    assert first == again
    assert first != pixel_events(film, times, replace(NOISY, seed=1)).digest()
