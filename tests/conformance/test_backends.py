"""Every backend against every kind of operator: cores equal the golden network, over two frames.

What a chip cannot run it must refuse with a reason; such an excuse is a strict xfail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from support.nets import if_neuron, stimulus_for

from nmcompile.backends.registry import BUILT_IN, backend_of
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import verify_network
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import ReLU8
from nmcompile.passes.context import TargetRules
from nmcompile.target import load_target

TARGETS = ("example", "loihi1", "loihi2", "tianjic", "truenorth")
TIMESTEPS, SHAPE, FRAMES = 6, (4, 7, 6), 2
RNG_SEED = 20141
Layers = list[tuple[str, ops.Op, tuple[str, ...]]]
Case = Callable[[np.random.Generator, TargetRules], Layers]


class Refused(Exception):
    """The backend says that its cores cannot run an operator."""


def ternary(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return Array(rng.integers(-1, 2, shape).astype(np.int8))


def conv(rng: np.random.Generator, out: int, inputs: int, size: int = 3, **kw: Any) -> ops.Conv2d:
    zero = Array(np.zeros(out, np.int32))
    return ops.Conv2d(ternary(rng, (out, inputs, size, size)), zero, **kw)


def fire(rules: TargetRules, threshold: int = 2, bias: Any = 0, **kw: Any) -> ops.Neuron:
    state = {"shift": rules.state_shift, "bits": rules.state_bits}
    return ops.Neuron(if_neuron(4, threshold, bias, **(state | kw)))


def _conv(rng: np.random.Generator, rules: TargetRules) -> Layers:
    return [("c", conv(rng, 4, 4), ("input",)), ("n", fire(rules), ("c",))]


def _grouped(rng: np.random.Generator, rules: TargetRules) -> Layers:
    op = conv(rng, 4, 2, stride=(2, 1), padding=(1, 0), groups=2)
    return [("c", op, ("input",)), ("n", fire(rules), ("c",))]


def _deep(rng: np.random.Generator, rules: TargetRules) -> Layers:
    first = [("c", conv(rng, 4, 4), ("input",)), ("n", fire(rules, 2), ("c",))]
    return [*first, ("d", conv(rng, 4, 4), ("n",)), ("m", fire(rules, 2), ("d",))]


def _dense(rng: np.random.Generator, rules: TargetRules) -> Layers:
    op = ops.Linear(ternary(rng, (4, 60)), Array(np.zeros(4, np.int32)))
    narrow = conv(rng, 2, 4, 3, stride=(1, 1))
    front = ops.Neuron(if_neuron(2, 2, shift=rules.state_shift, bits=rules.state_bits))
    return [
        ("c", narrow, ("input",)),
        ("n", front, ("c",)),
        ("flat", ops.Flatten(), ("n",)),
        ("fc", ops.Linear(Array(op.weight.data[:, :40]), op.bias), ("flat",)),
        ("m", fire(rules), ("fc",)),
    ]


def _sum_pool(rng: np.random.Generator, rules: TargetRules) -> Layers:
    del rng
    return [("p", ops.SumPool2d((2, 2), (2, 2)), ("input",)), ("n", fire(rules), ("p",))]


def _pool(rule: Any) -> Case:
    def layers(rng: np.random.Generator, rules: TargetRules) -> Layers:
        pool = ops.SpikeMaxPool2d((2, 2), (2, 2), rule=rule)
        return [*_conv(rng, rules), ("p", pool, ("n",))]

    return layers


def _add(rng: np.random.Generator, rules: TargetRules) -> Layers:
    front = _conv(rng, rules)
    return [
        *front,
        ("d", conv(rng, 4, 4, padding=(1, 1)), ("n",)),
        ("m", fire(rules), ("d",)),
        ("e", conv(rng, 4, 4), ("m",)),
        ("f", conv(rng, 4, 4), ("n",)),
        ("sum", ops.Add(), ("e", "f")),
        ("o", fire(rules, 3), ("sum",)),
    ]


def _neuron(**options: Any) -> Case:
    def layers(rng: np.random.Generator, rules: TargetRules) -> Layers:
        return [("c", conv(rng, 4, 4), ("input",)), ("n", fire(rules, **options), ("c",))]

    return layers


def _shift(rng: np.random.Generator, rules: TargetRules) -> Layers:
    return [
        ("c", conv(rng, 4, 4), ("input",)),
        ("s", ops.Shift(1), ("c",)),
        ("n", fire(rules), ("s",)),
    ]


def _delay(rng: np.random.Generator, rules: TargetRules) -> Layers:
    late = ("late", ops.Delay(2), ("n",))
    back = [("d", conv(rng, 4, 4), ("late",)), ("m", fire(rules), ("d",))]
    return [*_conv(rng, rules), late, *back]


def _activations(rng: np.random.Generator, rules: TargetRules) -> Layers:
    def relu8(multiplier: int) -> ops.Neuron:
        bias = Array(rng.integers(-3, 4, 4).astype(np.int32))
        return ops.Neuron(ReLU8(bias, Array(np.full(4, multiplier, np.int32)), 4))

    return [
        ("c", conv(rng, 4, 4), ("input",)),
        ("r", relu8(500), ("c",)),
        ("m", ops.SpikeMaxPool2d((2, 1), (2, 1), rule="or"), ("r",)),
        ("d", conv(rng, 4, 4, 2), ("m",)),
        ("n", fire(rules, 90), ("d",)),
    ]


CASES: dict[str, Case] = {
    "convolution": _conv,
    "grouped, strided, padded": _grouped,
    "two layers": _deep,
    "flatten and dense": _dense,
    "sum pooling": _sum_pool,
    "or pooling": _pool("or"),
    "running maximum": _pool("running_max"),
    "a skip of one layer": _add,
    "reset to zero": _neuron(reset="zero"),
    "constant bias": _neuron(threshold=7, bias=[1, -1, 2, 0]),
    "decaying membrane": _neuron(v_keep=3000),
    "decaying current": _neuron(u_keep=2048),
    "shifted sum": _shift,
    "delayed spikes": _delay,
    "8-bit activations": _activations,
}
NO_ROUNDING = "no neuron of the chip rounds a sum to 8 bits"
EXCUSES = {
    ("truenorth", "running maximum"): "no neuron that keeps a running maximum",
    ("loihi1", "running maximum"): "no neuron that keeps a running maximum",
    ("truenorth", "decaying membrane"): "the leak of a crossbar neuron is a constant",
    ("truenorth", "decaying current"): "a crossbar neuron has no synaptic current",
    ("truenorth", "shifted sum"): "a crossbar adds weights and shifts no sum",
    ("tianjic", "running maximum"): "no neuron that keeps a running maximum",
    ("tianjic", "decaying current"): "no neuron has a synaptic current",
    ("tianjic", "shifted sum"): "a core adds products and shifts no sum of spiking neurons",
    ("tianjic", "delayed spikes"): "an axon delays nothing",
    ("truenorth", "8-bit activations"): "spikes are binary",
    ("loihi1", "8-bit activations"): NO_ROUNDING,
    ("loihi2", "8-bit activations"): NO_ROUNDING,
    ("example", "8-bit activations"): NO_ROUNDING,
}


def pairs() -> Iterator[Any]:
    for target in TARGETS:
        for case in CASES:
            why = EXCUSES.get((target, case))
            marks = [pytest.mark.xfail(strict=True, raises=Refused, reason=why)] if why else []
            yield pytest.param(target, case, marks=marks, id=f"{target}-{case}")


def network(case: str, rules: TargetRules, rng: np.random.Generator) -> Network:
    """The layers of a case between a spike input and a count."""
    layers = CASES[case](rng, rules)
    nodes = [Node("input", ops.Input("spikes", SHAPE, 1))]
    nodes += [Node(name, op, reads, name) for name, op, reads in layers]
    nodes += [Node("count", ops.Decode(), (layers[-1][0],)), Node("out", ops.Output(), ("count",))]
    return Network(case.split()[0].strip(","), tuple(nodes), TIMESTEPS)


@pytest.mark.parametrize(("name", "case"), list(pairs()))
def test_cores_equal_the_golden_network(name: str, case: str) -> None:
    target = load_target(name)
    backend, rng = backend_of(target), np.random.default_rng(RNG_SEED)
    golden = network(case, backend.rules(target), rng)
    reasons = [backend.supports(node.op, target) for node in golden.nodes]
    if any(reasons):
        raise Refused(next(reason for reason in reasons if reason))
    assert backend.refusals(golden, target) == ()
    graph = backend.map(golden, target)
    inputs = [NetworkInput(stimulus_for(golden, rng)) for _ in range(FRAMES)]
    found = verify_network(golden, backend.simulator(graph), inputs)
    assert found.first_mismatch == ""
    assert found.spikes > 0
    rows = backend.usage(graph, target)
    assert rows
    if name != "example":  # whose cores are as large as they need to be
        assert [row for row in rows if not row.fits] == []


def test_every_backend_is_here() -> None:
    assert {backend_of(load_target(name)).name for name in TARGETS} == {b.name for b in BUILT_IN}
