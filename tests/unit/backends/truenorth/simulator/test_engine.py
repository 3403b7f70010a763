"""The compiled engine against the plain reference model, spike for spike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.crossbars import STEPS, one_core, random_graph

from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.backends.truenorth.simulator.frame import FrameSimulator
from nmcompile.backends.truenorth.simulator.reference import ReferenceCores
from nmcompile.mapping.crossbar_graph import CrossbarGraph

SEEDS = st.integers(0, 2**32 - 1)
TICKS = 24


def trains(graph: CrossbarGraph, seed: int, frames: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((frames, graph.timesteps, *graph.input_shape)) < 0.5).astype(np.uint8)


def assert_same_run(graph: CrossbarGraph, seed: int, threads: int = 1) -> None:
    """Free ticks, membranes in between, then two frames with what the host sends."""
    ours = TrueNorthEngine(graph, seed=seed, threads=threads)
    plain = ReferenceCores(graph, seed=seed)
    for ticks in (1, TICKS, 2):
        got, wanted = ours.advance(ticks), plain.advance(ticks)
        np.testing.assert_array_equal(got.spikes, wanted.spikes)
        np.testing.assert_array_equal(got.arrived, wanted.arrived)
        np.testing.assert_array_equal(ours.membranes(), plain.membranes())
    for train in trains(graph, seed):
        one, two = ours.run(train, record=True), plain.run(train, record=True)
        np.testing.assert_array_equal(one.output, two.output)
        for name in one.spikes:
            np.testing.assert_array_equal(one.spikes[name], two.spikes[name])
            np.testing.assert_array_equal(one.v_final[name], two.v_final[name])
        assert one.counters.layers == two.counters.layers


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_plain_neurons_equal_the_reference(seed: int) -> None:
    assert_same_run(random_graph(seed, plain=True), seed)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.sampled_from([17, 300, 2**19 - 1]))
def test_all_modes_equal_the_reference(seed: int, clip: int) -> None:
    assert_same_run(random_graph(seed, clip=clip), seed)


def test_no_thread_count_changes_a_spike() -> None:
    spikes = 0
    for seed in range(12):
        graph = repeated(random_graph(seed), 48)
        runs = []
        for threads in (1, 2, 3):
            engine = TrueNorthEngine(graph, seed=seed, threads=threads)
            assert engine.threads == threads
            runs.append((engine.advance(20), engine.membranes(), engine.core_sops))
        for trace, membranes, sops in runs[1:]:
            np.testing.assert_array_equal(trace.spikes, runs[0][0].spikes)
            np.testing.assert_array_equal(membranes, runs[0][1])
            np.testing.assert_array_equal(sops, runs[0][2])
        spikes += int(runs[0][0].spikes.sum())
    assert spikes > 10_000


def repeated(graph: CrossbarGraph, times: int) -> CrossbarGraph:
    """The network several times over, every copy exciting the next one."""
    cores = graph.cores
    tables = {name: np.asarray(graph[name]) for name in graph.columns()}
    for table in ("core", "axon", "neuron"):
        for column in graph.SCHEMA[table]:
            tables[f"{table}.{column}"] = np.tile(graph[f"{table}.{column}"], times)
    shift = np.repeat(np.arange(times), cores)
    tables["core.neuron0"] = tables["core.neuron0"] + shift * graph.neurons
    tables["core.axon0"] = tables["core.axon0"] + shift * graph.size("axon")
    sends = tables["neuron.target_core"] >= 0
    shift = np.repeat((np.arange(times) + 1) % times, graph.neurons) * cores
    tables["neuron.target_core"] = np.where(sends, tables["neuron.target_core"] + shift, -1)
    return dataclasses.replace(graph, tables=tables)


MUTATIONS = (
    ("parameter.weight0", 1),
    ("parameter.leak", 1),
    ("parameter.threshold", -1),
    ("parameter.reset_mode", 1),
    ("axon.type", 1),
    ("neuron.target_delay", 1),
    ("neuron.target_axon", 1),
    ("neuron.target_core", 1),
    ("neuron.v_init", 50),
    ("crossbar.word", 1),
)


def ring() -> CrossbarGraph:
    """Two cores of three neurons; every value matters."""
    graph = one_core(3, 3, weight0=40, weight1=30, leak=7, threshold=50, reset_mode=1)
    tables = {name: np.asarray(graph[name]) for name in graph.columns()}
    for table in ("core", "axon", "neuron"):
        for column in graph.SCHEMA[table]:
            tables[f"{table}.{column}"] = np.tile(graph[f"{table}.{column}"], 2)
    tables |= {
        "core.neuron0": np.array([0, 3]),
        "core.axon0": np.array([0, 3]),
        "core.x": np.array([0, 1]),
        "neuron.v_init": np.arange(6) * 5,
        "neuron.target_core": np.array([1, 1, 1, 0, 0, -1]),
        "neuron.target_axon": np.array([0, 1, 2, 0, 1, 0]),
        "neuron.target_delay": np.array([1, 2, 3, 1, 2, 1]),
        "crossbar.word": np.array([1, 2, 4], np.uint64),
    }
    return dataclasses.replace(graph, tables=tables)


@pytest.mark.parametrize(("column", "by"), MUTATIONS)
@pytest.mark.parametrize("model", [TrueNorthEngine, ReferenceCores])
def test_every_single_change_shows(model: type[FrameSimulator], column: str, by: int) -> None:
    graph = ring()
    values = np.array(graph[column])
    if column in ("neuron.target_core", "parameter.reset_mode", "crossbar.word"):
        values[0] ^= values.dtype.type(by)
    else:
        values[0] += by
    changed = model(graph.replace({column: values})).advance(40)
    assert not np.array_equal(changed.spikes, ReferenceCores(graph).advance(40).spikes)


def test_hundreds_of_events_of_one_type_are_added_exactly() -> None:
    graph = one_core(300, 70, weight0=-256, threshold=2**18 - 1, floor=2**18 - 1)
    graph = dataclasses.replace(graph, membrane_clip=2**19 - 1)
    train = np.zeros((4, 300), np.uint8)
    train[0] = 1
    engine = TrueNorthEngine(graph)
    assert (engine.run(train, record=True).v_final["p0"] == -256 * 300).all()


def test_membranes_saturate_at_the_clip() -> None:
    for weight, end in ((255, 300), (-256, -300)):
        graph = one_core(3, 2, weight0=weight, threshold=2**18, floor=2**18)
        train = np.ones((4, 3), np.uint8)
        for model in (TrueNorthEngine(graph), ReferenceCores(graph)):
            assert (model.run(train, record=True).v_final["p0"] == end).all()


def test_a_core_without_events_rests_until_something_comes() -> None:
    graph = one_core(1, 3, weight0=10, threshold=25, reset_mode=1)
    train = np.array([[1], [0], [1], [1]], np.uint8)
    spikes = TrueNorthEngine(graph).run(train).output
    assert spikes[:, 0].tolist() == [0, 0, 0, 1]
    ready = graph.replace({"neuron.v_init": np.array([80, 0, -290])})
    assert TrueNorthEngine(ready).run(train * 0).output[:, 0].tolist() == [1, 1, 1, 0]


def test_only_cores_that_nothing_changes_rest() -> None:
    def rest(**parameters: int) -> bool:
        engine = TrueNorthEngine(one_core(1, 70, **parameters))
        engine.advance(1)
        return bool(engine.resting.all())

    assert rest()
    assert rest(leak_reversal=1, stochastic_leak=1)
    assert rest(stochastic0=1)
    assert not rest(leak=1)
    assert not rest(threshold=0, reset_mode=2)
    assert not rest(mask_bits=3)
    assert not rest(weight0=1, stochastic0=1)


def test_frames_do_not_depend_on_each_other() -> None:
    graph = random_graph(5, plain=True)
    train = trains(graph, 1, frames=1)[0]
    engine = TrueNorthEngine(graph)
    first = engine.run(train, record=True)
    engine.run(1 - train)
    again = engine.run(train, record=True)
    for name in first.spikes:
        np.testing.assert_array_equal(first.spikes[name], again.spikes[name])
    assert len(first.spikes["p0"]) == STEPS
