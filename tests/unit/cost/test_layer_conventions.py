"""Formulas that look at every layer, on networks whose figures follow by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.nets import conv, if_neuron

from nmcompile.cost.layer_conventions import lemaire, neurobench, spike_driven
from nmcompile.cost.layer_facts import LayerFacts, layer_facts
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.reference.integer import IntegerRunner

T = 5


def dense_chain() -> Network:
    """Two dense layers without a zero weight."""
    rng = np.random.default_rng(0)
    nodes = [Node("input", ops.Input("spikes", (12,), 1))]
    source = "input"
    for i, (inputs, outputs) in enumerate(((12, 8), (8, 6))):
        weight = Array(rng.integers(1, 20, (outputs, inputs)).astype(np.int8))
        bias = Array(np.zeros(outputs, np.int32))
        nodes.append(Node(f"w{i}", ops.Linear(weight, bias), (source,), f"layer{i}"))
        source = f"n{i}"
        nodes.append(Node(source, ops.Neuron(if_neuron(outputs, 40)), (f"w{i}",)))
    return Network("dense", (*nodes, Node("y", ops.Output(), (source,))), T)


def facts_of(network: Network, stimulus: Any) -> tuple[LayerFacts, ...]:
    return layer_facts(network, IntegerRunner(network).run(stimulus).counters)


def test_without_zeros_and_borders_the_rate_formula_counts_exactly() -> None:
    rng = np.random.default_rng(1)
    stimulus = (rng.random((T, 12)) < 0.5).astype(np.uint8)
    first, second = facts_of(dense_chain(), stimulus)
    assert first.spikes_in == stimulus.sum()
    assert first.rate_macs == pytest.approx(first.sops)
    assert second.spikes_in == first.spikes_out > 0
    assert second.rate_macs == pytest.approx(second.sops)
    energy = spike_driven(((first, 1.0), (second, 2.0))).energy_j
    assert energy == pytest.approx(0.9e-12 * (first.sops + 2 * second.sops))


def test_borders_and_zeros_make_the_rate_formula_larger() -> None:
    rng = np.random.default_rng(2)
    nodes = (
        Node("input", ops.Input("spikes", (3, 8, 9), 1)),
        Node("c", conv(rng, 4, 3, (3, 3), padding=(1, 1)), ("input",), "conv"),
        Node("n", ops.Neuron(if_neuron(4, 9)), ("c",)),
        Node("c2", conv(rng, 2, 4, (3, 3)), ("n",), "conv2"),
        Node("n2", ops.Neuron(if_neuron(2, 9)), ("c2",)),
        Node("y", ops.Output(), ("n2",)),
    )
    network = Network("conv", nodes, T)
    stimulus = (rng.random((T, 3, 8, 9)) < 0.4).astype(np.uint8)
    first, second = facts_of(network, stimulus)
    assert first.dense_macs == 4 * 8 * 9 * 3 * 9
    assert first.fan_out == 4 * 9
    assert second.spikes_in == first.spikes_out
    assert 0 < second.sops < second.rate_macs


def test_a_real_valued_layer_is_priced_once_or_at_every_timestep() -> None:
    rng = np.random.default_rng(3)
    nodes = (
        Node("input", ops.Input("values", (3, 8, 9), 8)),
        Node("code", ops.Encode("constant"), ("input",)),
        Node("c", conv(rng, 4, 3, (3, 3)), ("code",), "conv"),
        Node("n", ops.Neuron(if_neuron(4, 900)), ("c",)),
        Node("y", ops.Output(), ("n",)),
    )
    image = rng.integers(1, 256, (3, 8, 9)).astype(np.uint8)
    (first,) = facts_of(Network("pixels", nodes, T), image)
    assert first.real
    found = spike_driven(((first, 1.0),))
    assert found.energy_j == found.low_j == pytest.approx(4.6e-12 * 4 * 6 * 7 * 27)
    assert found.high_j == pytest.approx(T * 4.6e-12 * 4 * 6 * 7 * 27)


def test_lemaire_by_hand() -> None:
    facts = LayerFacts(
        layer="l",
        timesteps=1,
        real=False,
        dense_macs=100,
        inputs=10,
        spikes_in=2.0,
        outputs=10,
        spikes_out=3,
        sops=20.0,
        macs=0.0,
        weights=8_000,
        fan_out=10,
    )
    # weights of 32,000 bytes cost 20 pJ an access, small memories 10 pJ
    memory = 20 * 20 + 2 * 20 * 10 + 2 * 10 + 3 * 10
    arithmetic = 20 * 0.1 + 2 * (2 * 3.2 + 10 * 0.1)
    found = lemaire(((facts, 1.0),))
    assert found.energy_j == pytest.approx((memory + arithmetic) * 1e-12)
    assert found.low_j == pytest.approx((memory / 2 + arithmetic) * 1e-12)


def test_neurobench_counts_and_prices_nothing() -> None:
    stimulus = np.ones((T, 12), np.uint8)
    found = neurobench(tuple((f, 1.0) for f in facts_of(dense_chain(), stimulus)))
    assert found.energy_j is None
    assert found.factor(1.0) is None
