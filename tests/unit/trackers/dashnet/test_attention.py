"""The attention mask (eq. 11) and the jitter of the training (eq. 12)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nmcompile.trackers.dashnet.attention import attended, attention_mask, jittered, prefactor

BOX = np.array([0.5, 0.25, 0.3, 0.2])


def test_mask_is_one_in_the_box_and_a_gaussian_around_it() -> None:
    mask = attention_mask(BOX, 40, 8.0)
    assert mask.shape == (40, 40)
    assert np.all(mask[6:14, 14:26] == 1.0)
    assert np.count_nonzero(mask == 1.0) == 8 * 12
    row, column = 30, 5  # rows are y
    squared = (column + 0.5 - 20.0) ** 2 + (row + 0.5 - 10.0) ** 2
    wanted = math.exp(-squared / 128.0) / (2 * math.pi * math.sqrt(8.0))
    assert mask[row, column] == pytest.approx(wanted)


def test_both_readings_of_the_prefactor() -> None:
    assert prefactor(9.0) == pytest.approx(1 / (2 * math.pi * 3))
    assert prefactor(9.0, "normalised") == pytest.approx(1 / (2 * math.pi * 81))
    outside = attention_mask(BOX, 40, 10.0, "normalised") != 1.0
    # The reason for the default: eight bits cannot hold the normalised one.
    white = np.full((40, 40), 255, np.uint8)
    assert not attended(white, BOX, 10.0, "normalised")[1][outside].any()
    assert attended(white, BOX, 10.0)[1][outside].any()


def test_a_narrow_gaussian_never_amplifies() -> None:
    assert attention_mask(BOX, 40, 1e-3).max() == 1.0


def test_attended_view_keeps_the_view_and_rounds_the_masked_one() -> None:
    image = np.arange(1600, dtype=np.uint8).reshape(40, 40)
    both = attended(image, BOX, 6.0)
    assert both.dtype == np.uint8
    np.testing.assert_array_equal(both[0], image)
    np.testing.assert_array_equal(both[1], np.rint(image * attention_mask(BOX, 40, 6.0)))


def test_jitter_has_the_moments_of_equation_12() -> None:
    """E[h'] = a; the variance of the product, beta counted in the box's sides b."""
    rng = np.random.default_rng(0)
    box = np.array([0.5, 0.5, 0.3, 0.4])
    drawn = np.stack([jittered(box, rng) for _ in range(5000)])
    np.testing.assert_allclose(drawn.mean(axis=0), box, atol=0.01)
    beta = 0.01 * np.tile(box[2:], 2) ** 2
    np.testing.assert_allclose(drawn.var(axis=0), beta + 0.01 * (box**2 + beta), rtol=0.12)


def test_jitter_never_turns_a_box_inside_out() -> None:
    rng = np.random.default_rng(1)
    box = np.array([0.5, 0.5, 0.3, 0.6])
    drawn = np.stack([jittered(box, rng, 2.0) for _ in range(200)])
    assert drawn[:, 2].min() == pytest.approx(0.05)
    assert drawn[:, 3].min() == pytest.approx(0.1)
