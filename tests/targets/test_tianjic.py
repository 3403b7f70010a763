"""The figures of Tianjic follow from one another where they are said to."""

from __future__ import annotations

import pytest

from nmcompile.mapping.fcore_weights import index_bytes
from nmcompile.target import FCoreTarget, load_target, of_family


@pytest.fixture(scope="module", name="chip")
def _chip() -> FCoreTarget:
    return of_family(load_target("tianjic"), FCoreTarget)


def test_neurons_and_synapses_of_a_chip(chip: FCoreTarget) -> None:
    """Pei et al. 2019: about 40 thousand neurons, 10 million synapses."""
    cores, axons, neurons = chip.chip.cores.value, chip.core.axons.value, chip.core.neurons.value
    assert (cores, axons, neurons) == (156, 256, 256)
    assert cores * neurons == 39_936
    assert cores * axons * neurons == 10_223_616


def test_a_phase_holds_a_dense_core_and_is_as_long_as_its_cycles(chip: FCoreTarget) -> None:
    cycles = chip.core.phase_cycles.value
    assert chip.core.axons.value * chip.core.neurons.value / chip.core.multipliers.value <= cycles
    period, phase = chip.time.clock_period.quantity(), chip.time.phase.quantity()
    assert period.value == pytest.approx(1 / 300e6, rel=1e-4)
    assert phase.high == pytest.approx(cycles / 300e6, rel=1e-4)
    assert phase.low == phase.value == pytest.approx(16.8e-6)


def test_energies_of_operations_are_the_peak_less_static_power(chip: FCoreTarget) -> None:
    """649 GSOPS/W and 1.28 TOPS/W at 607 G operations per second of all cores in every phase."""
    peak = 156 * 256 * 256 / (5050 / 300e6)
    assert peak == pytest.approx(607e9, rel=1e-3)
    static = chip.static.power_per_chip.quantity()
    assert (static.low, static.high) == (0.0, 0.4)
    assert static.value == pytest.approx(272e-6 * 541.1, rel=0.01)  # HSN's ANN on one chip
    for energy, whole, power in (
        (chip.energy.synaptic_op, chip.headline.energy_per_synaptic_op, peak / 649e9),
        (chip.energy.mac, chip.headline.energy_per_mac, 2 * peak / 1.28e12),
    ):
        found = energy.quantity()
        assert found.value == pytest.approx((power - (static.value or 0.0)) / peak, rel=0.01)
        assert found.low == pytest.approx((power - 0.4) / peak, rel=0.01)
        assert found.high == pytest.approx(power / peak, rel=0.01)
        assert whole.quantity().value == pytest.approx(power / peak, rel=0.01)
    assert chip.headline.power_full.quantity().value == pytest.approx(2 * peak / 1.28e12, rel=0.01)


def test_what_no_source_states_is_marked(chip: FCoreTarget) -> None:
    kinds = {path: number.kind for path, number in chip.numbers()}
    for path in ("formats.weight_bits", "formats.activation_bits", "formats.partial_sum_bits"):
        assert kinds[path] == "assumed"
    for path in ("chip.router_columns", "chip.chips_max", "headline.power_full"):
        assert kinds[path] == "assumed"
    for path in ("energy.hop_east_west", "energy.chip_crossing", "static.host_power_per_chip"):
        assert kinds[path] == "unknown"


def test_the_stated_memory_contradicts_the_weights(chip: FCoreTarget) -> None:
    """The reason why it limits nothing."""
    weights = chip.core.axons.value * chip.core.neurons.value * chip.formats.weight_bits.value // 8
    assert chip.core.stated_memory_bytes.value < weights
    assert "not enforced" in chip.core.stated_memory_bytes.where
    room = int(chip.core.weight_indices.value)
    by_index = index_bytes(chip.core.axons.value * chip.core.neurons.value, room)
    assert chip.core.stated_memory_bytes.value < by_index == 40_992


def test_both_forms_of_weights(chip: FCoreTarget) -> None:
    """32 entries are published; that the table is one core's, as wide as weights, is assumed."""
    assert chip.neuron.weight_forms == ("values", "indices")
    assert chip.core.weight_indices.kind == "published"
    assert "assumed" in chip.core.weight_indices.where
