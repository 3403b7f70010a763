"""Overlap of a polygon and a box within the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.datasets.boxes import box_to_polygon
from nmcompile.evaluation.ope import iou
from nmcompile.evaluation.polygons import area, clip, overlap

DIAMOND = np.array([5.0, 0, 10, 5, 5, 10, 0, 5])
numbers = st.integers(0, 40).map(float)
boxes = st.tuples(numbers, numbers, st.integers(1, 30).map(float), st.integers(1, 30).map(float))


def test_a_diamond_fills_half_of_its_bounds() -> None:
    assert area(DIAMOND.reshape(4, 2)) == 50.0
    assert overlap(DIAMOND, np.array([0.0, 0, 10, 10]), (20, 20)) == pytest.approx(0.5)
    # left half of the diamond: 25 of 50 + 50 - 25
    assert overlap(DIAMOND, np.array([0.0, 0, 5, 10]), (20, 20)) == pytest.approx(25 / 75)


def test_only_what_the_picture_shows_counts() -> None:
    truth = box_to_polygon(np.array([-10.0, 0, 20, 10]))
    assert overlap(truth, np.array([0.0, 0, 10, 10]), (20, 20)) == 1.0
    assert overlap(truth, np.array([-30.0, 0, 10, 10]), (20, 20)) == 0.0
    outside = box_to_polygon(np.array([30.0, 0, 5, 5]))
    assert overlap(outside, np.array([31.0, 0, 5, 5]), (20, 20)) == 0.0


def test_unknown_truth_gives_no_number() -> None:
    assert np.isnan(overlap(np.full(8, np.nan), np.array([0.0, 0, 1, 1]), (9, 9)))


def test_a_concave_polygon_is_cut_into_its_parts() -> None:
    # a V: two prongs of area 10 each stand above y = 5
    points = np.array([[0.0, 10], [0, 0], [5, 10], [10, 0], [10, 10]])
    whole = clip(points, (0.0, 0.0, 10.0, 10.0))
    assert area(whole) == pytest.approx(area(points))
    assert area(clip(points, (0.0, 0.0, 10.0, 5.0))) == pytest.approx(2 * 0.5 * 5 * 2.5)


@given(boxes, boxes)
def test_boxes_as_polygons_overlap_as_boxes(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    first, second = np.array(a), np.array(b)
    found = overlap(box_to_polygon(first), second, (100, 100))
    assert found == pytest.approx(iou(first[None], second[None])[0])
    turned = box_to_polygon(first).reshape(4, 2)[::-1].ravel()  # the other way round
    assert overlap(turned, second, (100, 100)) == pytest.approx(found)
