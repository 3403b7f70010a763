"""Integer NI-LIF neurons against their equation in exact rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import KEEP_ONE, NILIF, IntegerNILIF
from nmcompile.ir.types import EdgeType
from nmcompile.passes.membrane_reasons import activation
from nmcompile.reference.float_membranes import nilif_step as float_step
from nmcompile.reference.nilif import NormalisedNeurons, level_thresholds


def neurons(model: IntegerNILIF, channels: int) -> NormalisedNeurons:
    node = Node("n", ops.Neuron(model), ("x",))
    return NormalisedNeurons(model, EdgeType("spikes", (channels, 1, 1), 3, signed=False), node)


def model_of(one: int, keep: list[int], bias: int = 0, stacked: int = 1) -> IntegerNILIF:
    arrays = (Array(np.int32(v)) for v in (bias, one))
    return IntegerNILIF(*arrays, Array(np.array(keep, np.int32)), stacked=stacked)


@settings(deadline=None)
@given(st.integers(1, 5000), st.integers(1, 7), st.integers(-9, 40), st.integers(-3, 3))
def test_levels_are_those_of_rounding_half_to_even(
    one: int, levels: int, half: int, beside: int
) -> None:
    """At and around every multiple of one half."""
    current = one * half // 2 + beside
    reached = int((current >= level_thresholds(np.array([one]), levels)[:, 0]).sum())
    assert reached == round(min(max(Fraction(current, one), Fraction(0)), Fraction(levels)))


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(-50, 50),
    st.lists(st.integers(0, KEEP_ONE), min_size=2, max_size=2),
    st.lists(st.integers(-2000, 2000), min_size=3, max_size=3),
)
def test_steps_follow_the_equation(
    one: int, bias: int, keep: list[int], currents: list[int]
) -> None:
    train = np.array(currents, np.int32).reshape(3, 1, 1, 1)
    found = neurons(model_of(one, keep, bias), 1).advance(3, train).ravel()
    before, n = 0, 0
    for step, current in enumerate(currents):
        u = current + bias
        if step:
            u += (keep[step - 1] * (4 * before - n * one)) // (4 * KEEP_ONE)
        n = round(min(max(Fraction(u, one), Fraction(0)), Fraction(4)))
        assert found[step] == n
        before = u


def test_groups_of_channels_are_steps() -> None:
    rng = np.random.default_rng(0)
    train = rng.integers(-300, 600, (3, 2, 2, 5)).astype(np.int32)
    keep = [1000, 3000]
    over_time = neurons(model_of(100, keep), 5)
    over_time.shape = (2, 2, 5)
    over_time._rest = np.zeros(20, np.int64)
    wanted = over_time.advance(3, train)
    stacked = NormalisedNeurons(
        model_of(100, keep, stacked=3),
        EdgeType("spikes", (15, 2, 2), 3, signed=False),
        Node("n", ops.Neuron(model_of(100, keep, stacked=3)), ("x",)),
    )
    found = stacked.advance(1, np.concatenate(train, axis=-1)[None])[0]
    np.testing.assert_array_equal(np.split(found, 3, axis=-1), wanted)


def test_float_and_integer_neurons_agree() -> None:
    """Decays of quarters and currents of eighths are exact on both sides, ties included."""
    rng = np.random.default_rng(1)
    eighths = rng.integers(-16, 48, (3, 50))
    keep = np.array([0.25, 0.75])
    before: torch.Tensor | None = None
    wanted = []
    for step, x in enumerate(eighths):
        current = torch.from_numpy(x / 8.0)[None]
        spikes, before = float_step(NILIF(Array(keep)), current, before, step)
        wanted.append(np.asarray(spikes[0] * 4))
    one = 8 * 4096
    integer = neurons(model_of(one, [1024, 3072]), 50)
    found = integer.advance(3, (eighths * 4096).astype(np.int32).reshape(3, 1, 1, 50))
    np.testing.assert_array_equal(found.reshape(3, 50), np.array(wanted))
    assert (np.array(wanted) == 2).any()


def test_a_membrane_beyond_32_bits_is_refused() -> None:
    with pytest.raises(NmError, match="32 bits"):
        neurons(model_of(3, [], bias=2**31 - 1), 1).step(np.full((1, 1, 1), 5, np.int32))


@settings(deadline=None)
@given(st.integers(0, 2047), st.integers(1, 6))
def test_activations_count_the_same_levels(half: int, levels: int) -> None:
    one = 2 * half + 1
    model = IntegerNILIF(*(Array(np.int32(v)) for v in (0, one)), Array(np.zeros(0)), levels)
    made = activation(model)
    assert made is not None
    near = np.unique(
        [t + d for t in level_thresholds(np.array([one]), levels)[:, 0] for d in (-1, 0, 1)]
    )
    scaled = (near * int(made.multiplier.data) + 2 ** (made.shift - 1)) >> made.shift
    counts: Any = (near[None] >= level_thresholds(np.array([one]), levels)).sum(axis=0)
    np.testing.assert_array_equal(scaled.clip(0, made.largest), counts)


def test_even_units_have_ties_that_activations_round_upwards() -> None:
    assert activation(model_of(100, [])) is None
