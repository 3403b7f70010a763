"""Counters of crossbar cores against counts done one spike at a time."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.crossbars import one_core, random_graph

from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine
from nmcompile.backends.truenorth.simulator.events import Trace, events_of
from nmcompile.backends.truenorth.simulator.reference import ReferenceCores
from nmcompile.diagnostics import NmError
from nmcompile.mapping.crossbar_graph import CrossbarGraph


def synapse(graph: CrossbarGraph, core: int, axon: int, neuron: int) -> bool:
    block = graph["core.block"][core]
    words = -(-int(graph["core.neurons"][core]) // 64)
    word = graph["block.word0"][block] + axon * words + neuron // 64
    return bool(int(graph["crossbar.word"][word]) >> neuron % 64 & 1)


@pytest.mark.parametrize("seed", range(8))
def test_against_a_count_by_hand(seed: int) -> None:
    graph = random_graph(seed)
    train = np.random.default_rng(seed).random((graph.timesteps, 4)) < 0.5
    engine, cores = TrueNorthEngine(graph, seed=seed), ReferenceCores(graph, seed=seed)
    before = engine.core_sops
    counters = engine.run(train.astype(np.uint8)).counters
    cores.begin_frame()
    trace = cores.advance(graph.ticks, events_of(graph, train))
    found = counters.cores
    assert found is not None
    np.testing.assert_array_equal(found.sops.sum(axis=0), engine.core_sops - before)
    packets = hops_x = hops_y = host = local = 0
    place = list(zip(graph["core.x"].tolist(), graph["core.y"].tolist(), strict=True))
    for t in range(graph.ticks):
        packets_in = np.zeros(graph.cores, np.int64)
        for core in range(graph.cores):
            first, axon0 = graph["core.neuron0"][core], graph["core.axon0"][core]
            size, axons = graph["core.neurons"][core], graph["core.axons"][core]
            met = [
                j
                for a in range(axons)
                for j in range(size)
                if trace.arrived[t, axon0 + a] and synapse(graph, core, a, j)
            ]
            fired = np.flatnonzero(trace.spikes[t, first : first + size]).tolist()
            assert found.sops[t, core] == len(met)
            assert found.updates_active[t, core] == len({*met, *fired})
            for j in fired:
                target = graph["neuron.target_core"][first + j]
                if target >= 0:
                    dx, dy = (abs(a - b) for a, b in zip(place[core], place[target], strict=True))
                    packets, hops_x, hops_y = packets + 1, hops_x + dx, hops_y + dy
                    local += dx + dy == 0
                    packets_in[target] += 1
        for h in range(graph.size("host")):
            step = t - graph["host.delay"][h]
            if 0 <= step < graph.timesteps and train[step, graph["host.index"][h]]:
                packets_in[graph["host.core"][h]] += 1
                host += 1
        for b in range(graph.size("bias")):
            if graph["bias.start"][b] <= t + 1 <= graph["bias.end"][b]:
                packets_in[graph["bias.core"][b]] += 1
                host += 1
        np.testing.assert_array_equal(found.packets_in[t], packets_in)
    assert (found.packets, found.host_packets) == (packets + host, host)
    assert (found.hops_east_west, found.hops_north_south) == (hops_x, hops_y)
    assert found.packets_local == local
    assert_layers(graph, trace, train, counters.layers)


def assert_layers(graph: CrossbarGraph, trace: Trace, train: np.ndarray, layers: tuple) -> None:
    """Spikes of the window, and what they feed."""
    for p, layer in enumerate(layers):
        depth = graph.populations[p].depth
        own = np.flatnonzero(np.repeat(graph["tile.population"], graph["tile.neurons"]) == p)
        assert layer.spikes == trace.spikes[depth : depth + graph.timesteps][:, own].sum()
        sops = 0
        core = np.repeat(np.arange(graph.cores), graph["core.neurons"])
        columns = (graph[f"fanout.{c}"] for c in ("line", "population", "synapses"))
        for line, population, synapses in zip(*columns, strict=True):
            if population != p:
                continue
            if line >= graph.neurons:
                spikes = train[:, line - graph.neurons].sum()
            else:
                depth = graph.populations[core[line]].depth
                spikes = trace.spikes[depth : depth + graph.timesteps, line].sum()
            sops += spikes * synapses
        assert layer.sops == sops


def test_windows_and_delays_by_hand() -> None:
    graph = one_core(2, 2, weight0=3, threshold=6, reset_mode=0)
    graph = dataclasses.replace(
        graph,
        ticks=6,
        populations=(dataclasses.replace(graph.populations[0], depth=2),),
        tables={**graph.tables, "host.delay": np.array([2, 3])},
    )
    train = np.array([[1, 1], [1, 0], [0, 0], [0, 1]], np.uint8)
    # Axon 0 has events in ticks 3, 4; axon 1 in ticks 4 and 7, which is too late.
    result = TrueNorthEngine(graph).run(train, record=True)
    assert result.output.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]
    assert result.v_final["p0"].tolist() == [0, 0]
    cores = result.counters.cores
    assert cores is not None
    assert cores.sops[:, 0].tolist() == [0, 0, 2, 4, 0, 0]
    assert cores.updates_active[:, 0].tolist() == [0, 0, 2, 2, 0, 0]
    assert cores.host_packets == 3


def test_driven_axons_stand_in_for_a_leak() -> None:
    graph = one_core(1, 1, weight0=2, threshold=100)
    rows = {"core": [0], "axon": [0], "start": [2], "end": [3]}
    graph = graph.replace({f"bias.{name}": np.array(row) for name, row in rows.items()})
    result = TrueNorthEngine(graph).run(np.zeros((4, 1), np.uint8), record=True)
    assert result.v_final["p0"].tolist() == [4]
    assert result.counters.cores is not None
    assert result.counters.cores.host_packets == 2


def test_values_are_refused() -> None:
    engine = TrueNorthEngine(one_core(2, 1))
    with pytest.raises(NmError) as error:
        engine.run(np.full((4, 2), 3, np.uint8))
    assert error.value.codes == ("NM0218",)
    with pytest.raises(NmError) as error:
        engine.run(np.zeros((5, 2), np.uint8))
    assert error.value.codes == ("NM0204",)
