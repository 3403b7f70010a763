"""Another table of costs for the same counters."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nmcompile.cost.energy import frame_energy
from nmcompile.cost.rates import rates_of
from nmcompile.cost.second_opinion import second_opinion
from nmcompile.cost.timing import busiest_core, network_timing
from nmcompile.diagnostics import NmError
from nmcompile.target import load_target
from nmcompile.units import Quantity


def test_the_other_table_brings_energies_and_times_but_not_the_static_power():
    target = load_target("loihi1")
    ours = rates_of(target)
    other = second_opinion(target, ours)
    assert other is not None
    assert other.target.name == "loihi1-sanafe"
    assert other.tables == ("energy", "time")
    assert other.rates.energy == rates_of(other.target).energy
    assert other.rates.time == rates_of(other.target).time
    assert other.rates.static is ours.static


def test_a_chip_with_borrowed_energies_keeps_its_times():
    target = load_target("loihi2")
    other = second_opinion(target, rates_of(target))
    assert other is not None
    assert other.tables == ("energy",)
    assert other.rates.energy == rates_of(load_target("loihi1-sanafe")).energy
    assert other.rates.time == rates_of(target).time


def test_a_chip_without_one_has_none():
    target = load_target("truenorth")
    assert second_opinion(target, rates_of(target)) is None


@pytest.mark.parametrize(
    ("line", "code"),
    [('second_opinion = "truenorth"', "NM0613"), ('energies_of = "nochip"', "NM0607")],
)
def test_names_that_do_not_fit_are_refused(tmp_path: Path, line: str, code: str):
    path = tmp_path / "mine.toml"
    path.write_text(f'extends = "loihi1"\nname = "mine"\n{line}\n', encoding="utf-8")
    target = load_target(path)
    with pytest.raises(NmError) as caught:
        second_opinion(target, rates_of(target))
    assert caught.value.codes == (code,)


def test_fired_spikes_cost_where_a_table_states_it(work, rates):
    spike = Quantity(70e-12, "J", "measured", "fit")
    dear = dataclasses.replace(rates, energy=dataclasses.replace(rates.energy, neuron_spike=spike))
    rise = frame_energy(work, dear).component("neuron").value - (
        frame_energy(work, rates).component("neuron").value
    )
    assert rise == pytest.approx(2 * (7 + 9) * 70e-12)  # two runs; 7 and 9 spikes on the cores


def test_arriving_packets_take_time_where_a_table_states_it(sample, rates):
    arrival = Quantity(16e-9, "s", "measured", "fit", low=10e-9, high=20e-9)
    slow = dataclasses.replace(rates, time=dataclasses.replace(rates.time, packet_in=arrival))
    extra = busiest_core(sample.cores, slow.time) - busiest_core(sample.cores, rates.time)
    # 3 packets arrive at the busiest core of tick 1, 6 at that of tick 2
    assert extra == pytest.approx([3 * 16e-9, 6 * 16e-9])
    assert "fit" in network_timing((sample,), slow).latency.source
