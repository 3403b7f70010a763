"""Fixed point from a file runs where the widths agree, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nmcompile.backends.loihi.rules import rules_of
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext
from nmcompile.passes.fit_widths import fit_widths
from nmcompile.target import load_target

ZERO = Array(np.zeros((), np.int32))
NEURON = IntegerNeuron(
    model="CubaLIF",
    u_keep=4095,
    v_keep=4096,
    state_shift=6,
    state_bits=24,
    bias=ZERO,
    fire_above=Array(np.int32(131071 * 64)),
    reset="zero",
    reset_by=ZERO,
    v_init=ZERO,
)


def program(model: IntegerNeuron) -> Program:
    """One layer whose sums and slow current would make a float model's population shrink."""
    weight = ops.Linear(Array(np.full((2, 300), 127, np.int8)), Array(np.zeros(2, np.int32)))
    nodes = (
        Node("input", ops.Input("spikes", (300,), 1)),
        Node("synapses", weight, ("input",)),
        Node("cells", ops.Neuron(model), ("synapses",)),
        Node("output", ops.Output(), ("cells",)),
    )
    step = Step("main", "every_frame", "chip", network="main")
    return Program("p", "integer", (Network("main", nodes, 8),), (step,))


def fitted(model: IntegerNeuron, target: str = "loihi2") -> Program:
    return fit_widths(program(model), PassContext(rules=rules_of(load_target(target))))


@pytest.mark.parametrize("target", ["loihi1", "loihi2"])
def test_nothing_changes(target: str) -> None:
    golden = fitted(NEURON, target)
    assert golden.level == "golden"
    assert golden.networks == program(NEURON).networks


def test_a_weight_exponent_and_a_neuron_that_never_fires() -> None:
    fitted(replace(NEURON, state_shift=8, fire_above=Array(np.int32(2**23))))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"state_bits": 20}, "20 bits"),
        ({"state_shift": 5}, "2^-5"),
        ({"bias": Array(np.int32(5001 * 64))}, "5001"),
    ],
)
def test_other_widths(changes: dict[str, Any], found: str) -> None:
    with pytest.raises(NmError) as caught:
        fitted(replace(NEURON, **changes))
    diagnostic = caught.value.diagnostics[0]
    assert (diagnostic.code, diagnostic.where) == ("NM0146", "cells")
    assert found in diagnostic.found


@pytest.mark.parametrize("bias", [100, 4095 * 64, 5000 * 64, -(2**19)])
def test_biases_of_every_exponent(bias: int) -> None:
    """5000 is 2500 << 1: a mantissa of 13 bits with one more in the exponent."""
    fitted(replace(NEURON, bias=Array(np.int32(bias))))


def test_biases_without_a_common_exponent() -> None:
    """Each of them fits, and the two together do not."""
    linear = replace(NEURON, bias=Array(np.array([1, 4095 * 64], np.int32)))
    with pytest.raises(NmError) as caught:
        fitted(linear)
    assert caught.value.codes == ("NM0146",)


def test_too_high_a_threshold() -> None:
    """17 bits in units of 64; above the largest membrane it would not matter."""
    narrow = replace(rules_of(load_target("loihi2")), threshold_bits=10)
    with pytest.raises(NmError) as caught:
        fit_widths(program(NEURON), PassContext(rules=narrow))
    assert caught.value.codes == ("NM0146",)
