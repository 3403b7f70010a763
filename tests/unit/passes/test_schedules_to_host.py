"""Two-status coding on cores whose thresholds never change: the last layer goes to the host."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.nets import if_neuron

from nmcompile.backends.registry import backend_of
from nmcompile.build.gates import gates_that_fit
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.manager import PassManager
from nmcompile.passes.schedules_to_host import gate, schedules_to_host
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import load_target

FIXED = TargetRules(
    "fixed", 9, 0, 20, 18, 9, 0, False, "or", "none", "no", 20, False, core_neurons=256
)
HELD = (0, 0, 0, 1, 1, 1)


def program(first: tuple[int, ...], last: tuple[int, ...]) -> Program:
    def population(channels: int, payloads: tuple[int, ...]) -> ops.Neuron:
        model = if_neuron(channels, 3, shift=0, bits=0)
        return ops.Neuron(dataclasses.replace(model, payloads=payloads))

    rng = np.random.default_rng(3)
    convs = [
        ops.Conv2d(Array(rng.integers(-2, 3, shape).astype(np.int8)), Array(np.zeros(n, np.int32)))
        for n, shape in ((4, (4, 2, 2, 2)), (3, (3, 4, 2, 2)))
    ]
    nodes = (
        Node("input", ops.Input("spikes", (2, 5, 4), 1)),
        Node("a", convs[0], ("input",), "first"),
        Node("n", population(4, first), ("a",), "first"),
        Node("b", convs[1], ("n",), "last"),
        Node("m", population(3, last), ("b",), "last.relu"),
        Node("count", ops.Decode(), ("m",)),
        Node("output", ops.Output(), ("count",)),
    )
    step = Step("run", "every_frame", "chip", "net", repeat=3)
    return Program("p", "integer", (Network("net", nodes, 6),), (step,))


def test_the_last_layer_moves_with_its_synapses_and_nothing_changes() -> None:
    whole = program((1,), HELD)
    parted = schedules_to_host(whole, PassContext(6, rules=FIXED))
    chip, host = parted.networks
    assert [s.place for s in parted.schedule] == ["chip", "host"]
    assert (parted.schedule[1].reads, parted.schedule[1].repeat) == ("run", 3)
    assert not any(n.name == "m" for n in chip.nodes)
    assert any(n.name == "b" for n in host.nodes)
    stimulus = (np.random.default_rng(1).random((6, 2, 5, 4)) < 0.4).astype(np.uint8)
    wanted = IntegerRunner(whole.networks[0]).run(stimulus).output
    spikes = IntegerRunner(chip).run(stimulus).output
    np.testing.assert_array_equal(IntegerRunner(host).run(spikes).output, wanted)
    assert wanted.any()


def test_the_reason_says_what_a_gate_would_take() -> None:
    whole = program((1,), HELD)
    weight = whole.networks[0].by_name["b"].op
    assert isinstance(weight, ops.Conv2d)
    largest = int(np.maximum(weight.weight.data, 0).sum(axis=(1, 2, 3)).max())
    worth, axons = gate(largest, 3, 9)
    assert (worth, axons) == (3 * largest, 1)
    reason = schedules_to_host(whole, PassContext(6, rules=FIXED)).schedule[1].reason
    assert "for 3 timesteps" in reason
    assert f"{worth:,}, 1 axons" in reason
    assert gate(2700, 8, 9) == (21_600, 85)


def test_only_two_status_at_the_end_of_fixed_cores_moves() -> None:
    context = PassContext(6, rules=FIXED)
    for kept in (program((1,), (1,)), program((1,), (4, 2, 1)), program(HELD, (1,))):
        assert schedules_to_host(kept, context) is kept
    held = program((1,), HELD)
    for rules in (
        None,
        dataclasses.replace(FIXED, threshold_schedule=True),
        dataclasses.replace(FIXED, core_neurons=0),
    ):
        assert schedules_to_host(held, PassContext(6, rules=rules)) is held


def test_two_status_in_front_of_other_layers_is_refused() -> None:
    with pytest.raises(NmError, match="NM0324"):
        PassManager(pipelines.GOLDEN).run(program(HELD, (1,)), PassContext(6, rules=FIXED))


def test_a_layer_stays_where_cores_have_room_for_its_gate() -> None:
    held = program((1,), HELD)
    gates = dataclasses.replace(FIXED, gates=True)
    assert schedules_to_host(held, PassContext(6, rules=gates)) is held
    golden = PassManager(pipelines.GOLDEN).run(held, PassContext(6, rules=gates))
    assert [s.name for s in golden.schedule if s.place == "chip"] == ["run"]
    without = dataclasses.replace(gates, no_gate=(("last.relu", "no room: 7 axons"),))
    parted = schedules_to_host(held, PassContext(6, rules=without))
    assert [s.place for s in parted.schedule] == ["chip", "host"]
    assert "for 3 timesteps" in parted.schedule[1].reason
    assert parted.schedule[1].reason.endswith("; no room: 7 axons")


def test_the_cores_of_a_chip_say_which_gates_fit() -> None:
    held = program((1,), HELD)
    target = load_target("truenorth")
    backend = backend_of(target)
    context = PassContext(6, rules=backend.rules(target))
    assert gates_that_fit(held, context, backend, target) == context
    rate = program((1,), (1,))
    assert gates_that_fit(rate, context, backend, target) is context
    late = gates_that_fit(program((1,), (1, 1, 1, 0, 0, 0)), context, backend, target)
    assert late.rules is not None
    ((layer, why),) = late.rules.no_gate
    assert layer == "last.relu"
    assert "its last timesteps are silent" in why
