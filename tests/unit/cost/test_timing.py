"""Time: the busiest core or link of every tick, barrier and minimum, by hand."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from nmcompile.cost.timing import frame_seconds, frames_per_second, network_timing
from nmcompile.units import Quantity


def test_ticks_by_hand(sample, rates):
    timing = network_timing((sample,), rates)
    assert timing.tick_seconds == (pytest.approx(230e-9), pytest.approx(700e-9))
    assert timing.latency.value == pytest.approx(930e-9)
    assert timing.tick_mean.value == pytest.approx(465e-9)
    assert timing.tick_max.value == pytest.approx(700e-9)
    assert dict(timing.limited_by) == {"core": 1, "link": 1, "step_min": 0}


def test_no_tick_is_shorter_than_the_minimum(sample, rates):
    idle = dataclasses.replace(
        sample,
        cores=dataclasses.replace(
            sample.cores,
            sops=np.zeros((2, 2), np.int64),
            updates_active=np.zeros((2, 2), np.int64),
            link_load_max=np.zeros(2, np.int64),
        ),
    )
    timing = network_timing((idle,), rates)
    assert timing.tick_seconds == (pytest.approx(200e-9), pytest.approx(200e-9))
    assert dict(timing.limited_by)["step_min"] == 2


def test_barriers_are_a_part_of_the_latency(sample, rates):
    one, two = (network_timing((sample,), rates, chips=chips) for chips in (1, 2))
    assert one.barriers.value == pytest.approx(2 * 100e-9)
    assert two.barriers.value == pytest.approx(2 * 1000e-9)
    assert two.latency.value - one.latency.value == pytest.approx(2 * 900e-9)


def test_the_range_follows_the_table(sample, rates):
    # with 2 ns a synaptic operation, core 0 needs 230 ns in tick 1; the link still decides tick 2
    low, high = network_timing((sample,), rates).latency.range
    assert (low, high) == (pytest.approx(930e-9), pytest.approx(330e-9 + 700e-9))


def test_several_chips_wait_longer(sample, rates):
    timing = network_timing((sample,), rates, chips=2)
    assert timing.latency.value == pytest.approx(930e-9 + 2 * 900e-9)


def test_runs_of_a_frame_follow_one_another(work, rates):
    frame = frame_seconds(work, rates)
    assert frame.value == pytest.approx(2 * 930e-9)
    rate = frames_per_second(frame)
    assert rate.value == pytest.approx(1 / (2 * 930e-9))
    assert rate.range == (pytest.approx(1 / (2 * 1030e-9)), pytest.approx(1 / (2 * 930e-9)))


def test_an_unknown_time_makes_a_bound(sample, work, rates, without):
    lacking = without(rates, "time", "neuron_inactive")
    latency = network_timing((sample,), lacking).latency
    assert latency.at_least
    assert latency.unknown_parts == ("time of an idle neuron",)
    rate = frames_per_second(frame_seconds(work, lacking))
    assert rate.range[0] == 0.0


def test_without_cores_the_minimum_is_only_a_bound(sample, rates):
    golden = dataclasses.replace(sample, cores=None)
    timing = network_timing((golden,), rates)
    assert timing.latency.at_least
    assert timing.latency.value == pytest.approx(2 * 200e-9)


def test_a_table_that_knows_nothing_gives_no_figure(sample, rates, without):
    for name in ("step_min", "barrier", "synaptic_op", "neuron_active", "neuron_inactive", "hop"):
        rates = without(rates, "time", name)
    latency = network_timing((sample,), rates).latency
    assert latency.value is None
    assert frames_per_second(latency).value is None


def test_a_frame_without_a_network_has_no_rate():
    assert frames_per_second(Quantity(0.0, "s", "measured")).value is None


def test_a_source_that_states_a_bound_bounds_the_time(sample, rates):
    table = dataclasses.replace(
        rates.time, synaptic_op=dataclasses.replace(rates.time.synaptic_op, at_least=True)
    )
    latency = network_timing((sample,), dataclasses.replace(rates, time=table)).latency
    assert latency.at_least
    assert latency.range[1] == math.inf
    assert latency.high is not None
