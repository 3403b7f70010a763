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
    assert {k: n.value for k, n in energy.items() if n and n.source == "davies2018"} == {
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
        if original is None:
            assert proxy is None
            continue
        assert proxy.value == original.value
        assert proxy.kind in ("assumed", "unknown")
        if proxy.source == "davies2018":
            assert "proxy" in proxy.where


def test_the_second_table_of_loihi_1_is_sana_fe_s() -> None:
    """arch/loihi.yaml of SANA-FE, in pJ and ns."""
    other = load_target("loihi1-sanafe")
    fitted = {path: n.value for path, n in other.numbers() if n.source == "sanafe"}
    assert {k: v for k, v in fitted.items() if k.startswith(("energy.", "time."))} == {
        "energy.synaptic_op": 24.0,
        "energy.neuron_active": pytest.approx(51.2 + 21.6),
        "energy.neuron_inactive": 51.2,
        "energy.neuron_spike": 69.3,
        "energy.spike_in_tile": 111.0,
        "energy.hop_east_west": 3.0,
        "energy.hop_north_south": 4.2,
        "time.synaptic_op": 3.1,
        "time.neuron_active": pytest.approx(6.0 + 3.7),
        "time.neuron_inactive": 6.0,
        "time.packet_in": 16.0,
        "time.barrier": 1.8,
    }
    assert (other.energy.synaptic_op.low, other.energy.synaptic_op.high) == (24.0, 35.5)


def test_loihi_targets_name_the_table_beside_theirs(loihi1: Target, loihi2: Target) -> None:
    assert loihi1.second_opinion == "loihi1-sanafe"
    assert load_target("loihi1-sanafe").second_opinion == "loihi1"
    for name in target_names():
        if name.startswith("loihi2"):
            assert load_target(name).energies_of == "loihi1", name


def test_counters_of_the_measured_query_follow_from_the_paper(loihi1: Target) -> None:
    """Frady et al. 2020: 1000 inputs, a quarter to a third silent, 76,800 neurons, 60 timesteps."""
    query = loihi1.measured["knn_query"]
    inputs, neurons, window = 1000, 76_800, 60
    ops = query.synaptic_ops
    assert (ops.low, ops.high) == (inputs * 2 / 3 * neurons, inputs * 3 / 4 * neurons)
    assert ops.value == (ops.low + ops.high) / 2
    assert query.neuron_updates.value == neurons * window
    assert query.neuron_updates.high == neurons * query.ticks.high
    assert query.ticks.high == round(2.34e-3 / 3.34 / 5.8e-6)  # static energy, power, timestep
    assert query.cores.low == neurons / 1024
    assert query.energy.value == 1.33


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


def test_loihi_1_limits_are_those_of_its_compilers(loihi1: Target) -> None:
    """optimization.py, data_structures.py of NxTF; block.py, hardware/validate.py of NengoLoihi."""
    figures = {path: number.value for path, number in loihi1.numbers()}
    assert {k: v for k, v in figures.items() if k.startswith("synapses.")} == {
        "synapses.word_bits": 64,
        "synapses.header_bits": 10,
        "synapses.spill_bits": 5,
        "synapses.entry_synapses": 60,
        "synapses.index_bits": (0, 6, 7, 8, 9, 10, 11, 12),
        "synapses.skip_bits": (2, 3, 4, 5),
        "synapses.weight_bits": (0, 1, 2, 3, 4, 5, 6, 8),
        "synapses.delay_bits": (3, 4, 5, 6),
        "synapses.words_per_axon": 256,
        "synapses.formats": 16,
        "synapses.base_offset_max": 255,
    }
    entries = ("discrete", "population", "crossing")
    assert [figures[f"core.out_axon_{e}"] for e in entries] == [1, 2, 1]
    assert [figures[f"core.{t}_configs"] for t in ("compartment", "threshold")] == [32, 16]
    assert figures["core.destination_groups"] == 16
    assert figures["core.delay_steps"] == 8
    assert "core.total_memory_bytes" not in figures  # its memories are separate


def test_what_nobody_says_about_loihi_2_is_assumed(loihi1: Target, loihi2: Target) -> None:
    kinds = {path: number.kind for path, number in loihi2.numbers()}
    ours = {"synapses.row_bytes", "synapses.run_bytes"}
    assert {path for path in kinds if path.startswith("synapses.")} == ours
    proxies = [p for p in kinds if p.startswith("core.") and p.endswith(("axons", "axon_atoms"))]
    proxies += [p for p in kinds if p.startswith(("core.out_axon_", "formats.weight_exponent"))]
    assert len(proxies) == 8
    for path in ours | set(proxies):
        assert kinds[path] == "assumed", path
    for path in proxies:
        proxy = loihi2.number(path)
        assert "proxy" in proxy.where, path
        assert proxy.value == loihi1.number(path).value


@pytest.mark.parametrize(
    ("name", "chips", "cores"),
    [
        ("loihi2-oheo-gulch", 1, 120),
        ("loihi2-kapoho-point", 8, 120),
        ("loihi2-hala-point", 1152, 122),
    ],
)
def test_boards(loihi2: Target, name: str, chips: int, cores: int) -> None:
    board = load_target(name)
    assert (board.chip.chips_max.value, board.chip.cores.value) == (chips, cores)
    same = {path: number for path, number in loihi2.numbers() if not path.startswith("chip.")}
    assert {p: n for p, n in board.numbers() if not p.startswith("chip.")} == same
    assert board.aliases == ()
