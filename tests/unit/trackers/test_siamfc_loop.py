"""The loop: crops, peak arithmetic, scale, and a track with an engine that knows the truth."""

from __future__ import annotations

import math
from dataclasses import asdict

import numpy as np
import numpy.typing as npt
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.trackers.crops import crop_square
from nmcompile.trackers.siamfc import SiamFCParams, SiamFCTracker, track

Image = npt.NDArray[np.uint8]


class PeakEngine:
    """Answers with a peak at a chosen place of a chosen scale."""

    def __init__(self, scale: int, row: int, column: int) -> None:
        self.place = (scale, row, column)
        self.template: Image | None = None

    def set_template(self, crop: Image) -> None:
        """Keep the crop for the test."""
        self.template = crop

    def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """A smooth bump, so that the enlarged map peaks at the same place."""
        scale, row, column = self.place
        rows, columns = np.mgrid[:17, :17]
        bump = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 4.0)
        responses = np.zeros((len(crops), 17, 17))
        responses[scale] = bump
        return responses


class ColourEngine:
    """Finds a red object: the response is the redness around each position."""

    def set_template(self, crop: Image) -> None:
        """The colour is known."""

    def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Mean redness of 64 x 64 windows, 8 pixels apart."""
        red = (crops[..., 0].astype(float) - crops[..., 1])[:, 31:, 31:]
        total = np.pad(red, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
        a = np.arange(17) * 8
        b = a + 64
        total = total[:, :, :]
        ix = np.ix_
        s = np.arange(len(crops))
        sums = total[ix(s, b, b)] - total[ix(s, a, b)] - total[ix(s, b, a)] + total[ix(s, a, a)]
        return np.asarray(sums, np.float64)


def frame_with_red_box(x: int, y: int, size: int = 24) -> Image:
    """A grey frame with a red square."""
    frame = np.full((160, 200, 3), 90, np.uint8)
    frame[y : y + size, x : x + size] = (250, 20, 20)
    return frame


def test_crop_inside_the_frame_is_a_plain_cut() -> None:
    """Side equal to the output: the pixels themselves, centred between the middle pixels."""
    image = np.arange(40 * 50 * 3, dtype=np.uint32).reshape(40, 50, 3).astype(np.uint8)
    crop = crop_square(image, (20.0, 15.0), 11.0, 11, np.zeros(3))
    np.testing.assert_array_equal(crop, image[10:21, 15:26])


@pytest.mark.parametrize("center", [(0.0, 0.0), (49.0, 39.0), (-100.0, 20.0), (25.0, 500.0)])
def test_crop_beyond_the_border_is_filled(center: tuple[float, float]) -> None:
    """Outside pixels have the fill colour; also when nothing of the frame is left."""
    image = np.full((40, 50, 3), 200, np.uint8)
    crop = crop_square(image, center, 21.0, 21, np.array([10.0, 20.0, 30.0]))
    outside = (crop == [10, 20, 30]).all(axis=2)
    assert (outside | (crop == 200).all(axis=2)).all()
    inside_share = {(0.0, 0.0): 121, (49.0, 39.0): 121}.get(center, 0)
    assert int((~outside).sum()) == inside_share


@pytest.mark.parametrize(("row", "column"), [(8, 8), (8, 10), (5, 8), (9, 6)])
def test_peak_displacement(row: int, column: int) -> None:
    """A response cell is 8 crop pixels, which are side / 255 frame pixels each."""
    frame = np.zeros((200, 200, 3), np.uint8)
    params = SiamFCParams(window_influence=0.0)
    tracker = SiamFCTracker(PeakEngine(1, row, column), params, frame, (80, 90, 30, 20))
    box = tracker.step(frame)
    side = math.sqrt((30 + 25) * (20 + 25)) * 255 / 127
    moved = (box[:2] + (box[2:] - 1) / 2) - [80 + 14.5, 90 + 9.5]
    expected = np.array([column - 8, row - 8]) * 8.0 * side / 255
    np.testing.assert_allclose(moved, expected, atol=0.3 * side / 255)
    np.testing.assert_allclose(box[2:], [30, 20])


@pytest.mark.parametrize(("best", "power"), [(0, -1), (1, 0), (2, 1)])
def test_size_follows_the_best_scale_in_part(best: int, power: int) -> None:
    """New size = (1 - rate) x old + rate x old x scale."""
    frame = np.zeros((100, 100, 3), np.uint8)
    params = SiamFCParams()
    box = SiamFCTracker(PeakEngine(best, 8, 8), params, frame, (40, 40, 20, 10)).step(frame)
    change = 0.41 + 0.59 * 1.0375**power
    np.testing.assert_allclose(box[2:], [20 * change, 10 * change])


def test_the_window_prefers_the_middle() -> None:
    """Two equal peaks: with the window the nearer one wins."""

    class TwoPeaks(PeakEngine):
        def respond(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
            far = PeakEngine(1, 8, 1).respond(crops)
            return far * 1.02 + PeakEngine(1, 8, 9).respond(crops)

    frame = np.zeros((100, 100, 3), np.uint8)
    start = (40, 40, 20, 20)
    pulled = SiamFCTracker(TwoPeaks(0, 0, 0), SiamFCParams(), frame, start).step(frame)
    free = SiamFCTracker(TwoPeaks(0, 0, 0), SiamFCParams(window_influence=0.0), frame, start).step(
        frame
    )
    assert pulled[0] > 40 > free[0]


def test_follows_a_moving_square() -> None:
    """Closed loop: the true displacement, up to the resolution of the response."""
    places = [(60 + 4 * i, 50 + 2 * i) for i in range(15)]
    frames = (frame_with_red_box(x, y) for x, y in places)
    boxes = list(track(ColourEngine(), SiamFCParams(scale_count=1), frames, (60, 50, 24, 24)))
    assert len(boxes) == 15
    np.testing.assert_array_equal(boxes[0], [60, 50, 24, 24])
    np.testing.assert_allclose(np.array(boxes)[:, :2], places, atol=2.5)


def test_track_is_a_generator() -> None:
    """Boxes appear frame by frame, so that progress can be shown; no frame, no box."""
    boxes = track(ColourEngine(), SiamFCParams(), iter([frame_with_red_box(9, 9)]), (9, 9, 9, 9))
    assert next(boxes).tolist() == [9, 9, 9, 9]
    assert list(boxes) == []
    assert list(track(ColourEngine(), SiamFCParams(), [], (0, 0, 1, 1))) == []


def test_template_is_the_context_region() -> None:
    """The square of side sqrt((w + p)(h + p)) around the box: here the box fills half of it."""
    engine = PeakEngine(1, 8, 8)
    SiamFCTracker(engine, SiamFCParams(), frame_with_red_box(80, 60), (80, 60, 24, 24))
    assert engine.template is not None
    assert engine.template.shape == (127, 127, 3)
    red = engine.template[..., 0] > 170
    assert 0.22 < red.mean() < 0.28


def test_params_from_a_checkpoint() -> None:
    """A round trip, defaults for what is missing, and refusals that name the key."""
    params = SiamFCParams(scale_count=1, window_influence=0.3)
    assert SiamFCParams.from_mapping(asdict(params)) == params
    assert SiamFCParams.from_mapping({}) == SiamFCParams()
    for bad in ({"scale_count": 2}, {"scales": 3}, {"context": "0.5"}, {"scale_count": 2.5}):
        with pytest.raises(NmError) as error:
            SiamFCParams.from_mapping(bad)
        assert error.value.codes == ("NM0517",)
        assert error.value.diagnostics[0].where == f"tracker.{next(iter(bad))}"
