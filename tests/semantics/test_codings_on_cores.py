"""Codings, gates and coded inputs on cores: payload for payload what the golden network spikes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.coded_nets import coded_networks
from support.mapping import limits, line, small_limits
from support.nets import stimulus_for
from support.plain import Plain

from nmcompile.backends.loihi.engine import LoihiEngine
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network
from nmcompile.reference.integer import IntegerRunner

PHASE = ops.Encode("phase", (128, 64, 32, 16, 8, 4, 2, 1))
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(coded_networks(), small_limits(), st.integers(0, 2**32 - 1))
def test_cores_and_interpreter_are_the_plain_definition(
    network: Network, caps: Limits, seed: int
) -> None:
    try:
        graph = map_network(network, caps)
    except NmError as error:
        assume(not set(error.codes) & {"NM0302", "NM0303", "NM0304", "NM0305"})
        raise
    engine, runner = LoihiEngine(graph), IntegerRunner(network)
    rng = np.random.default_rng(seed)
    for _ in range(2):
        stimulus = stimulus_for(network, rng)
        golden = Plain(network, stimulus)
        on_cores = engine.run(stimulus, record=True)
        read = runner.run(stimulus, record=True)
        for name, train in golden.trains().items():
            np.testing.assert_array_equal(read.spikes[name], train, err_msg=name)
            np.testing.assert_array_equal(on_cores.spikes[name], train, err_msg=name)
        np.testing.assert_array_equal(on_cores.output, golden.output)
        np.testing.assert_array_equal(read.output, golden.output)
        assert on_cores.counters.layers == read.counters.layers


def test_a_stored_core_graph_keeps_its_codings(tmp_path: Path) -> None:
    plain = line(timesteps=8)
    nodes = [_bursting(node) for node in plain.nodes[1:]]
    pixels = Node("pixels", ops.Input("values", (2, 8, 9), 8))
    network = plain.replace(nodes=(pixels, Node("input", PHASE, ("pixels",)), *nodes))
    graph = map_network(network, limits(neurons=40))
    graph.save(tmp_path / "graph")
    stimulus = np.random.default_rng(1).integers(0, 256, (2, 8, 9)).astype(np.uint8)
    loaded = CoreGraph.load(tmp_path / "graph")
    assert loaded.digest == graph.digest
    assert loaded.encode == PHASE
    wanted = IntegerRunner(network).run(stimulus, record=True)
    found = LoihiEngine(loaded).run(stimulus, record=True)
    for name, train in wanted.spikes.items():
        np.testing.assert_array_equal(found.spikes[name], train)
    assert max(int(train.max()) for train in wanted.spikes.values()) > 1


def _bursting(node: Node) -> Node:
    op = node.op
    if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
        model = dataclasses.replace(op.model, payloads=(4, 2, 1), advance="burst")
        return dataclasses.replace(node, op=ops.Neuron(model))
    return node
