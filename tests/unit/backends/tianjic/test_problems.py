"""What functional cores cannot hold is refused before any table is written."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.fcore_nets import CHIP, chip, matched, two_layers
from support.nets import if_neuron

from nmcompile.backends.tianjic.mapping.mapper import map_network
from nmcompile.backends.tianjic.mapping.schedule import Schedule
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, ReLU8
from nmcompile.target import FCoreTarget


def refused(network: Network, schedule: Schedule, target: FCoreTarget = CHIP) -> tuple[str, ...]:
    with pytest.raises(NmError) as caught:
        map_network(network, target, schedule=schedule)
    return caught.value.codes


def changed(name: str, op: Any, network: Network | None = None) -> Network:
    return (network or two_layers()).map_nodes(
        lambda node: dataclasses.replace(node, op=op(node.op)) if node.name == name else node
    )


def neuron(**changes: Any) -> Network:
    return changed("n2", lambda op: ops.Neuron(dataclasses.replace(op.model, **changes)))


UNFOLDED, FOLDED = Schedule("unfolded"), Schedule("folded")


@pytest.mark.parametrize("changes", [{"u_keep": 5}, {"state_shift": 1}, {"payloads": (2, 1)}])
def test_other_neurons(changes: dict[str, Any]) -> None:
    assert refused(neuron(**changes), UNFOLDED) == ("NM0301",)


@pytest.mark.parametrize(
    "op", [ops.Input("spikes", (2, 9, 7), 9), ops.Input("spikes", (2, 9, 7), 4, signed=True)]
)
def test_wide_and_signed_inputs(op: ops.Input) -> None:
    assert refused(changed("input", lambda _: op), UNFOLDED) == ("NM0301",)


def test_running_maxima() -> None:
    network = two_layers()
    pool = Node("p", ops.SpikeMaxPool2d((2, 2), (2, 2)), ("n2",), "p")
    nodes = (*network.nodes[:-2], pool, Node("count", ops.Decode(), ("p",)), network.nodes[-1])
    assert refused(network.replace(nodes=nodes), UNFOLDED) == ("NM0301",)


def test_a_template_for_every_timestep() -> None:
    bank = changed("z", lambda op: dataclasses.replace(op, shape=(4, *op.shape)), matched())
    assert refused(bank, UNFOLDED) == ("NM0301",)


def test_wide_weights() -> None:
    def wider(op: ops.Conv2d) -> ops.Conv2d:
        weight = op.weight.data.astype(np.int16)
        weight[0, 0, 0, 0] = 128
        return dataclasses.replace(op, weight=Array(weight))

    assert refused(changed("c1", wider), UNFOLDED) == ("NM0346",)


@pytest.mark.parametrize("fan_in", [250, 300])
def test_partial_sums_beyond_their_width(fan_in: int) -> None:
    """16 bits hold 128 spikes at 255; 250 inputs need no partial sum, 300 do."""
    weight = np.full((1, fan_in), 127, np.int8)
    nodes = (
        Node("input", ops.Input("spikes", (fan_in,), 8)),
        Node("fc", ops.Linear(Array(weight), Array(np.zeros(1, np.int32))), ("input",), "fc"),
        Node("n", ops.Neuron(ReLU8(Array(np.int32(0)), Array(np.int32(1)), 8)), ("fc",), "fc"),
        Node("output", ops.Output(), ("n",)),
    )
    network = Network("wide", nodes, 1)
    bits = CHIP.formats.partial_sum_bits.model_copy(update={"value": 16, "low": None})
    formats = CHIP.formats.model_copy(update={"partial_sum_bits": bits})
    narrow = CHIP.model_copy(update={"formats": formats})
    assert map_network(network, CHIP, schedule=UNFOLDED).cores == (1 if fan_in < 256 else 3)
    if fan_in < 256:
        assert map_network(network, narrow, schedule=UNFOLDED).cores == 1
    else:
        assert refused(network, UNFOLDED, narrow) == ("NM0347",)


def test_neurons_of_a_channel_with_different_parameters() -> None:
    bias = Array(np.arange(8 * 4 * 5, dtype=np.int32).reshape(8, 4, 5))
    network = neuron(bias=bias)
    assert map_network(network, CHIP, schedule=UNFOLDED).cores > 0
    assert refused(network, FOLDED) == ("NM0349",)
    assert map_network(network, CHIP).schedule == "unfolded"
    same = neuron(bias=Array(np.full((8, 4, 5), 7, np.int32)))
    assert map_network(same, CHIP, schedule=FOLDED).cores > 0


def test_more_cores_than_the_largest_system() -> None:
    assert refused(two_layers(), UNFOLDED, chip(10, 7, chips=1)) == ("NM0315",)


def test_several_problems_are_told_at_once() -> None:
    model = if_neuron(6, 7, shift=6)
    network = changed("n1", lambda _: ops.Neuron(model))
    second = dataclasses.replace(if_neuron(8, 7, shift=0), u_keep=9)
    assert isinstance(second, IntegerNeuron)
    both = changed("n2", lambda _: ops.Neuron(second), network)
    assert refused(both, UNFOLDED) == ("NM0301", "NM0301")
