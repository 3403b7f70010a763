"""Invented DAVIS films, and pictures of events."""

from __future__ import annotations

import numpy as np
import pytest

from nmcompile.datasets.events.generated import GeneratedOptions, generated_hybrid, textures
from nmcompile.datasets.events.hybrid import HybridSequence, events_alone
from nmcompile.datasets.events.render import OFF, ON, event_picture, event_pictures, picture_times
from nmcompile.datasets.events.stream import EventStream

OPTIONS = GeneratedOptions(frames=6, width=64, height=48, object_size=16, speed=4.0, pan=0.0)


@pytest.fixture(scope="module", name="film")
def _film() -> HybridSequence:
    return generated_hybrid(11, OPTIONS)


def test_seeds_decide_everything(film: HybridSequence) -> None:
    again, other = generated_hybrid(11, OPTIONS), generated_hybrid(12, OPTIONS)
    assert again.events.digest() == film.events.digest()
    np.testing.assert_array_equal(again.frames, film.frames)
    np.testing.assert_array_equal(again.boxes, film.boxes)
    assert other.events.digest() != film.events.digest()


def test_frames_events_and_boxes_belong_together(film: HybridSequence) -> None:
    """Boxes at every rendered picture; with a still camera the events are in them."""
    assert film.boxes is not None
    assert len(film.frames) == 6
    assert film.frames[0].shape == (48, 64, 3)
    assert film.boxes.shape == (41, 4)
    assert film.frame_times_us.tolist() == [0, 33333, 66667, 100000, 133333, 166667]
    np.testing.assert_array_equal(film.frame_boxes, film.boxes[::8])
    inside = 0
    for start, end, box in zip(
        film.box_times_us[:-1], film.box_times_us[1:], film.boxes[1:], strict=True
    ):
        part = film.events.between(int(start), int(end))
        left, top, right, bottom = (*(box[:2] - 2), *(box[:2] + box[2:] + 2))
        near = (part.x >= left) & (part.x <= right) & (part.y >= top) & (part.y <= bottom)
        inside += int(near.sum())
    assert len(film.events) > 500
    assert inside == len(film.events)


def test_textures_are_worth_looking_at() -> None:
    """Grey levels vary enough to give events."""
    assert all(texture.mean(axis=2).std() > 14.0 for texture in textures())


def test_colours_of_a_picture() -> None:
    """ON and OFF have their colours, other pixels the dim frame."""
    events = EventStream(
        np.array([1, 2, 3, 4]),
        np.array([0, 0, 0, 2]),
        np.array([1, 1, 1, 0]),
        np.array([1, 1, 1, 0]),
        3,
        2,
    )
    frame = np.full((2, 3, 3), 200, np.uint8)
    picture = event_picture(events, frame)
    assert tuple(picture[1, 0]) == ON
    assert picture[0, 1].tolist() == [100] * 3
    weak = picture[0, 2].astype(int)
    assert np.abs(weak - OFF).sum() < np.abs(weak - 100).sum() * 2
    assert weak[2] > weak[0]


def test_a_recording_as_pictures(film: HybridSequence) -> None:
    """Every picture shows its own time; boxes and frames can be left out."""
    times = picture_times(film, 20_000)
    pictures = list(event_pictures(film, 20_000))
    assert len(pictures) == len(times) == -(-(film.events.duration_us + 1) // 20_000)
    assert pictures[0].shape == (240, 320, 3)  # 48 x 64 is enlarged five times
    plain = list(event_pictures(film, 20_000, underlay=False, boxes=False))
    alone = list(event_pictures(events_alone("film", film.events), 20_000))
    np.testing.assert_array_equal(plain, alone)
    assert not np.array_equal(pictures[2], plain[2])
    nothing = events_alone("nothing", film.events.between(0, 0))
    assert list(event_pictures(nothing, 1000)) == []
