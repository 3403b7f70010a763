"""Means, errors, paired differences: hand-computed cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.evaluation.estimates import (
    independent_error,
    jackknife,
    over_sequences,
    paired,
    series_error,
)


def test_mean_of_sequences_not_of_frames() -> None:
    result = over_sequences([np.array([0.0, 0.0, 0.0, 0.0]), np.array([1.0, 1.0])])
    assert result.mean == 0.5
    assert result.within == 0.0
    assert result.between == pytest.approx(0.5)
    assert (result.sequences, result.samples) == (2, 6)


def test_errors_inside_add_in_quadrature() -> None:
    one, two = np.array([0.0, 2.0]), np.array([0.0, 4.0])
    result = over_sequences([one, two])
    assert independent_error(one) == pytest.approx(1.0)
    assert result.within == pytest.approx(np.hypot(1.0, 2.0) / 2)


def test_unknown_is_not_zero() -> None:
    result = over_sequences([np.array([0.3])])
    assert result.within is None
    assert result.between is None
    assert series_error(np.array([0.1])) is None
    assert paired(np.array([0.0]), np.array([1.0])).standard_error is None
    assert not paired(np.array([0.0]), np.array([1.0])).is_significant
    with pytest.raises(ValueError, match="no sequence"):
        over_sequences([np.zeros(0)])


def test_neighbouring_frames_count_less() -> None:
    slow = np.repeat([0.0, 1.0], 50)
    mixed = np.tile([0.0, 1.0], 50)
    free = independent_error(slow)
    assert free is not None
    assert (series_error(slow) or 0.0) > 5 * free
    assert series_error(mixed) == pytest.approx(free)  # alternation is not counted as a gain


def test_paired_differences() -> None:
    result = paired(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.6, 1.0]))
    assert result.difference == pytest.approx(0.1)
    assert result.standard_error == pytest.approx(0.0)
    assert result.is_significant
    with pytest.raises(ValueError, match="no pairs"):
        paired(np.zeros(2), np.zeros(3))


def test_two_standard_errors_of_two_pairs_prove_nothing() -> None:
    result = paired(np.zeros(2), np.array([0.3, 0.9]))  # 0.6 +- 0.3, t(1) = 12.7
    assert not result.is_significant
    many = paired(np.zeros(40), np.tile([0.3, 0.9], 20))
    assert many.is_significant


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=12))
def test_jackknife_of_a_mean_is_its_standard_error(values: list[float]) -> None:
    error = jackknife(values, lambda some: float(np.mean(some)))
    assert error == pytest.approx(independent_error(np.array(values)), abs=1e-12)
