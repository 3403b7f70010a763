"""Rounding that keeps the sums of kernels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.passes.rounding import keep_sums


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(1, 6), st.floats(0.1, 40.0))
def test_every_sum_is_rounded_and_every_element_is_a_neighbour(
    seed: int, side: int, scale: float
) -> None:
    values = np.random.default_rng(seed).normal(0.1, scale, (3, 2, side, side))
    found = keep_sums(values)
    assert (np.abs(found - values) < 1).all()
    assert (found == np.rint(found)).all()
    sums = values.sum(axis=(2, 3))
    assert (np.abs(found.sum(axis=(2, 3)) - sums) <= 0.5 + 1e-9).all()


def test_plain_rounding_would_add_up() -> None:
    values = np.full((1, 1, 3, 3), 0.4)
    assert np.rint(values).sum() == 0
    assert keep_sums(values).sum() == 4
