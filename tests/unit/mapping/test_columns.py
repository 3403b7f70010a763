"""The different columns of a table are those that numpy finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.mapping.columns import distinct


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 60),
    st.sampled_from([2, 5, 2**20, 2**31, 2**61]),
    st.integers(0, 2**32 - 1),
)
def test_as_numpy_does_it(rows: int, columns: int, span: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    few = random.integers(-span, span, (rows, max(1, columns // 3)))
    table = few[:, random.integers(0, few.shape[1], columns)]
    found, number = distinct(table)
    expected, inverse = np.unique(table, axis=1, return_inverse=True)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(number, inverse.reshape(-1))
    np.testing.assert_array_equal(found[:, number], table)


@pytest.mark.parametrize("rows", [1, 3])
def test_no_columns(rows: int) -> None:
    found, number = distinct(np.zeros((rows, 0), np.int32))
    assert found.shape == (rows, 0)
    assert len(number) == 0
