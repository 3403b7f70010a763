"""What does not fit is refused with the layer, the limit, the value and ways out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.mapping import limits, line, zeros
from support.nets import conv, if_neuron

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.mapping.mapper import map_network
from nmcompile.mapping.stages import stages


def refused(network: Network, **caps: Any) -> tuple[Diagnostic, ...]:
    with pytest.raises(NmError) as error:
        map_network(network, limits(**caps))
    return error.value.diagnostics


@pytest.mark.parametrize(
    ("code", "caps", "found"),
    [
        ("NM0302", {"in_axons": 8}, "9"),
        ("NM0303", {"synapse_memory_bytes": 60}, None),
        ("NM0304", {"total_memory_bytes": 100}, None),
        ("NM0305", {"out_axons": 3, "neurons": 4}, None),
        ("NM0307", {"neurons": 6, "cores": 2, "chips_max": 1}, None),
    ],
)
def test_codes(code: str, caps: dict[str, Any], found: str | None) -> None:
    problems = refused(line(), **caps)
    assert {p.code for p in problems} == {code}
    for problem in problems:
        assert problem.limit
        assert problem.help
        assert int(problem.found) > 0
    if found is not None:
        assert problems[0].found == found
        assert [p.where for p in problems] == ["conv0", "conv1"]


def test_a_skip_longer_than_the_delay_is_refused() -> None:
    rng = np.random.default_rng(0)
    nodes = [Node("input", ops.Input("spikes", (2, 4, 4), 1))]
    source = "input"
    for i in range(3):
        nodes.append(Node(f"c{i}", conv(rng, 2, 2, (1, 1)), (source,), f"conv{i}"))
        nodes.append(Node(f"n{i}", ops.Neuron(if_neuron(2, 5)), (f"c{i}",)))
        source = f"n{i}"
    nodes.append(Node("main", conv(rng, 2, 2, (1, 1)), (source,), "main"))
    nodes.append(Node("skip", conv(rng, 2, 2, (1, 1)), ("input",), "skip"))
    nodes.append(Node("add", ops.Add(), ("main", "skip")))
    nodes.append(Node("n", ops.Neuron(if_neuron(2, 5)), ("add",)))
    nodes += [Node("d", ops.Decode(), ("n",)), Node("y", ops.Output(), ("d",))]
    network = Network("skip", tuple(nodes), 2)
    assert map_network(network, limits(delay_ticks_max=3))["route.delay"].max() == 3
    (problem,) = refused(network, delay_ticks_max=2)
    assert (problem.code, problem.where, problem.found) == ("NM0306", "skip", "3")


def test_running_maximum_needs_microcode() -> None:
    nodes = (
        Node("input", ops.Input("spikes", (2, 4, 4), 1)),
        Node("p", ops.SpikeMaxPool2d((2, 2), (2, 2)), ("input",), "pool"),
        Node("d", ops.Decode(), ("p",)),
        Node("y", ops.Output(), ("d",)),
    )
    (problem,) = refused(Network("pool", nodes, 2), running_max_pool=False)
    assert (problem.code, problem.where) == ("NM0301", "pool")


def test_everything_that_cores_cannot_run_is_named() -> None:
    rng = np.random.default_rng(0)
    biased = ops.Conv2d(conv(rng, 2, 2, (1, 1)).weight, Array(np.array([0, 3], np.int32)))
    nodes = (
        Node("input", ops.Input("values", (2, 4, 4), 8)),
        Node("c", ops.Conv2d(conv(rng, 2, 2, (1, 1)).weight, zeros(2)), ("input",), "raw"),
        Node("n", ops.Neuron(if_neuron(2, 5)), ("c",), "act"),
        Node("c2", biased, ("n",), "biased"),
        Node("n2", ops.Neuron(if_neuron(2, 5)), ("c2",)),
        Node("s", ops.Scale(2.0), ("n2",), "gain"),
        Node("y", ops.Output(), ("s",)),
    )
    with pytest.raises(NmError) as error:
        stages(Network("bad", nodes, 2))
    assert {d.code for d in error.value.diagnostics} == {"NM0301"}
    assert {d.where for d in error.value.diagnostics} == {"raw", "biased", "gain"}


def test_weights_beyond_the_tables_are_refused() -> None:
    weight = Array(np.full((2, 2, 1, 1), 40_000, np.int32))
    nodes = (
        Node("input", ops.Input("spikes", (2, 4, 4), 1)),
        Node("c", ops.Conv2d(weight, zeros(2)), ("input",), "wide"),
        Node("n", ops.Neuron(if_neuron(2, 5)), ("c",)),
        Node("y", ops.Output(), ("n",)),
    )
    (problem,) = refused(Network("wide", nodes, 2))
    assert (problem.code, problem.where, problem.found) == ("NM0308", "wide", "40000")
