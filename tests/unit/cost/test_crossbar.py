"""A chip with a clock whose static power holds the neurons: rates, time, and its conventions."""

from __future__ import annotations

import dataclasses

import pytest

from nmcompile.cost.chip_conventions import chip_conventions
from nmcompile.cost.energy import frame_energy
from nmcompile.cost.rates import rates_of
from nmcompile.cost.timing import frame_seconds, frames_per_second, network_timing
from nmcompile.target import load_target

TICK_S, FASTEST_S = 1e-3, 47.6e-6
STATIC_W, IDLE_W = 64.43e-3, 42e-3
SOP_J, ROUTED_J, HOP_J, EDGE_J, PADS_J = 1.53e-12, 2.297e-12, 2.3e-12, 64e-12, 832e-12


@pytest.fixture
def chip():
    return load_target("truenorth")


@pytest.fixture
def outside(work):
    """The work of the first layer `a` is read by the host; nothing is spread over frames."""
    runs = tuple(dataclasses.replace(run, output="b_if") for run in work.chip)
    return dataclasses.replace(work, chip=runs)


def test_every_tick_lasts_as_long_as_the_clock_says(chip, sample, work):
    rates = rates_of(chip)
    assert rates.time.clocked
    timing = network_timing([sample], rates)
    assert timing.latency.value == pytest.approx(2 * TICK_S)
    assert timing.latency.range == pytest.approx((2 * FASTEST_S, 2 * TICK_S))
    assert dict(timing.limited_by) == {"core": 0, "link": 0, "step_min": 2}
    assert not timing.latency.at_least
    frame = frame_seconds(work, rates)  # the search runs on two scales
    rate = frames_per_second(frame)
    assert rate.value == pytest.approx(1 / (2 * 2 * TICK_S))
    assert rate.range == pytest.approx((1 / (4 * TICK_S), 1 / (4 * FASTEST_S)))


def test_components_by_hand(chip, outside):
    energy = frame_energy(outside, rates_of(chip))
    for name, wanted in (
        ("synapse", 2 * 420 * SOP_J),  # 400 operations and 20 stored zeros
        ("neuron", 0.0),
        ("routing", 2 * 11 * HOP_J),
        ("off_chip", 2 * (8 + 9) * (EDGE_J + PADS_J)),  # 8 packets come in, 9 spikes are read
        ("static", STATIC_W * 4 * TICK_S),
    ):
        assert energy.component(name).value == pytest.approx(wanted), name
    static = energy.component("static").range
    assert static == pytest.approx((IDLE_W * 4 * FASTEST_S, STATIC_W * 4 * TICK_S))


def test_neurons_are_charged_with_the_static_power_and_say_so(chip):
    rates = rates_of(chip)
    assert rates.in_static == ("neuron",)
    assert "merolla2014" not in rates.energy.neuron_active.source  # nobody published a zero
    assert any("no source states the energy of a neuron update" in s for s in rates.assumptions)


def test_chips_add_static_power_only(chip, outside):
    rates = rates_of(chip)
    one, three = (frame_energy(dataclasses.replace(outside, chips=n), rates) for n in (1, 3))
    assert three.component("static").value == pytest.approx(3 * one.component("static").value)
    assert three.component("routing") == one.component("routing")


def test_the_ways_to_state_the_same_frame(chip, outside):
    energy = frame_energy(outside, rates_of(chip))
    rows = {
        row.name: row for row in chip_conventions(chip, outside, energy, rates_of(chip), 1000, 0)
    }
    static = STATIC_W * 4 * TICK_S
    dynamic = sum(energy.component(n).value for n in ("synapse", "routing", "off_chip"))
    assert rows["headline"].energy_j == pytest.approx(26e-9)
    assert (rows["headline"].low_j, rows["headline"].high_j) == pytest.approx((21.7e-9, 28.1e-9))
    assert rows["dynamic_only"].energy_j == pytest.approx(dynamic)
    assert rows["static_and_hops"].energy_j == pytest.approx(static + dynamic)
    assert rows["affine"].energy_j == pytest.approx(static + 2 * 400 * ROUTED_J)
    assert rows["affine"].low_j == pytest.approx(IDLE_W * 4 * FASTEST_S + 2 * 400 * ROUTED_J)
    for row in rows.values():
        assert row.low_j <= row.energy_j <= row.high_j
        assert row.source and len(row.leaves_out) > 40 and not row.leaves_out.endswith(".")


def test_other_chips_have_no_such_conventions(work, rates):
    energy = frame_energy(work, rates)
    assert chip_conventions(load_target("loihi2"), work, energy, rates, 1000, 0) == ()


def test_a_clock_needs_no_counters_of_single_cores(chip, sample, work):
    """Energy and time of the totals are those of all cores one by one."""
    small = dataclasses.replace(sample, cores=sample.cores.summed())
    assert small.cores.sops.shape == (2, 1)
    runs = tuple(dataclasses.replace(run, samples=(small,)) for run in work.chip)
    rates = rates_of(chip)
    assert frame_energy(dataclasses.replace(work, chip=runs), rates) == frame_energy(work, rates)
    assert network_timing([small], rates) == network_timing([sample], rates)
