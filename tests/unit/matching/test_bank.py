"""The integer bank of weights computes what SiamSNN's equations 6 to 9 say."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.matching import definitions
from nmcompile.matching.bank import TimeWeights, bank, signed

Trains = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@st.composite
def trains(draw: st.DrawFn) -> Trains:
    """Exemplar and search train, signed, not square."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps, channels = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    z_size = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    x_size = z_size[0] + draw(st.integers(0, 3)), z_size[1] + draw(st.integers(0, 3))
    z = rng.integers(-1, 2, (steps, channels, *z_size))
    x = rng.integers(-1, 2, (steps, channels, *x_size))
    return z, x


def matched(z: npt.NDArray[Any], x: npt.NDArray[Any], weights: TimeWeights) -> Any:
    """sum_t w_t * x_t."""
    return sum(
        definitions.correlate(w, frame) for w, frame in zip(bank(z, weights), x, strict=True)
    )


@given(trains(), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_tsm_bank_is_equation_8(pair: Trains, period: int) -> None:
    z, x = pair
    weights = TimeWeights(0, 1, period)
    found = matched(z, x, weights) / (2 * len(x) * weights.denominator)
    np.testing.assert_allclose(found, definitions.temporal(z, x, period), atol=1e-12)


@given(trains(), st.integers(0, 3), st.integers(0, 5), st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_hsm_bank_is_equation_9(pair: Trains, period: int, first: int, second: int) -> None:
    z, x = pair
    weights = TimeWeights(first, second, period)
    found = matched(z, x, weights) / (2 * len(x) * weights.denominator) + 0.25
    wanted = definitions.hybrid(z, x, period, first, second, 0.25)
    np.testing.assert_allclose(found, wanted, atol=1e-10)


@given(trains())
@settings(max_examples=20, deadline=None)
def test_psm_is_one_template_for_all_timesteps(pair: Trains) -> None:
    z, x = pair
    weights = TimeWeights(1, 0, 0)
    every = bank(z, weights)
    assert (every == z.sum(axis=0)).all()
    np.testing.assert_allclose(
        definitions.potential(z, x), definitions.correlate(every[0], x.sum(axis=0)) / (2 * len(x))
    )
    np.testing.assert_allclose(matched(z, x, weights) / (2 * len(x)), definitions.potential(z, x))


@pytest.mark.parametrize("period", [0, 1, 2, 3])
def test_the_largest_weight_is_reached_and_never_passed(period: int) -> None:
    weights = TimeWeights(2, 7, period)
    full = np.ones((9, 1, 1, 1), int)
    assert bank(full, weights).max() == weights.largest(9)
    assert weights.largest(1) == (2 + 7) * weights.denominator


def test_equal_trains_in_time_have_the_gain_as_ratio_to_psm() -> None:
    """Spikes at every timestep carry no temporal structure: gain is exactly the ratio."""
    z, x = np.ones((8, 2, 2, 3), int), np.ones((8, 2, 4, 5), int)
    weights = TimeWeights(1, 20, 1)
    ratio = matched(z, x, weights) / definitions.correlate(z.sum(axis=0), x.sum(axis=0))
    np.testing.assert_allclose(ratio, weights.gain(8))


def test_the_bank_of_the_papers_example() -> None:
    """tau = 1: 3 z_t + z_{t-1} + z_{t+1}; the ends of the train have one neighbour."""
    assert bank(np.array([1, 0, 0, 1]), TimeWeights(0, 1, 1)).tolist() == [3, 1, 1, 3]
    assert TimeWeights(0, 1, 2).taps == (15, 5, 3)
    assert TimeWeights(0, 1, 1).operations(4) == 10
    assert TimeWeights(1, 1, 1).operations(4) == 18


def test_signed_pairs_interleave() -> None:
    assert signed(np.array([[1, 0], [0, 1]]), 0).tolist() == [[1, -1]]
