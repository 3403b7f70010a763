"""Synthetic pairs and films: labels are where the object is, and seeds decide everything."""

from __future__ import annotations

import numpy as np
import pytest

from nmcompile.datasets.film import FilmOptions, render_film
from nmcompile.datasets.sprites import SPRITE_SIZE, Pose, Sprite, paste
from nmcompile.datasets.synthetic import PairRenderer, collage


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Two pictures of random coloured blocks."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, size=(2, 20, 25, 3), dtype=np.uint8)
    return [np.repeat(np.repeat(b, 12, axis=0), 12, axis=1) for b in blocks]


def white_square() -> Sprite:
    """An opaque white object."""
    image = np.full((SPRITE_SIZE, SPRITE_SIZE, 3), 255, np.uint8)
    return Sprite(image, np.ones((SPRITE_SIZE, SPRITE_SIZE), np.float32))


def test_pairs_have_the_stated_shapes_and_reproduce(photos: list[np.ndarray]) -> None:
    """Same seed, same pixels; another seed, other pixels."""
    renderer = PairRenderer(photos)
    first, again = (renderer.render(np.random.default_rng(3)) for _ in range(2))
    other = renderer.render(np.random.default_rng(4))
    assert first.exemplar.shape == (127, 127, 3)
    assert first.search.shape == (255, 255, 3)
    assert first.exemplar.dtype == first.search.dtype == np.uint8
    np.testing.assert_array_equal(first.search, again.search)
    assert first.offset == again.offset
    assert not np.array_equal(first.search, other.search)
    assert max(map(abs, first.offset)) <= renderer.max_shift


def test_the_object_is_where_the_offset_says(photos: list[np.ndarray]) -> None:
    """Template matching around the stated place beats a random place, on average, clearly."""
    renderer = PairRenderer(photos)
    rng = np.random.default_rng(5)
    here, elsewhere = [], []
    for _ in range(60):
        pair = renderer.render(rng)
        middle = pair.exemplar[48:79, 48:79].astype(float)
        x, y = (round(127 + v) for v in pair.offset)
        other_x, other_y = (254 - x, y) if abs(x - 127) > 20 else (x, (y + 110) % 200 + 20)
        here.append(_likeness(middle, pair.search[y - 15 : y + 16, x - 15 : x + 16]))
        there = pair.search[other_y - 15 : other_y + 16, other_x - 15 : other_x + 16]
        elsewhere.append(_likeness(middle, there))
    assert np.mean(here) > np.mean(elsewhere) + 0.3


def _likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation coefficient of two patches."""
    a, b = a - a.mean(), b.astype(float) - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def test_paste_fills_its_box_and_nothing_else() -> None:
    """An upright opaque object covers its box to within a pixel."""
    canvas = np.zeros((60, 80, 3), np.uint8)
    paste(canvas, white_square(), Pose(30.0, 25.0, 20.0, 10.0))
    rows, columns = np.nonzero(canvas[..., 0] > 127)
    np.testing.assert_allclose((columns.min(), columns.max()), (20, 40), atol=1)
    np.testing.assert_allclose((rows.min(), rows.max()), (20, 30), atol=1)


def test_paste_outside_the_canvas_changes_nothing() -> None:
    """No exception, no pixel."""
    canvas = np.zeros((20, 20, 3), np.uint8)
    paste(canvas, white_square(), Pose(-90.0, 300.0, 20.0, 10.0))
    assert not canvas.any()


def test_film_boxes_enclose_the_object(photos: list[np.ndarray]) -> None:
    """White object, no occluder: the box holds the white pixels and stays inside the frame."""
    options = FilmOptions(frames=8, distractors=0, occluders=0, noise=0.0, quality=0, turn=0.3)
    dark = (photos[0] // 4).astype(np.uint8)
    film = render_film(photos, dark, np.random.default_rng(1), options, white_square())
    frames = list(film)
    assert len(frames) == 8
    for frame, (x, y, width, height) in frames:
        rows, columns = np.nonzero(frame.min(axis=2) > 160)
        assert abs(columns.min() - x) < 3
        assert abs(columns.max() - x - width) < 3
        assert abs(rows.min() - y) < 3
        assert abs(rows.max() - y - height) < 3


def test_collage_is_seeded(photos: list[np.ndarray]) -> None:
    """Two of the same seed are equal and of the stated size."""
    first = collage(photos, np.random.default_rng(2), (120, 100))
    assert first.shape == (100, 120, 3)
    np.testing.assert_array_equal(first, collage(photos, np.random.default_rng(2), (120, 100)))
