"""TrueNorth says what its sources say; the affine power model meets the published sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmcompile.diagnostics import NmError
from nmcompile.target import CrossbarTarget, load_target, of_family

SYNAPSES = 128
"""Per neuron, in the published sweep."""


@pytest.fixture(scope="module", name="chip")
def _chip() -> CrossbarTarget:
    return of_family(load_target("truenorth"), CrossbarTarget)


def test_structure(chip: CrossbarTarget) -> None:
    """Merolla et al. 2014 (S1, S4, S8), Akopyan et al. 2015 (V)."""
    values = {path: number.value for path, number in chip.numbers()}
    assert values["chip.cores"] == 64 * 64 == 4096
    assert (values["chip.router_columns"], values["chip.router_rows"]) == (64, 64)
    assert (values["core.axons"], values["core.neurons"]) == (256, 256)
    assert values["core.axon_types"] == 4
    assert values["core.targets_per_neuron"] == 1
    assert (values["formats.weight_bits"], values["formats.synapse_bits"]) == (9, 1)
    assert (values["formats.membrane_bits"], values["formats.threshold_bits"]) == (20, 18)
    assert (values["formats.delay_ticks_min"], values["formats.delay_ticks_max"]) == (1, 15)
    assert values["formats.graded_bits"] == 0
    assert values["routing.reach_cores"] == 255
    assert chip.time.tick.quantity().value == 1e-3


def test_what_sources_disagree_on_is_a_range(chip: CrossbarTarget) -> None:
    clip, row = chip.formats.membrane_clip, chip.core.row_bits
    assert (clip.low, clip.value, clip.high) == (2**18 + 2**17, 2**19 - 1, 2**19 - 1)
    assert "nemo" in clip.where
    assert (row.low, row.value) == (408, 256 + 124 + 26 + 4)
    assert (chip.time.tick.low, chip.time.tick_verified.value) == (0.0476, 200.0)
    assert chip.headline.power_recurrent.low == 65.0


def test_spikes_on_the_way(chip: CrossbarTarget) -> None:
    """Merolla et al. 2014, S5: energies per bit, times the 32 bits of a packet."""
    bits = chip.routing.packet_bits.value
    assert chip.energy.hop_east_west.value == pytest.approx(0.072 * bits, rel=0.01)
    assert chip.energy.chip_edge.value == 2.0 * bits
    assert chip.energy.chip_crossing.value == 26.0 * bits
    assert chip.energy.row_read.value == pytest.approx(0.047 * 410, abs=0.1)


@pytest.mark.parametrize(
    ("rate_hz", "power_mw", "error"),
    [(11.58, 68.0, 1e-3), (95.93, 94.0, 1e-3), (20.07, 71.0, 6e-3)],
)
def test_the_affine_model_meets_the_sweep(
    chip: CrossbarTarget, rate_hz: float, power_mw: float, error: float
) -> None:
    """Akopyan et al. 2015, Fig. 17 at 0.8 V; the last point did not go into the fit."""
    neurons = chip.chip.cores.value * chip.core.neurons.value
    per_op, static = chip.energy.synaptic_op_routed.value, chip.static.power_per_chip.value
    assert per_op is not None
    assert static is not None
    power = static + per_op * 1e-9 * neurons * rate_hz * SYNAPSES
    assert power == pytest.approx(power_mw, rel=error)


def test_hops_can_be_charged_apart(chip: CrossbarTarget) -> None:
    """42.6 hops per spike and 128 events per spike: both ways give one energy per event."""
    hop, local = chip.energy.hop_east_west.value, chip.energy.synaptic_op.value
    assert hop is not None
    assert local is not None
    routed = local + 42.6 * hop / SYNAPSES
    assert routed == pytest.approx(chip.energy.synaptic_op_routed.value, rel=0.01)


def test_headline_figures(chip: CrossbarTarget) -> None:
    headline = chip.headline
    assert headline.energy_per_synaptic_op.value == 26.0
    assert headline.energy_at_typical_efficiency.value == pytest.approx(1000 / 46, abs=0.01)
    assert headline.energy_at_fast_efficiency.value == pytest.approx(1000 / 70, abs=0.01)
    assert headline.energy_at_peak_efficiency.value == pytest.approx(1000 / 400)
    assert 1e12 / (chip.time.synaptic_op_chip.value or 0) == pytest.approx(58e9, rel=1e-3)
    assert headline.power_lowest.value == chip.static.power_per_chip.low == 42.0


def test_headline_energies_contradict_each_other(chip: CrossbarTarget) -> None:
    """A million neurons at 20 Hz with 128 synapses at 65 or 72 mW give neither 46 nor 38.5."""
    sops = 1e6 * 20 * SYNAPSES
    per_op = chip.headline.energy_per_synaptic_op
    recurrent = chip.headline.power_recurrent
    assert 1000 / (per_op.value or 0) == pytest.approx(38.5, abs=0.05)
    assert sops / ((recurrent.value or 0) * 1e-3) / 1e9 == pytest.approx(35.6, abs=0.05)
    assert sops / ((recurrent.low or 0) * 1e-3) / 1e9 == pytest.approx(39.4, abs=0.05)
    assert (per_op.low, per_op.high) == (
        pytest.approx(1000 / 46, abs=0.05),
        pytest.approx((recurrent.value or 0) * 1e9 / sops, abs=0.05),
    )


def test_memory_of_a_core(chip: CrossbarTarget) -> None:
    """Merolla et al. 2014, p. 6: 104,448 bits in a core, about 428 Mbit in a chip."""
    bits = (chip.core.row_bits.low or 0) * chip.core.neurons.value
    assert bits == 65_536 + 31_232 + 6_656 + 1_024
    assert bits * chip.chip.cores.value == pytest.approx(428e6, rel=1e-3)


def test_widths_that_no_paper_was_read_for_are_assumed(chip: CrossbarTarget) -> None:
    formats = chip.formats
    for width in ("threshold_bits", "floor_bits", "leak_bits", "mask_bits", "reset_exponent_max"):
        assert chip.number(f"formats.{width}").kind == "assumed", width
    assert (formats.floor_bits.value, formats.mask_bits.value) == (18, 8)
    assert 2**formats.reset_exponent_max.value - 1 == formats.membrane_clip.value


def test_packet_reaches_across_the_largest_board(chip: CrossbarTarget) -> None:
    grid, reach = chip.chip, chip.routing.reach_cores.value
    assert grid.chip_columns.value * grid.router_columns.value == reach + 1
    assert grid.chip_rows.value * grid.router_rows.value == reach + 1


@pytest.mark.parametrize(("name", "columns", "rows"), [("ns1e", 1, 1), ("ns16e", 4, 4)])
def test_boards(chip: CrossbarTarget, name: str, columns: int, rows: int) -> None:
    board = of_family(load_target(f"truenorth-{name}"), CrossbarTarget)
    grid = board.chip
    assert (grid.chip_columns.value, grid.chip_rows.value) == (columns, rows)
    assert grid.chips_max.value == columns * rows
    same = {path: number for path, number in chip.numbers() if not path.startswith("chip.chip")}
    assert {p: n for p, n in board.numbers() if not p.startswith("chip.chip")} == same


def test_a_board_is_a_grid(tmp_path: Path) -> None:
    file = tmp_path / "board.toml"
    more = '{ value = 3, unit = "1", kind = "assumed", source = "nmcompile" }'
    file.write_text(f'extends = "truenorth"\nname = "three"\n[chip]\nchips_max = {more}\n')
    with pytest.raises(NmError) as caught:
        load_target(file)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, "4 x 4 chips are 16" in diagnostic.message) == ("NM0604", True)


def test_what_nobody_published_is_unknown(chip: CrossbarTarget) -> None:
    assert chip.energy.neuron_update.kind == "unknown"
    assert chip.static.host_power_per_chip.kind == "unknown"


def test_what_the_neurons_can_do(chip: CrossbarTarget) -> None:
    neuron = chip.neuron
    assert (neuron.soft_reset, neuron.max_pool, neuron.frame_reset) == (
        *("native", "or", "host_rewrite"),
    )
    assert not neuron.graded_input
    assert neuron.reset_modes == ("value", "linear", "none")
    assert neuron.floor_modes == ("saturate", "reset")
    assert neuron.leak_reversal
    assert neuron.stochastic == ("synapse", "leak", "threshold")
