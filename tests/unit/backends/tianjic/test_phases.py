"""Folds, starts and intervals, and the frames per second that follow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.fcore_nets import CHIP, chip, relu8, two_layers
from support.nets import conv, stimulus_for

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.plan import curve, frames_per_second
from nmcompile.backends.tianjic.mapping.schedule import Fold, Schedule, fold, schedule_named
from nmcompile.backends.tianjic.simulator.engine import FCoreEngine
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.reference.integer import IntegerRunner


@pytest.mark.parametrize(("phases", "fps"), [(9, 6613.8), (10, 5952.4), (110, 541.1)])
def test_published_frames_per_second_follow_from_phases(phases: int, fps: float) -> None:
    """Zhao et al., Nat. Commun. 2022, table 1: SNN and hybrid; its ANN is 11 times slower."""
    found = frames_per_second(phases, CHIP)
    assert found is not None and round(found, 1) == fps


@pytest.mark.parametrize("timesteps", [9, 10])
def test_an_unfolded_network_takes_a_phase_per_timestep(timesteps: int) -> None:
    graph = map_network(two_layers(timesteps=timesteps), CHIP, schedule=Schedule("unfolded"))
    assert graph.phases == timesteps
    assert graph.ticks == timesteps + 1  # two layers, one of them behind the other


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("unfolded", Schedule("unfolded")),
        ("semi-folded", Schedule("semi-folded")),
        ("semi-folded:26", Schedule("semi-folded", 26)),
        ("folded:7", Schedule("folded", 7)),
    ],
)
def test_names_of_schedules(text: str, schedule: Schedule) -> None:
    assert schedule_named(text) == schedule
    assert str(schedule) == text


@pytest.mark.parametrize(
    "text",
    ["", "folded:", "folded:0", "folded:-1", "unfolded:2", "Folded", "folded: 2", "folded:²"],
)
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(NmError) as caught:
        schedule_named(text)
    assert caught.value.codes == ("NM0348",)


def test_a_fold_covers_the_map_within_its_phases() -> None:
    assert fold(Schedule("unfolded"), 1, (3, 9, 7)) == Fold(9, 7, 1, 1, 1)
    assert fold(Schedule("semi-folded"), 9, (3, 9, 7)) == Fold(1, 7, 9, 1, 1)
    assert fold(Schedule("semi-folded", 4), 4, (3, 9, 7)) == Fold(3, 7, 3, 1, 1)
    assert fold(Schedule("folded"), 63, (3, 9, 7)) == Fold(1, 1, 9, 7, 7)
    assert fold(Schedule("folded", 20), 20, (3, 9, 7)) == Fold(1, 4, 9, 2, 2)
    assert fold(Schedule("folded", 20), 20, (8, 1, 1)) == Fold(1, 1, 1, 1, 20)


def test_semi_folded_rows_stream_from_layer_to_layer() -> None:
    """By hand: 9 rows, padding 1, then kernel 3 with stride 2 onto 4 rows, 2 phases apart."""
    graph = map_network(two_layers(timesteps=1), CHIP, schedule=Schedule("semi-folded"))
    first, second = (graph["core.population"] == index for index in range(2))
    # Row 0 needs rows 0 and 1, which the host sends in phases -1 and 0.
    assert set(graph["core.start"][first]) == {1}
    assert set(graph["host.phase"]) == set(range(-1, 8))
    # Row 0 of layer 2 needs rows 0 to 2, sent in phases 1, 2 and 3.
    assert set(graph["core.start"][second]) == {4}
    assert set(graph["core.period"][second]) == {2}
    assert graph.interval == 9
    assert graph.ticks == 4 + 3 * 2 + 1


def skip(depth: int) -> Network:
    """A skip around `depth` layers."""
    rng = np.random.default_rng(3)
    nodes = [
        Node("input", ops.Input("spikes", (2, 5, 4), 1)),
        Node("c", conv(rng, 4, 2, (1, 1)), ("input",), "c"),
        Node("n", ops.Neuron(relu8(rng, 4, 20)), ("c",), "c"),
    ]
    source = "n"
    for index in range(depth):
        nodes.append(Node(f"c{index}", conv(rng, 4, 4, (1, 1)), (source,), f"c{index}"))
        source = f"n{index}"
        nodes.append(Node(source, ops.Neuron(relu8(rng, 4, 4000)), (f"c{index}",), f"c{index}"))
    nodes += [
        Node("a", conv(rng, 4, 4, (1, 1)), (source,), "a"),
        Node("b", conv(rng, 4, 4, (1, 1)), ("n",), "b"),
        Node("sum", ops.Add(), ("a", "b")),
        Node("join", ops.Neuron(relu8(rng, 4, 4000)), ("sum",), "join"),
        Node("output", ops.Output(), ("join",)),
    ]
    return Network("skip", tuple(nodes), 3)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_a_skip_makes_the_interval_as_long_as_it_must_be(depth: int) -> None:
    network = skip(depth)
    graph = map_network(network, CHIP, schedule=Schedule("unfolded"))
    assert graph.interval == depth + 1
    stimuli = [stimulus_for(network, np.random.default_rng(n)) for n in range(3)]
    golden = [IntegerRunner(network).run(s).output for s in stimuli]

    def streams(interval: int) -> bool:
        found = FCoreEngine(dataclasses.replace(graph, interval=interval)).stream(stimuli)
        return all(np.array_equal(a, b) for a, b in zip(golden, found, strict=True))

    assert streams(graph.interval)
    assert not streams(graph.interval - 1)


def test_the_curve_is_what_is_mapped() -> None:
    network, small = two_layers(), chip(40, 20)
    rows = curve(network, small)
    assert [r["schedule"] for r in rows if ":" not in str(r["schedule"])] == [
        *("unfolded", "semi-folded", "folded"),
    ]
    for row in rows:
        graph = map_network(network, small, schedule=schedule_named(str(row["schedule"])))
        assert (row["cores"], row["phases"]) == (graph.cores, graph.phases)
        assert row["latency_phases"] == graph.ticks


def test_the_fewest_phases_that_fit_a_chip_are_chosen() -> None:
    network = two_layers()
    assert map_network(network, CHIP).schedule == "unfolded"
    small = chip(16, 10)
    unfolded = map_network(network, small, schedule=Schedule("unfolded"))
    graph = map_network(network, small)
    assert unfolded.cores > 156 >= graph.cores
    assert graph.schedule.startswith("semi-folded:")
    fewer = Schedule("semi-folded", int(graph.schedule.split(":")[1]) - 1)
    assert map_network(network, small, schedule=fewer).cores > graph.cores


def test_a_network_beside_another_takes_what_is_left_or_one_more_chip() -> None:
    network, small = two_layers(), chip(16, 10)
    alone = map_network(network, small)
    again = map_network(network, small, beside=[alone])
    # In the 16 cores that are left it would make all chips wait for it.
    assert (again.cores, again.schedule) == (alone.cores, alone.schedule)
    board = chip(16, 10, chips=1)
    folded = map_network(network, board, beside=[map_network(network, board)])
    assert alone.cores + folded.cores <= 156
    assert folded.phases > map_network(network, small, schedule=Schedule("semi-folded")).phases
    slow = map_network(network, small, schedule=Schedule("folded"))
    # Beside a slow network it need not be fast.
    beside = map_network(network, small, beside=[slow])
    assert alone.phases <= beside.phases <= slow.phases
    assert beside.cores + slow.cores <= 156


def test_networks_beside_each_other_share_no_core() -> None:
    network = two_layers()
    first = map_network(network, chip(24, 12), schedule=Schedule("semi-folded"))
    second = map_network(network, chip(24, 12), schedule=Schedule("folded"), beside=[first])
    assert not set(first.slots) & set(second.slots)
