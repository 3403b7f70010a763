"""Mapped cores equal the golden semantics: spikes, membranes, counts, over two frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.mapping import limits, line, skip_networks, small_limits
from support.mixed import mixed_networks
from support.nets import spiking_networks, stimulus_for
from support.odd import odd_networks
from support.plain import Plain

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network
from nmcompile.reference.integer import IntegerRunner

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mapped(network: Network, caps: Limits, cores: int | None = None) -> CoreGraph:
    """The mapped network; draws whose caps are too small even for one neuron are skipped."""
    try:
        return map_network(network, caps, cores=cores)
    except NmError as error:
        assume(not set(error.codes) & {"NM0302", "NM0303", "NM0304", "NM0305"})
        raise


def check_frame(engine: LoihiEngine, network: Network, stimulus: Any) -> None:
    """One frame on cores against the plain golden semantics."""
    result = engine.run(stimulus, record=True)
    golden = Plain(network, stimulus)
    for name, train in golden.trains().items():
        np.testing.assert_array_equal(result.spikes[name], train, err_msg=name)
    for name, v in golden.v.items():
        np.testing.assert_array_equal(result.v_final[name], v, err_msg=name)
        np.testing.assert_array_equal(result.u_final[name], golden.u[name], err_msg=name)
    np.testing.assert_array_equal(result.output, golden.output)


@QUICK
@given(
    spiking_networks(),
    small_limits(),
    st.integers(0, 2**32 - 1),
    st.sampled_from([None, None, 20, 60]),
)
def test_random_networks(network: Network, caps: Limits, seed: int, cores: int | None) -> None:
    graph = mapped(network, caps, cores)
    engine = LoihiEngine(graph)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        check_frame(engine, network, stimulus_for(network, rng))


@QUICK
@given(skip_networks(), small_limits(), st.integers(0, 2**32 - 1))
def test_branches_of_different_depth(network: Network, caps: Limits, seed: int) -> None:
    graph = mapped(network, caps)
    engine = LoihiEngine(graph)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        check_frame(engine, network, stimulus_for(network, rng))


@QUICK
@given(odd_networks(), small_limits(), st.integers(0, 2**32 - 1))
def test_odd_shapes(network: Network, caps: Limits, seed: int) -> None:
    engine, runner = LoihiEngine(mapped(network, caps)), IntegerRunner(network)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        stimulus = stimulus_for(network, rng)
        check_frame(engine, network, stimulus)
        golden = Plain(network, stimulus)
        ours = runner.run(stimulus, record=True)
        np.testing.assert_array_equal(ours.output, golden.output)
        for name, v in golden.v.items():
            np.testing.assert_array_equal(ours.v_final[name], v, err_msg=name)


def check_mixed(network: Network, caps: Limits, seed: int) -> None:
    """Two frames: interpreter and cores against the plain definition, counters alike."""
    rng = np.random.default_rng(seed)
    stimuli = [stimulus_for(network, rng) for _ in range(2)]
    plain = [Plain(network, stimulus) for stimulus in stimuli]
    assume(all(golden.largest < 2**27 for golden in plain))  # what is beyond is refused
    engine, runner = LoihiEngine(mapped(network, caps)), IntegerRunner(network)
    for stimulus, golden in zip(stimuli, plain, strict=True):
        ours = runner.run(stimulus, record=True)
        on_cores = engine.run(stimulus, record=True)
        for name, train in golden.trains().items():
            for found in (ours.spikes[name], on_cores.spikes[name]):
                assert found.dtype == train.dtype
                np.testing.assert_array_equal(found, train, err_msg=name)
        for name, v in golden.v.items():
            np.testing.assert_array_equal(ours.v_final[name], v, err_msg=name)
            np.testing.assert_array_equal(on_cores.v_final[name], v, err_msg=name)
            np.testing.assert_array_equal(on_cores.u_final[name], golden.u[name], err_msg=name)
        np.testing.assert_array_equal(ours.output, golden.output)
        np.testing.assert_array_equal(on_cores.output, golden.output)
        assert on_cores.counters.layers == ours.counters.layers


@QUICK
@given(mixed_networks(), small_limits(), st.integers(0, 2**32 - 1))
def test_all_kinds_of_neurons_and_synapses(network: Network, caps: Limits, seed: int) -> None:
    check_mixed(network, caps, seed)


@pytest.mark.slow
@settings(QUICK, max_examples=300)
@given(mixed_networks(), small_limits(), st.integers(0, 2**32 - 1))
def test_many_of_all_kinds(network: Network, caps: Limits, seed: int) -> None:
    check_mixed(network, caps, seed)


@QUICK
@given(st.one_of(spiking_networks(), skip_networks()), small_limits(), st.integers(0, 2**32 - 1))
def test_counters_equal_the_interpreter(network: Network, caps: Limits, seed: int) -> None:
    graph = mapped(network, caps)
    stimulus = stimulus_for(network, np.random.default_rng(seed))
    cores = LoihiEngine(graph).run(stimulus).counters
    golden = IntegerRunner(network).run(stimulus).counters
    assert cores.layers == golden.layers
    assert cores.cores is not None
    assert int(cores.cores.sops.sum()) == cores.sops + cores.macs
    assert cores.ticks == network.timesteps + max(p.depth for p in graph.populations)


def test_thread_count_does_not_matter() -> None:
    network = line(size=12)
    graph = map_network(network, limits(neurons=30))
    stimulus = stimulus_for(network, np.random.default_rng(0))
    one = LoihiEngine(graph, threads=1).run(stimulus, record=True)
    two = LoihiEngine(graph, threads=2).run(stimulus, record=True)
    for name in one.spikes:
        np.testing.assert_array_equal(one.spikes[name], two.spikes[name])
    assert one.counters.layers == two.counters.layers


def test_frames_do_not_leak_into_each_other() -> None:
    network = line()
    engine = LoihiEngine(map_network(network, limits(neurons=40)))
    rng = np.random.default_rng(3)
    first, other = (stimulus_for(network, rng) for _ in range(2))
    before = engine.run(first, record=True)
    engine.run(other)
    after = engine.run(first, record=True)
    np.testing.assert_array_equal(before.output, after.output)
    for name in before.spikes:
        np.testing.assert_array_equal(before.spikes[name], after.spikes[name])


def test_the_network_really_spikes() -> None:
    network = line()
    result = LoihiEngine(map_network(network, limits(neurons=40))).run(
        stimulus_for(network, np.random.default_rng(3)), record=True
    )
    for train in result.spikes.values():
        assert 0.02 < train.mean() < 0.9
