"""The view: coordinates there and back, pictures and events in the same places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.datasets.events.stream import EventStream
from nmcompile.trackers.dashnet.view import CONTEXT, SMALLEST_PX, View

places = st.floats(-50.0, 300.0)
sides = st.floats(2.0, 100.0)


@given(st.tuples(places, places, sides, sides), st.tuples(places, places, sides, sides))
def test_coordinates_come_back(around: tuple[float, ...], box: tuple[float, ...]) -> None:
    view = View.around(around)
    np.testing.assert_allclose(view.outward(view.inward(box)), box, atol=1e-6)


@given(st.tuples(places, places, st.floats(SMALLEST_PX, 90.0), st.floats(SMALLEST_PX, 90.0)))
def test_an_object_that_has_not_moved_is_in_the_middle(box: tuple[float, ...]) -> None:
    found = View.around(box).inward(box)
    np.testing.assert_allclose(found, [0.5, 0.5, 1 / CONTEXT, 1 / CONTEXT], atol=1e-9)


def test_a_box_of_nothing_still_has_a_view() -> None:
    view = View.around((10.0, 10.0, 0.0, 0.0))
    assert (view.width, view.height) == (CONTEXT * SMALLEST_PX,) * 2
    assert view.outward([0.5, 0.5, -1.0, 0.0]).tolist() == [9.5, 9.5, 1.0, 1.0]


def test_frames_and_events_fall_on_the_same_elements() -> None:
    """A bright pixel that appears is seen by both, where the view puts its centre."""
    frame = np.zeros((60, 80), np.uint8)
    frame[20, 33] = 255
    events = EventStream(
        np.array([5]),
        np.array([33], np.uint16),
        np.array([20], np.uint16),
        np.array([True]),
        80,
        60,
    )
    view = View(21.0, 8.0, 24.0, 24.0)  # one sensor pixel, one element
    image = view.look(frame, 24)
    spikes = view.spikes(events, 8, 8, 2, 24)
    assert np.argwhere(image).tolist() == [[12, 12]]
    assert np.argwhere(spikes).tolist() == [[1, 1, 12, 12]]


def test_outside_the_sensor_is_black_and_still() -> None:
    frame = np.full((10, 10), 200, np.uint8)
    image = View(-10.0, 0.0, 20.0, 10.0).look(frame, 20)
    assert not image[:, :9].any()
    assert (image[2:-2, 12:] == 200).all()


@pytest.mark.parametrize("scale", [1, 2])
def test_enlarging_keeps_a_flat_picture_flat(scale: int) -> None:
    frame = np.full((30, 30), 77, np.uint8)
    assert (View(5.0, 5.0, 20.0, 20.0).look(frame, 20 * scale) == 77).all()
