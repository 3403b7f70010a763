"""Energy: figures computed by hand, and unknown costs that never become zero."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmcompile.cost.charge import Charge, bill, product
from nmcompile.cost.energy import COMPONENTS, frame_energy
from nmcompile.units import Quantity

PJ = 1e-12

# One run, by hand.
SYNAPSE = (400 + 20) * 20 * PJ  # accesses, stored zeros included
NEURON = (30 * 80 + (60 - 30) * 50) * PJ  # 30 active of 2 ticks x 30 neurons
ROUTING = (18 * 2 + 6 * 3 + 5 * 4) * PJ
OFF_CHIP = 8 * 100 * PJ
# Tick 1: core 0 does 100 + 5*4 + 5*2 = 130 ns, core 1 does 50 + 10*4 + 10*2 = 110 ns; +100 barrier.
# Tick 2: core 1 does 250 + 15*4 + 5*2 = 320 ns; link 60*10 = 600 ns decides; +100 barrier.
SECONDS = 230e-9 + 700e-9
STATIC = 0.1 * SECONDS
EMBEDDED = 0.05 * SECONDS
HOST = 40 * 5 * PJ


def test_components_by_hand(work, rates):
    energy = frame_energy(work, rates)
    expected = {
        "synapse": 2 * SYNAPSE,
        "neuron": 2 * NEURON,
        "routing": 2 * ROUTING,
        "off_chip": 2 * OFF_CHIP,
        "static": 2 * STATIC,
        "host": HOST + 2 * EMBEDDED,
    }
    assert tuple(name for name, _ in energy.components) == COMPONENTS
    for name, value in expected.items():
        assert energy.component(name).value == pytest.approx(value, rel=1e-12), name
    assert energy.total.value == pytest.approx(sum(expected.values()), rel=1e-12)
    assert not energy.total.at_least


def test_the_first_frame_stands_apart_or_is_spread(work, rates):
    once = SYNAPSE + NEURON + ROUTING + OFF_CHIP + STATIC + EMBEDDED
    apart = frame_energy(work, rates)
    spread = frame_energy(dataclasses.replace(work, frames_per_init=50), rates)
    assert apart.init.value == pytest.approx(once, rel=1e-12)
    assert spread.init.value == pytest.approx(once, rel=1e-12)
    assert spread.total.value - apart.total.value == pytest.approx(once / 50, rel=1e-9)


def test_per_crop_is_one_run_of_every_step(work, rates):
    energy = frame_energy(work, rates)
    once = SYNAPSE + NEURON + ROUTING + OFF_CHIP + STATIC + EMBEDDED + HOST
    assert energy.per_crop.value == pytest.approx(once, rel=1e-12)


def test_static_power_is_paid_by_every_chip(work, rates):
    one = frame_energy(work, rates).component("static")
    three = frame_energy(dataclasses.replace(work, chips=3), rates).component("static")
    slower = (1000 - 100) * 1e-9 * 2  # the barrier of several chips
    assert three.value == pytest.approx(3 * 0.1 * (2 * SECONDS + 2 * slower), rel=1e-12)
    assert three.value > 3 * one.value


def test_layers_share_out_their_components(work, rates):
    energy = frame_energy(work, rates)
    by_layer = {row.layer: row for row in energy.layers}
    assert by_layer["a"].synapse.value == pytest.approx(2 * SYNAPSE * 300 / 400)
    assert by_layer["b"].neuron.value == pytest.approx(2 * NEURON * 40 / 60)
    for name in ("synapse", "neuron"):
        parts = math.fsum(getattr(row, name).value for row in energy.layers)
        assert parts == pytest.approx(energy.component(name).value)


def test_ranges_come_from_the_sources(work, rates):
    synapse = frame_energy(work, rates).component("synapse")
    assert synapse.range == (pytest.approx(SYNAPSE), pytest.approx(3 * SYNAPSE))
    assert synapse.source == "paper"
    assert synapse.kind == "published"


def test_an_unknown_cost_makes_a_bound_not_a_zero(work, rates, without):
    full = frame_energy(work, rates)
    lacking = frame_energy(work, without(rates, "energy", "hop_east_west"))
    routing = lacking.component("routing")
    assert routing.at_least
    assert routing.unknown_parts == ("hops east-west",)
    assert routing.value == pytest.approx(2 * (ROUTING - 18 * PJ))
    assert lacking.total.at_least
    assert lacking.total.range[1] == math.inf
    assert lacking.total.value < full.total.value


def test_a_component_without_any_cost_is_unknown(work, rates, without):
    energy = frame_energy(work, without(rates, "energy", "host_packet"))
    assert energy.component("off_chip").value is None
    assert energy.total.at_least
    assert "spikes from the host" in energy.total.unknown_parts


def test_what_did_not_happen_costs_nothing_even_when_its_cost_is_unknown(work, rates, without):
    quiet = dataclasses.replace(work, host=())
    no_x86 = without(without(rates, "energy", "host_op"), "static", "host_power_per_chip")
    assert frame_energy(quiet, no_x86).component("host").value is None
    still = dataclasses.replace(quiet, chip=())
    assert frame_energy(still, no_x86).component("host").value == 0.0
    assert not frame_energy(still, no_x86).total.at_least


def test_a_network_that_is_not_mapped_has_no_routing_figure(work, rates, sample):
    golden = dataclasses.replace(sample, cores=None)
    run = dataclasses.replace(work.chip[1], samples=(golden,))
    energy = frame_energy(dataclasses.replace(work, chip=(run,)), rates)
    assert energy.component("routing").value is None
    neuron = energy.component("neuron")
    assert neuron.range == (pytest.approx(2 * 60 * 50 * PJ), pytest.approx(2 * 60 * 80 * PJ))
    assert energy.total.at_least


def test_several_inferences_are_averaged(work, rates, sample):
    doubled = dataclasses.replace(
        sample, cores=dataclasses.replace(sample.cores, sops=sample.cores.sops * 2)
    )
    run = dataclasses.replace(work.chip[1], samples=(sample, doubled))
    energy = frame_energy(dataclasses.replace(work, chip=(run,)), rates)
    assert energy.component("synapse").value == pytest.approx(2 * (600 + 20) * 20 * PJ)


counts = st.floats(0, 1e9)


@given(st.lists(st.tuples(counts, st.one_of(st.none(), st.floats(1e-15, 1e-9))), max_size=6))
def test_a_bill_is_the_sum_of_what_is_known(items):
    charges = [
        Charge(f"e{i}", n, Quantity(c, "J", "unknown" if c is None else "published", f"s{i}"))
        for i, (n, c) in enumerate(items)
    ]
    found = bill(charges, "J")
    known = math.fsum(n * c for n, c in items if c is not None)
    gaps = [f"e{i}" for i, (n, c) in enumerate(items) if c is None and n > 0]
    assert found.unknown_parts == tuple(gaps)
    if found.value is None:
        assert gaps and known == 0
    else:
        assert found.value == pytest.approx(known, rel=1e-9, abs=1e-300)
        assert found.at_least == bool(gaps)


def test_a_product_multiplies_ranges_and_keeps_the_weakest_kind():
    power = Quantity(2.0, "W", "measured", "a", low=1.0, high=3.0)
    time = Quantity(10.0, "s", "scaled", "b", low=5.0, high=20.0)
    energy = product(power, time, "J", "power")
    assert (energy.value, energy.low, energy.high) == (20.0, 5.0, 60.0)
    assert (energy.kind, energy.source) == ("scaled", "a; b")
    open_end = product(power, dataclasses.replace(time, at_least=True), "J", "power")
    assert open_end.at_least
    assert open_end.range[1] == math.inf


def test_actions_add_up_to_their_components(work, rates):
    energy = frame_energy(work, rates)
    for component in ("synapse", "neuron", "routing", "off_chip"):
        parts = [a.energy.value for a in energy.actions if a.component == component]
        assert sum(parts) == pytest.approx(energy.component(component).value), component
    each = {a.what: (a.count, a.cost.value) for a in energy.actions}
    # two runs of 30 active and 30 idle updates
    assert each["active neuron updates"] == (60, rates.energy.neuron_active.value)
    assert each["idle neuron updates"] == (60, rates.energy.neuron_inactive.value)
    assert each["operations"] == (40, rates.energy.host_op.value)
    assert "multiply-accumulates" not in each  # did not happen
    assert all(a.energy.value == pytest.approx(a.count * a.cost.value) for a in energy.actions)


def test_an_action_without_a_cost_is_listed_as_unknown(work, rates, without):
    energy = frame_energy(work, without(rates, "energy", "hop_east_west"))
    (hops,) = [a for a in energy.actions if a.what == "hops east-west"]
    assert hops.count == 12
    assert hops.energy.value is None
