"""Weights as axon types: exact for every weight, and no cheaper encoding exists."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.backends.truenorth.weights.colouring import colour, conflicts
from nmcompile.backends.truenorth.weights.digits import covering, multiplicities
from nmcompile.backends.truenorth.weights.encoding import Encoding, choose
from nmcompile.backends.truenorth.weights.type_values import solve, subset_sums

TYPES, BITS = 4, 9


def encoded(weights: npt.ArrayLike) -> Encoding:
    """The encoding of `(outputs, channels, taps)` weights."""
    found = choose([np.asarray(weights, np.int64)], TYPES, BITS)
    assert found is not None
    return found


def assert_exact(weights: npt.NDArray[np.int64], code: Encoding) -> None:
    """Every weight is what its connected axons add up to, within what a core has."""
    assert code.types <= TYPES
    for output, channel, tap in np.ndindex(*weights.shape):
        weight, values = int(weights[output, channel, tap]), code.values[output]
        taken = code.connected(output, channel, weight)
        assert sum(n * v for n, v in zip(taken, values, strict=True)) == weight
        assert all(0 <= n <= most for n, most in zip(taken, code.counts, strict=True))
        assert sum(taken) <= code.axons
        if code.channel_types:
            kinds = [t for t, n in enumerate(taken) if n]
            assert kinds in ([], [code.channel_types[channel]])
    assert all(-256 <= v <= 255 for row in code.values for v in row)


@st.composite
def weight_tables(draw: st.DrawFn) -> npt.NDArray[np.int64]:
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 4)))
    largest = draw(st.sampled_from([1, 2, 3, 7, 12, 30, 127]))
    few = draw(st.lists(st.integers(-largest, largest), min_size=1, max_size=6))
    pool = few if draw(st.booleans()) else list(range(-largest, largest + 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scales = rng.integers(1, 3, (shape[0], 1, 1))
    return np.asarray(rng.choice(pool, shape) * scales, np.int64)


@given(weight_tables())
@settings(deadline=None, max_examples=80)
def test_every_weight_is_reproduced(weights: npt.NDArray[np.int64]) -> None:
    assert_exact(weights, encoded(weights))


def brute_force(weights: npt.NDArray[np.int64], reach: int) -> int:
    """Fewest axons per input (5 stands for more than four), by trying everything.

    One axon per input: any type for any channel. Several: axons of different types.
    """
    channels = weights.shape[1]
    for kinds in product(range(TYPES), repeat=channels):
        groups = [weights[:, np.array(kinds) == k].reshape(len(weights), -1) for k in set(kinds)]
        if all(len(set(row.tolist()) - {0}) <= 1 for g in groups for row in g):
            return 1
    for axons in range(2, TYPES + 1):
        tries = list(combinations_with_replacement(range(-reach, reach + 1), axons))
        if all(any(set(row.ravel().tolist()) <= subset_sums(t) for t in tries) for row in weights):
            return axons
    return TYPES + 1


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_no_encoding_is_cheaper_on_tiny_layers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-3, 4, (2, rng.integers(1, 4), rng.integers(1, 3)))
    assert encoded(weights).axons == brute_force(weights, 6)


@pytest.mark.parametrize("types", [2, 3])
def test_the_search_for_values_is_complete(types: int) -> None:
    """All sets of up to five weights of -5..5, against every choice of values."""
    span = [w for w in range(-5, 6) if w]
    reached = {subset_sums(v) for v in combinations_with_replacement(range(-10, 11), types)}
    possible = {
        frozenset(c)
        for sums in reached
        for n in range(1, 6)
        for c in combinations(sorted(sums & set(span)), n)
    }
    for count in range(1, 6):
        for weights in map(frozenset, combinations(span, count)):
            found = solve(weights, types, -10, 10)
            assert (found is not None) == (weights in possible), weights
            assert found is None or weights <= subset_sums(found)


@pytest.mark.parametrize(
    ("span", "axons", "name"),
    [
        (range(2), 1, "one value per neuron"),
        (range(-1, 2), 2, "ternary"),
        (range(-3, 4), 3, "sums of 3 values per neuron"),
        (range(-8, 8), 4, "4 bit"),
        (range(-127, 128), 14, "digits of 4 types"),
    ],
)
def test_named_widths(span: range, axons: int, name: str) -> None:
    weights = np.array([list(span)] * 2)[:, None, :] * np.array([1, 1])[:, None, None]
    code = encoded(weights)
    assert (code.axons, code.name) == (axons, name)
    assert_exact(weights, code)


def test_ternary_keeps_a_scale_per_neuron() -> None:
    weights = np.array([[[-7, 0, 7]], [[-120, 0, 120]]])
    assert encoded(weights).axons == 2
    assert_exact(weights, encoded(weights))


def test_channels_of_one_sign_take_one_axon() -> None:
    """Excitatory and inhibitory channels (Dale): two types, whatever the scales."""
    rng = np.random.default_rng(0)
    signs, scales = np.array([1, -1, -1, 1, -1]), rng.integers(1, 99, (6, 1, 1))
    weights = rng.integers(0, 2, (6, 5, 4)) * signs[:, None] * scales
    code = encoded(weights)
    assert (code.axons, code.types) == (1, 2)
    assert_exact(weights, code)


def test_several_projections_share_the_values_of_a_neuron() -> None:
    first, second = np.array([[[1, 0, 1]]]), np.array([[[5, 5, 0]]])
    code = choose([first, second], TYPES, BITS)
    assert code is not None
    assert (code.axons, code.channel_types) == (1, (0, 1))
    mixed = choose([first, np.array([[[5, -5, 0]]])], TYPES, BITS)
    assert mixed is not None
    assert mixed.axons == 3


def test_weights_that_no_axons_reach() -> None:
    assert choose([np.array([[list(range(-30000, 30000, 7))]])], TYPES, BITS) is None


@given(st.integers(1, 40), st.integers(0, 40), st.integers(4, 8))
def test_digits_cover_whole_intervals(above: int, below: int, axons: int) -> None:
    for counts in multiplicities(axons, TYPES):
        values = covering((-below, above), counts, 255)
        if values is None:
            continue
        sums = {
            sum(n * v for n, v in zip(taken, values, strict=True))
            for taken in product(*(range(n + 1) for n in counts))
        }
        assert set(range(-below, above + 1)) <= sums


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 4))
@settings(deadline=None)
def test_colouring_is_exact(seed: int, size: int, colours: int) -> None:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((size, size)) < 0.6, 1)
    adjacent = upper | upper.T
    found = colour(adjacent, colours)
    exists = any(
        all(c[i] != c[j] for i, j in np.argwhere(upper).tolist())
        for c in product(range(colours), repeat=size)
    )
    assert (found is not None) == exists
    if found is not None:
        assert all(found[i] != found[j] for i, j in np.argwhere(upper).tolist())
        assert max(found) < colours


def test_conflicts_are_between_channels_that_a_neuron_weighs_differently() -> None:
    table = np.array([[1, 0, 1, 2], [0, 3, 3, 0]])
    pairs = {(i, j) for i, j in np.argwhere(np.triu(conflicts(table))).tolist()}
    assert pairs == {(0, 3), (2, 3)}
