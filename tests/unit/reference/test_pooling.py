"""Spike max pooling of both interpreters against its definition in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import coded

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.reference.integer import IntegerRunner

RULES = ("running_max", "gate", "or")


def pooled(rule: str, kernel: int, stride: int, bits: int, shape: tuple[int, ...]) -> Network:
    pool = ops.SpikeMaxPool2d((kernel, kernel), (stride, stride), rule=rule)  # type: ignore[arg-type]
    nodes = (
        Node("x", ops.Input("spikes", shape[1:], bits)),
        Node("pool", pool, ("x",)),
        Node("output", ops.Output(), ("pool",)),
    )
    return Network("n", nodes, shape[0])


def drawn(seed: int, largest: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(3, 9)), 2, int(rng.integers(5, 9)), int(rng.integers(5, 9)))
    active = rng.random(shape) < rng.choice([0.1, 0.5, 0.9])
    return np.asarray(active * rng.integers(1, largest + 1, shape))


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), window=st.sampled_from([(2, 2), (3, 2), (3, 1)]))
def test_integer_pooling_is_its_definition(rule: str, seed: int, window: tuple[int, int]) -> None:
    for largest, bits in ((1, 1), (16, 5)):
        train = drawn(seed, largest)
        found = IntegerRunner(pooled(rule, *window, bits, train.shape)).run(train)
        assert np.array_equal(found.output, coded.pool(train, rule, *window))
        (layer,) = found.counters.layers
        assert layer.spikes == np.count_nonzero(found.output)


@pytest.mark.torch
@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), window=st.sampled_from([(2, 2), (3, 2)]))
def test_float_pooling_is_its_definition(rule: str, seed: int, window: tuple[int, int]) -> None:
    from nmcompile.reference.float import FloatRunner

    train = drawn(seed, 4)
    found = FloatRunner(pooled(rule, *window, 3, train.shape)).run(train[:, None]).output[:, 0]
    assert np.array_equal(found, coded.pool(train, rule, *window))


def test_the_gate_passes_the_argmax_of_counts_that_include_the_present_step() -> None:
    window = np.array([[0, 1], [1, 1], [1, 0], [0, 1]])
    # Counts: (0,1) -> second; (1,2) -> second; (2,2) -> a tie, the first; (2,3) -> second.
    assert coded.pool_window(window, "gate").tolist() == [1, 1, 1, 1]
    # The second leads and rests while the first spikes below it: nothing passes at t = 3.
    window = np.array([[0, 1], [0, 1], [1, 0]])
    assert coded.pool_window(window, "gate").tolist() == [1, 1, 0]
