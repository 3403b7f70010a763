"""SpikeTrack's loop on invented maps: boxes, window, crops, and the list of templates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.trackers.spiketrack.loop import SpikeTracker, best, hann, inside, renewed
from nmcompile.trackers.spiketrack.params import SpikeTrackParams, completed

Maps = npt.NDArray[np.float64]

SIDE = 8
PARAMS = SpikeTrackParams(crop_size=128, map_size=SIDE, templates=1, update_frames=0)


def logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


def told(row: int, column: int, offset: tuple[float, float], size: tuple[float, float]) -> Maps:
    """Maps with one confident place."""
    maps = np.zeros((5, SIDE, SIDE))
    maps[0] = logit(0.01)
    maps[0, row, column] = logit(0.9)
    maps[1:3, row, column] = offset
    maps[3:, row, column] = [logit(v) for v in size]
    return maps


class Told:
    """An engine that answers what it is told, and keeps what it is shown."""

    def __init__(self, maps: Maps) -> None:
        self.answer = maps
        self.templates: list[npt.NDArray[np.uint8]] = []
        self.crops: list[npt.NDArray[np.uint8]] = []

    def set_templates(self, crops: npt.NDArray[np.uint8]) -> None:
        self.templates.append(crops)

    def maps(self, crop: npt.NDArray[np.uint8]) -> Maps:
        self.crops.append(crop)
        return self.answer


def noise(seed: int = 0) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def test_the_window_is_centred_and_never_zero() -> None:
    window = hann(16)
    assert window.min() > 0
    assert window.argmax() in (7 * 16 + 7, 7 * 16 + 8, 8 * 16 + 7, 8 * 16 + 8)
    np.testing.assert_allclose(window, window[::-1, ::-1])
    np.testing.assert_allclose(
        window[0, 7] / window[7, 7], 0.5 * (1 - np.cos(2 * np.pi / 17)) / window[7, 7] ** 0.5
    )


def test_the_box_is_read_at_the_best_place() -> None:
    found = best(told(2, 5, (0.25, -0.5), (0.2, 0.4)), np.ones((SIDE, SIDE)))
    np.testing.assert_allclose(found.box, [5.25 / 8, 1.5 / 8, 0.2, 0.4])
    assert found.confidence == pytest.approx(0.9)


def test_the_window_decides_between_equals() -> None:
    maps = told(0, 0, (0, 0), (0.2, 0.2))
    maps[0, 4, 4] = maps[0, 0, 0]
    assert best(maps, hann(SIDE)).box[0] == 4 / 8


@given(
    x=st.floats(40, 90),
    y=st.floats(40, 60),
    width=st.floats(12, 40),
    height=st.floats(12, 40),
)
@settings(max_examples=40, deadline=None)
def test_maps_that_say_middle_and_same_size_keep_the_box(
    x: float, y: float, width: float, height: float
) -> None:
    engine = Told(np.zeros((5, SIDE, SIDE)))
    tracker = SpikeTracker(engine, PARAMS, noise(), (x, y, width, height))
    side = tracker.side
    engine.answer = told(4, 4, (0.0, 0.0), (width / side, height / side))
    np.testing.assert_allclose(tracker.step(noise()), [x, y, width, height], atol=1e-6)


def test_a_shifted_place_moves_the_box_by_its_part_of_the_crop() -> None:
    tracker = SpikeTracker(
        Told(told(4, 5, (0.0, 0.5), (0.25, 0.25))), PARAMS, noise(), (60, 40, 20, 20)
    )
    np.testing.assert_allclose(tracker.step(noise()), [60 + 10, 40 + 5, 20, 20], atol=1e-9)


def test_sides_follow_as_far_as_the_rate_says() -> None:
    params = replace(PARAMS, size_rate=0.25)
    engine = Told(told(4, 4, (0.0, 0.0), (0.5, 0.25)))
    tracker = SpikeTracker(engine, params, noise(), (60, 40, 20, 20))
    np.testing.assert_allclose(tracker.step(noise()), [57.5, 40, 25, 20], atol=1e-9)


def test_crops_show_four_times_the_box_and_black_outside() -> None:
    frame = np.full((120, 160, 3), 200, np.uint8)
    engine = Told(told(4, 4, (0, 0), (0.25, 0.25)))
    tracker = SpikeTracker(engine, PARAMS, frame, (0, 0, 16, 16))
    template = engine.templates[0]
    assert template.shape == (1, 128, 128, 3)
    assert tracker.side == 64
    # 24 of 64 frame pixels lie left of the frame, twice that many crop pixels.
    assert template[0, :, :47].max() == 0
    assert (template[0, 50:, 50:] == 200).all()


def test_boxes_stay_in_the_frame() -> None:
    frame = (160, 120)
    np.testing.assert_array_equal(inside(np.array([-5.0, 10, 20, 30]), frame, 10), [0, 10, 15, 30])
    np.testing.assert_array_equal(
        inside(np.array([158.0, -40, 20, 30]), frame, 10), [150, 0, 10, 10]
    )
    small = inside(np.array([3.0, 3, 50, 50]), (6, 5), 10)
    assert (small[:2] >= 0).all()
    assert (small[:2] + small[2:] <= [6, 5]).all()


def test_the_first_template_stays_and_the_oldest_other_goes() -> None:
    first, a, b, c = (np.full((1, 1, 3), i, np.uint8) for i in range(4))
    assert [t.max() for t in renewed([first, a, b], c)] == [0, 2, 3]
    assert [t.max() for t in renewed([first, a], c)] == [0, 3]
    assert [t.max() for t in renewed([first], c)] == [3]


@pytest.mark.parametrize(
    ("score", "every", "frames", "updates"), [(0.9, 3, 10, 3), (0.4, 3, 10, 0), (0.9, 0, 10, 0)]
)
def test_templates_are_renewed_at_times_when_the_score_is_high(
    score: float, every: int, frames: int, updates: int
) -> None:
    answer = told(3, 3, (1, 1), (0.25, 0.25))
    answer[0, 3, 3] = logit(score)
    engine = Told(answer)
    params = replace(PARAMS, templates=3, update_frames=every, update_confidence=0.6)
    tracker = SpikeTracker(engine, params, noise(), (60, 40, 20, 20))
    for seed in range(1, frames):
        tracker.step(noise(seed))
    assert tracker.updates == updates
    assert len(engine.templates) == 1 + updates
    assert (engine.templates[0] == engine.templates[0][:1]).all()
    for later in engine.templates[1:]:
        np.testing.assert_array_equal(later[0], engine.templates[0][0])
    if updates:
        np.testing.assert_array_equal(engine.templates[-1][1], engine.templates[-2][2])


def test_a_single_template_stays_unless_the_checkpoint_says_otherwise() -> None:
    assert completed({}, 128, 8, 1).update_frames == 0
    assert completed({"update_frames": 10}, 128, 8, 1).update_frames == 10
    assert completed({}, 256, 16, 3).update_frames == 25


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("map_size", 0),
        ("crop_factor", 0.5),
        ("update_frames", -1),
        ("update_frames", 2.5),
        ("update_confidence", 1.5),
        ("margin_px", "10"),
        ("window", 0.3),
        ("templates", True),
    ],
)
def test_impossible_parameters_are_refused(name: str, value: object) -> None:
    with pytest.raises(NmError, match="NM0554"):
        SpikeTrackParams.from_mapping({name: value})
