"""The plain model of a neuron against results worked out by hand, mode by mode."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from nmcompile.backends.truenorth.simulator import generator
from nmcompile.backends.truenorth.simulator.general import draw, stream_of
from nmcompile.backends.truenorth.simulator.reference import Parameters, update

CLIP = 2**19 - 1
NEURON = Parameters(
    weights=(5, -3, 0, 0),
    stochastic=(0, 0, 0, 0),
    leak=0,
    stochastic_leak=0,
    leak_reversal=0,
    threshold=100,
    mask_bits=0,
    floor=50,
    floor_mode=1,
    reset_value=9,
    reset_mode=0,
)
NO_DRAWS: Mapping[int, int] = dict.fromkeys(range(300), 0)


def after(v: int, draws: Mapping[int, int] = NO_DRAWS, clip: int = CLIP, **changes: Any) -> Any:
    """V and spike of one tick without events, or with `events`."""
    events = changes.pop("events", {})
    return update(v, dataclasses.replace(NEURON, **changes), events, clip, draws)


def test_weights_of_types_add_up() -> None:
    assert after(0, events={0: 0, 7: 0, 8: 1}) == (5 + 5 - 3, False)


def test_the_leak_is_added() -> None:
    assert after(10, leak=-4) == (6, False)
    assert after(10, leak=4) == (14, False)


@pytest.mark.parametrize(
    ("v", "leak", "end"),
    [(10, -4, 6), (-10, -4, -6), (3, -4, 0), (-3, -4, 0), (4, -4, 0), (0, -4, 0), (0, 7, 0)],
)
def test_leak_reversal_does_not_overshoot(v: int, leak: int, end: int) -> None:
    assert after(v, leak=leak, leak_reversal=1) == (end, False)


def test_leak_reversal_away_from_zero() -> None:
    assert after(10, leak=4, leak_reversal=1) == (14, False)
    assert after(-10, leak=4, leak_reversal=1) == (-14, False)


@pytest.mark.parametrize(("mode", "end"), [(0, 9), (1, 7), (2, 107)])
def test_reset_modes(mode: int, end: int) -> None:
    assert after(107, reset_mode=mode) == (end, True)
    assert after(99, reset_mode=mode) == (99, False)
    assert after(100, reset_mode=mode)[1]


@pytest.mark.parametrize(
    ("kappa", "mode", "end"), [(1, 0, -50), (1, 1, -50), (0, 0, -9), (0, 1, -2), (0, 2, -52)]
)
def test_floor_modes(kappa: int, mode: int, end: int) -> None:
    assert after(-52, floor_mode=kappa, reset_mode=mode) == (end, False)
    assert after(-50, floor_mode=kappa, reset_mode=mode) == (-50, False)


@pytest.mark.parametrize(("v", "leak", "end"), [(290, 20, 300), (-290, -20, -300)])
def test_the_membrane_saturates_after_the_leak(v: int, leak: int, end: int) -> None:
    assert after(v, leak=leak, clip=300, threshold=400, floor=400) == (end, False)


def test_the_sum_may_leave_the_register_in_between() -> None:
    events = dict.fromkeys(range(20), 0) | dict.fromkeys(range(20, 40), 1)
    end = after(290, events=events, weights=(5, -5, 0, 0), clip=300, threshold=400)
    assert end == (290, False)


def test_random_thresholds() -> None:
    draws = {**NO_DRAWS, generator.THRESHOLD: 0b1011_0110}
    assert after(105, draws, mask_bits=3) == (105, False)
    assert after(106, draws, mask_bits=3) == (9, True)
    assert after(107, draws, mask_bits=3, reset_mode=1) == (1, True)
    assert after(-56, draws, mask_bits=3, floor_mode=0) == (-56, False)
    assert after(-57, draws, mask_bits=3, floor_mode=0, reset_mode=1) == (-1, False)
    assert after(-51, draws, mask_bits=3) == (-50, False)


def test_random_synapses_and_leaks_add_one_or_nothing() -> None:
    def top(rho: int) -> int:
        return rho << generator.RHO_SHIFT

    first, second = generator.SYNAPSE0 + 4, generator.SYNAPSE0 + 6
    draws = {**NO_DRAWS, first: top(5), second: top(6)}
    assert after(0, draws, events={4: 0, 6: 0}, stochastic=(1, 0, 0, 0)) == (1, False)
    draws = {**NO_DRAWS, first: top(3), second: top(4)}
    assert after(0, draws, events={4: 1, 6: 1}, stochastic=(0, 1, 0, 0)) == (-1, False)
    assert after(0, NO_DRAWS, events={4: 2}, stochastic=(0, 0, 1, 0)) == (0, False)
    for rho, end in ((20, 29), (21, 30)):
        draws = {**NO_DRAWS, generator.LEAK: top(rho)}
        assert after(30, draws, leak=-20, stochastic_leak=1) == (end, False)


def test_the_generator_is_splitmix() -> None:
    # First output of SplitMix64 with state 0.
    assert generator.mix(generator.GAMMA) == 0xE220A8397B1DCDAF


def test_compiled_draws_are_the_same() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        seed, core, neuron, tick, index = (int(n) for n in rng.integers(0, 2**20, 5))
        wanted = generator.draw(seed << 40, core, neuron, tick, index)
        stream = np.uint64(stream_of(np.uint64(seed << 40), core, neuron))
        assert int(draw(stream, tick, index)) == wanted


def test_draws_are_spread_evenly() -> None:
    draws = [generator.draw(1, c, n, 5, 1) for c in range(64) for n in range(64)]
    counts = np.bincount([d >> generator.RHO_SHIFT for d in draws], minlength=256)
    # Chi-square of 255 degrees of freedom: mean 255, deviation 22.6.
    assert 150 < float(((counts - 16.0) ** 2 / 16).sum()) < 360
