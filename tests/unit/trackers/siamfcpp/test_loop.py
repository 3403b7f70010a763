"""SiamFC++'s loop with engines whose maps are known, and its parameters."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import numpy.typing as npt
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.trackers.siamfcpp.loop import SiamFCppTracker
from nmcompile.trackers.siamfcpp.params import SiamFCppParams

Values = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
PARAMS = SiamFCppParams(exemplar_size=63, search_size=127, score_size=9, total_stride=8)
START = (60.0, 50.0, 24.0, 24.0)
MIDDLE = 4


def frame_with_red_box(left: int, top: int, width: int = 24, height: int = 24) -> Image:
    """A grey picture of 200 x 160 pixels with a red rectangle."""
    frame = np.full((160, 200, 3), 90, np.uint8)
    frame[top : top + height, left : left + width] = (255, 0, 0)
    return frame


class RedEngine:
    """Knows the box of what is red in a crop, and scores the place nearest to its centre."""

    def set_template(self, crop: Image) -> None:
        assert crop.shape == (63, 63, 3)

    def maps(self, crop: Image) -> Values:
        rows, columns = np.nonzero(crop[..., 0].astype(int) - crop[..., 1] > 80)
        places = (np.arange(9) - MIDDLE) * 8.0 + 63.0
        x, y = np.meshgrid(places, places)
        sides = [x - columns.min() + 0.5, y - rows.min() + 0.5]
        sides += [columns.max() + 0.5 - x, rows.max() + 0.5 - y]
        far = np.hypot(x - columns.mean(), y - rows.mean())
        logs = np.log(np.maximum(np.stack(sides), 1e-3) / 8.0)
        return np.concatenate([np.stack([6.0 - far, np.full((9, 9), 9.0)]), logs])


class FixedEngine:
    """Maps that do not depend on the crop: flat scores, boxes of one size around every place."""

    def __init__(self, score: Values, half: tuple[float, float] = (15.0, 15.0)) -> None:
        self.score, self.half = score, half

    def set_template(self, crop: Image) -> None:
        """The template does not matter."""

    def maps(self, crop: Image) -> Values:
        sides = np.log(np.array([*self.half, *self.half]) / 8.0)[:, None, None]
        centre = np.full((1, 9, 9), 20.0)
        return np.concatenate([self.score[None], centre, np.broadcast_to(sides, (4, 9, 9))])


def two_peaks(first: float, second: float) -> Values:
    """Scores with one peak near the middle and one far from it."""
    score = np.full((9, 9), -9.0)
    score[MIDDLE, MIDDLE + 1], score[MIDDLE, 8] = first, second
    return score


def track(engine: object, params: SiamFCppParams, frame: Image) -> Values:
    """The second box."""
    tracker = SiamFCppTracker(engine, params, frame_with_red_box(60, 50), START)  # type: ignore[arg-type]
    return tracker.step(frame)


def test_the_box_follows_place_and_size() -> None:
    tracker = SiamFCppTracker(RedEngine(), PARAMS, frame_with_red_box(60, 50), START)
    for step in range(1, 12):
        box = tracker.step(frame_with_red_box(60 + 3 * step, 50 + 2 * step, 24 + step, 24 + step))
    np.testing.assert_allclose(box, (93, 72, 35, 35), atol=2.5)


def test_sides_follow_slower_than_the_centre() -> None:
    grown = frame_with_red_box(64, 54, 36, 36)
    half = track(RedEngine(), replace(PARAMS, size_rate=0.5, change_penalty=0.0), grown)
    never = track(RedEngine(), replace(PARAMS, size_rate=0.0), grown)
    assert never[2:].tolist() == [24.0, 24.0]
    assert 27 < half[2] < 31
    centres = [b[:2] + (b[2:] - 1) / 2 for b in (half, never)]
    np.testing.assert_allclose(centres[0], (81.5, 71.5), atol=0.7)
    np.testing.assert_allclose(centres[0], centres[1], atol=1e-9)


def test_window_prefers_the_near_peak() -> None:
    engine = FixedEngine(two_peaks(1.0, 1.4))
    frame = frame_with_red_box(60, 50)
    near = track(engine, PARAMS, frame)
    far = track(engine, replace(PARAMS, window_influence=0.0), frame)
    assert near[0] < far[0] - 8


def test_change_of_shape_costs() -> None:
    """The larger score belongs to boxes of another shape; a strong penalty gives it up."""

    class TwoShapes(FixedEngine):
        def maps(self, crop: Image) -> Values:
            found = super().maps(crop)
            found[[2, 4], MIDDLE, 8] += 1.2
            return found

    frame, engine = frame_with_red_box(60, 50), TwoShapes(two_peaks(1.0, 1.4))
    tempted = replace(PARAMS, window_influence=0.0, change_penalty=0.0, size_rate=0.0)
    assert track(engine, tempted, frame)[0] > 80
    assert track(engine, replace(tempted, change_penalty=0.5), frame)[0] < 72


def test_boxes_stay_in_the_frame_and_keep_a_size() -> None:
    frame = frame_with_red_box(60, 50)
    huge = FixedEngine(np.full((9, 9), 20.0), half=(1e30, 1e30))
    box = track(huge, replace(PARAMS, size_rate=1.0, change_penalty=0.0), frame)
    assert box[2:].tolist() == [200.0, 160.0]
    tiny = FixedEngine(np.full((9, 9), 20.0), half=(1e-6, 1e-6))
    box = track(tiny, replace(PARAMS, size_rate=1.0, change_penalty=0.0), frame)
    assert box[2:].tolist() == [10.0, 10.0]
    assert np.isfinite(box).all()


def test_parameters_survive_a_checkpoint() -> None:
    assert SiamFCppParams.from_mapping(asdict(PARAMS)) == PARAMS
    assert SiamFCppParams.from_mapping({"change_penalty": 1}).change_penalty == 1.0


@pytest.mark.parametrize(
    "bad",
    [
        {"window_influence": 1.5},
        {"change_penalty": -0.1},
        {"size_rate": float("nan")},
        {"total_stride": 8.0},
        {"total_stride": 100},
        {"exemplar_size": 400},
        {"score_size": True},
        {"scale_count": 3},
    ],
)
def test_impossible_parameters_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(NmError, match=r"NM0552"):
        SiamFCppParams.from_mapping(bad)
