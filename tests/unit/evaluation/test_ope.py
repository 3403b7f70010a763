"""One-pass evaluation against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nmcompile.evaluation.ope import center_error, evaluate, iou, static_boxes, success_auc

boxes = hnp.arrays(
    np.float64, (5, 4), elements=st.floats(1.0, 100.0, allow_nan=False, allow_infinity=False)
)


def test_iou_by_hand() -> None:
    """Equal, half shifted, apart, touching, inside."""
    a = np.array([[0.0, 0, 10, 10]] * 5)
    b = np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [20, 0, 5, 5], [10, 0, 5, 5], [2, 2, 5, 4]])
    np.testing.assert_allclose(iou(a, b), [1.0, 1 / 3, 0.0, 0.0, 0.2])


@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(a: np.ndarray, b: np.ndarray) -> None:
    """Between 0 and 1, and the order does not matter."""
    values = iou(a, b)
    assert ((values >= 0.0) & (values <= 1.0 + 1e-12)).all()
    np.testing.assert_array_equal(values, iou(b, a))
    np.testing.assert_allclose(iou(a, a), 1.0)


@given(boxes, st.floats(-50.0, 50.0))
def test_shifting_both_changes_nothing(a: np.ndarray, shift: float) -> None:
    """Overlap and distance do not depend on where the frame's origin is."""
    b = a[::-1].copy()
    offset = np.array([shift, shift, 0.0, 0.0])
    moved_a, moved_b = a + offset, b + offset
    np.testing.assert_allclose(iou(moved_a, moved_b), iou(a, b), atol=1e-9)
    np.testing.assert_allclose(center_error(moved_a, moved_b), center_error(a, b), atol=1e-9)


def test_success_auc_of_constant_overlap() -> None:
    """Overlap 0.5 is above 10 of the 21 thresholds 0, 0.05 ... 1."""
    assert success_auc(np.full(7, 0.5)) == pytest.approx(10 / 21)


def test_evaluate_leaves_out_frames_without_a_box() -> None:
    """A lost frame without a true box does not count; precision has the 20 pixel limit in it."""
    truth = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4, [0, 0, 10, 10]])
    found = np.array([[0.0, 0, 10, 10], [20, 0, 10, 10], [90, 90, 1, 1], [20.5, 0, 10, 10]])
    result = evaluate(found, truth)
    assert result.frames == 3
    assert result.mean_iou == pytest.approx(1 / 3)
    assert result.precision_20px == pytest.approx(2 / 3)


def test_standard_error_grows_with_correlated_frames() -> None:
    """The same values in blocks are worth fewer observations than when they alternate."""
    truth = np.array([[0.0, 0, 10, 10]] * 40)
    good, bad = [0.0, 0, 10, 10], [5.0, 0, 10, 10]
    blocks = evaluate(np.array([good] * 20 + [bad] * 20), truth)
    alternating = evaluate(np.array([good, bad] * 20), truth)
    assert blocks.mean_iou == pytest.approx(alternating.mean_iou)
    assert blocks.iou_standard_error > 3 * alternating.iou_standard_error > 0.0


def test_static_baseline_repeats_the_first_true_box() -> None:
    """Also when the first frames have none."""
    truth = np.array([[np.nan] * 4, [1.0, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(static_boxes(truth), [[1, 2, 3, 4]] * 3)
    with pytest.raises(ValueError, match="no frame"):
        static_boxes(truth[:1])
    with pytest.raises(ValueError, match="1 boxes for 3 frames"):
        evaluate(truth[1:2], truth)
