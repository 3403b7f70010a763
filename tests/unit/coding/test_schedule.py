"""Codings transmit what they promise, and their integer form is the float form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import coded

from nmcompile.coding.encoders import burst_input, phase_input, rate_input
from nmcompile.coding.schedule import RATE, Schedule, burst, phase, two_status
from nmcompile.coding.train import spike_values
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF, IntegerNeuron

CODINGS = {
    "rate": lambda t: RATE,
    "phase": lambda t: phase(min(4, t), t),
    "burst": lambda t: burst(0.5, 3, t),
    "growing burst": lambda t: burst(2.0, 3, t),
    "two_status": lambda t: two_status(max(1, t // 4), 0.65, 0, t),
}


def population(model: Any, neurons: int, timesteps: int) -> Network:
    """Spikes of a population that is driven by an input train through unit weights."""
    integer = isinstance(model, IntegerNeuron)
    one, zero = np.eye(neurons), np.zeros(neurons)
    linear = ops.Linear(
        Array(one.astype(np.int8) if integer else one),
        Array(zero.astype(np.int32) if integer else zero),
    )
    nodes = (
        Node("x", ops.Input("spikes", (neurons,), 8)),
        Node("current", linear, ("x",)),
        Node("neurons", ops.Neuron(model), ("current",)),
        Node("output", ops.Output(), ("neurons",)),
    )
    return Network("n", nodes, timesteps)


def integer_neuron(schedule: Schedule, threshold: int, start: int) -> IntegerNeuron:
    one = (Array(np.int32(n)) for n in (0, threshold - 1))
    bias, above = one
    return IntegerNeuron(
        *("IF", 0, 4096, 0, 0, bias, above, "subtract"),
        *(Array(np.int32(threshold)), Array(np.int32(start))),
        payloads=schedule.payloads,
        advance=schedule.advance,
    )


def float_trains(schedule: Schedule, drive: Any, threshold: int, start: int) -> Any:
    from nmcompile.reference.float import FloatRunner

    model = IF(
        Array(float(threshold)),
        v_init=start / threshold,
        payloads=schedule.payloads,
        advance=schedule.advance,
    )
    return FloatRunner(population(model, drive.shape[1], len(drive))).run(drive[:, None]).output


def integer_trains(schedule: Schedule, drive: Any, threshold: int, start: int) -> Any:
    from nmcompile.reference.integer import IntegerRunner

    model = integer_neuron(schedule, threshold, start)
    return IntegerRunner(population(model, drive.shape[1], len(drive))).run(drive).output


@pytest.mark.torch
@pytest.mark.parametrize("name", CODINGS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), timesteps=st.integers(4, 24), power=st.integers(0, 6))
def test_float_integer_and_plain_python_fire_alike(
    name: str, seed: int, timesteps: int, power: int
) -> None:
    rng, schedule = np.random.default_rng(seed), CODINGS[name](timesteps)
    drive = rng.integers(0, 200, (timesteps, 5))
    threshold, start = int(rng.integers(1, 40)), 2**power % 3
    found = integer_trains(schedule, drive, threshold, start)
    # Thresholds are powers of two or small integers here: v_init times threshold is exact enough.
    if (start / threshold) * threshold == start:
        assert np.array_equal(found, float_trains(schedule, drive, threshold, start)[:, 0])
    for neuron in range(5):
        wanted = coded.fire(
            drive[:, neuron],
            threshold,
            schedule.payloads,
            burst=schedule.advance == "burst",
            start=start,
        )
        assert found[:, neuron].tolist() == wanted


@pytest.mark.parametrize(
    ("name", "most", "left"), [("rate", 1, 1), ("burst", 1 / 8, 1), ("growing burst", 1, 4)]
)
@given(share=st.floats(0.0, 1.0), timesteps=st.integers(8, 64))
def test_a_constant_drive_arrives_but_for_what_the_membrane_holds(
    name: str, most: float, left: float, share: float, timesteps: int
) -> None:
    """Up to one scale, or what a burst needs to grow; a falling one transmits gamma^B per step."""
    schedule, value = CODINGS[name](timesteps), share * most
    train = coded.fire(
        [value] * timesteps,
        schedule.unit,
        schedule.payloads,
        burst=schedule.advance == "burst",
    )
    assert 0 <= value * timesteps - sum(train) * schedule.unit + 1e-6 <= left + 1e-5


@given(value=st.integers(0, 255), bits=st.just(8), periods=st.integers(1, 3))
def test_phase_coding_transmits_an_integer_exactly_in_one_period(
    value: int, bits: int, periods: int
) -> None:
    schedule = phase(bits, bits * periods)
    train = coded.fire([value, *[0] * (bits - 1)], 1, schedule.payloads)
    assert sum(train) == value
    assert [p > 0 for p in train] == [b == "1" for b in f"{value:08b}"]


@given(
    value=st.floats(0.0, 5.0),
    period=st.integers(1, 10),
    offset=st.integers(0, 30),
    timesteps=st.integers(20, 40),
)
def test_two_status_never_fires_while_it_accumulates(
    value: float, period: int, offset: int, timesteps: int
) -> None:
    schedule = two_status(period, 0.65, offset, timesteps)
    train = coded.fire([value] * timesteps, schedule.unit, schedule.payloads)
    for t, payload in enumerate(train):
        assert not (payload and (t + offset) % (2 * period) < period)
    assert set(train) <= {0, 1}


def test_two_status_accumulates_first_unless_shifted() -> None:
    assert two_status(2, 0.65, 0, 4).payloads == (0, 0, 1, 1)
    assert two_status(2, 0.65, 2, 4).payloads == (1, 1, 0, 0)
    assert two_status(2, 0.65, 1, 4).payloads == (0, 1, 1, 0)


def test_a_burst_goes_down_by_gamma_and_starts_again_after_a_pause() -> None:
    schedule = burst(0.5, 3, 20)
    assert schedule.unit == 1 / 8
    train = coded.fire([2.1, 0, 0, 0, 0, 0, 0, 1.0], schedule.unit, schedule.payloads, burst=True)
    assert [p * schedule.unit for p in train] == [1, 0.5, 0.25, 0.125, 0.125, 0, 0, 1]
    growing = burst(2.0, 3, 20)
    assert (growing.unit, growing.payloads) == (1 / 8, (1, 2, 4, 8))


@pytest.mark.parametrize("timesteps", [8, 13, 20])
def test_a_neuron_that_always_fires_transmits_the_scale_in_phase_coding(timesteps: int) -> None:
    schedule = phase(8, timesteps)
    assert schedule.total(timesteps) * schedule.unit == pytest.approx(timesteps)


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: phase(9, 20), "a spike can carry 255"),
        (lambda: phase(8, 7), "does not fit"),
        (lambda: burst(0.7, 3, 20), "power of two"),
        (lambda: burst(1.0, 3, 20), "power of two"),
        (lambda: burst(0.25, 4, 20), "a spike can carry 255"),
        (lambda: burst(0.5, 7, 300), "sum to 32768"),
        (lambda: two_status(20, 0.65, 0, 20), "no timestep"),
    ],
)
def test_codings_that_have_no_integer_form_say_why(build: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build()


def encoded(op: ops.Encode, pixels: Any, timesteps: int) -> Any:
    from nmcompile.reference.populations import Encoder

    encoder = Encoder(op)
    return np.stack([encoder.step(pixels) for _ in range(timesteps)])


@pytest.mark.parametrize(
    "build", [lambda t: rate_input(8), lambda t: burst_input(8, t), lambda t: phase_input(8, t)]
)
def test_coded_pixels_stand_for_the_image_at_every_timestep(build: Any) -> None:
    pixels, timesteps = np.arange(256, dtype=np.int32), 24
    op, unit = build(timesteps)
    sums = encoded(op, pixels, timesteps).sum(axis=0) * unit
    # A burst needs three spikes to grow, and holds back what it could not send meanwhile.
    assert np.abs(sums - pixels * timesteps).max() <= 4 * 256
    assert np.abs(encoded(op, pixels, timesteps)[:, 0]).max() == 0


def test_the_phase_input_is_the_bits_of_the_pixel() -> None:
    pixels = np.array([0, 1, 130, 255], np.int32)
    op, unit = phase_input(8, 16)
    train = encoded(op, pixels, 16)
    assert np.array_equal(train[:8], train[8:])
    assert np.array_equal(train[:8].sum(axis=0), pixels)
    assert unit == 8.0


@pytest.mark.torch
@pytest.mark.parametrize(
    "build", [lambda t: rate_input(8), lambda t: burst_input(8, t), lambda t: phase_input(8, t)]
)
def test_both_interpreters_encode_alike(build: Any) -> None:
    import torch

    from nmcompile.reference.float_populations import State, encode

    pixels = np.arange(256, dtype=np.int32)
    op, _ = build(20)
    state = State()
    image = torch.from_numpy(pixels.astype(np.float64))
    floats = np.stack([np.asarray(encode(op, image, state)) for _ in range(20)])
    assert np.array_equal(floats, encoded(op, pixels, 20))


@settings(max_examples=40)
@given(drive=st.floats(0.0, 1.5), name=st.sampled_from(sorted(CODINGS)))
def test_the_figure_shows_what_the_definition_fires(drive: float, name: str) -> None:
    schedule = CODINGS[name](20)
    # Multiples of 2^-10 add up without rounding.
    exact = round(drive * 1024) / 1024
    wanted = coded.fire(
        [exact] * 20, schedule.unit, schedule.payloads, burst=schedule.advance == "burst"
    )
    found = spike_values(schedule, np.full(20, exact)) / schedule.unit
    assert np.allclose(found, wanted)


def test_the_figure_is_drawn_and_reproducible(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from nmcompile.coding.figure import draw

    shares = draw(tmp_path / "a.svg")
    assert draw(tmp_path / "b.svg") == shares
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert shares["constant threshold"] == pytest.approx(1.0)
    assert shares["two-status, p = 10"] == pytest.approx(6.5 / 9.0)
