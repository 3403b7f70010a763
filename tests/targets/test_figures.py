"""The built-in targets say what their sources say. A changed figure must be changed here too."""

from __future__ import annotations

import pytest

from nmcompile.target import Target, load_target, target_names


@pytest.fixture(scope="module", name="loihi1")
def _loihi1() -> Target:
    return load_target("loihi1")


@pytest.fixture(scope="module", name="loihi2")
def _loihi2() -> Target:
    return load_target("loihi2")


@pytest.mark.parametrize("name", target_names())
def test_every_number_cites_a_described_source(name: str) -> None:
    target = load_target(name)
    for path, number in target.numbers():
        assert number.source in target.sources, path
        assert (number.value is None) == (number.kind == "unknown"), path


@pytest.mark.parametrize("name", target_names())
def test_no_cost_is_zero(name: str) -> None:
    for path, number in load_target(name).numbers():
        if path.split(".")[0] in ("energy", "time", "static"):
            assert number.value is None or number.value > 0, path


def test_loihi_1_costs_are_those_of_davies_2018(loihi1: Target) -> None:
    """Table 2 of doi:10.1109/MM.2018.112130359, in pJ and ns."""
    energy = {k: getattr(loihi1.energy, k) for k in type(loihi1.energy).model_fields}
    assert {k: n.value for k, n in energy.items() if n.source == "davies2018"} == {
        "synaptic_op": 23.6,
        "neuron_active": 81.0,
        "neuron_inactive": 52.0,
        "spike_in_tile": 1.7,
        "hop_east_west": 3.0,
        "hop_north_south": 4.0,
        "chip_crossing": None,
    }
    times = (loihi1.time.synaptic_op, loihi1.time.neuron_active, loihi1.time.neuron_inactive)
    assert [n.value for n in times] == [3.5, 8.4, 5.3]
    assert all(n.kind == "simulated" for n in times)  # the table is titled pre-silicon


def test_loihi_2_energies_are_a_proxy_and_say_so(loihi1: Target, loihi2: Target) -> None:
    for key in type(loihi2.energy).model_fields:
        proxy, original = getattr(loihi2.energy, key), getattr(loihi1.energy, key)
        assert proxy.value == original.value
        assert proxy.kind in ("assumed", "unknown")
        if proxy.source == "davies2018":
            assert "proxy" in proxy.where


def test_loihi_2_times_are_scaled(loihi1: Target, loihi2: Target) -> None:
    for key, ratio in (("synaptic_op", 5), ("neuron_active", 2), ("neuron_inactive", 2)):
        scaled, original = getattr(loihi2.time, key), getattr(loihi1.time, key)
        assert scaled.kind == "scaled"
        assert scaled.value == pytest.approx(original.value / ratio)


def test_loihi_capacities(loihi1: Target, loihi2: Target) -> None:
    assert (loihi1.core.neurons.value, loihi2.core.neurons.value) == (1024, 8192)
    assert loihi1.core.synapse_memory_bytes.value == 16384 * 8
    assert loihi2.core.total_memory_bytes.value == 192 * 1024
    assert loihi2.core.in_axons.kind == "assumed"
    assert loihi1.formats.graded_bits.value == 0
    assert not loihi1.neuron.graded_input
    assert loihi2.neuron.graded_input
