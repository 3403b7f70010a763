"""Layers whose sums the states of Loihi hold in steps: which, how large, and because of what."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.mapping import line
from support.nets import if_neuron

from nmcompile.backends.loihi.rules import rules_of
from nmcompile.build.state_steps import step_notes
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext
from nmcompile.passes.fit_widths import fit_widths
from nmcompile.target import load_target

LOIHI = load_target("loihi2")


def network(name: str, threshold: int, bias: int, weight: int = 1, inputs: int = 4) -> Network:
    """One layer of plain integers; its second bias is 1."""
    weights = Array(np.full((2, inputs), weight, np.int8))
    model = if_neuron(2, threshold, [bias, min(bias, 1)], shift=0, bits=0)
    nodes = (
        Node("input", ops.Input("spikes", (inputs,), 8)),
        Node("c", ops.Linear(weights, Array(np.zeros(2, np.int32))), ("input",), "layer"),
        Node("n", ops.Neuron(dataclasses.replace(model, v_init=ops.ZERO)), ("c",), "layer.relu"),
        Node("output", ops.Output(), ("n",)),
    )
    return Network(name, nodes, 1)


def golden(*networks: Network) -> Program:
    steps = tuple(Step(n.name, "every_frame", "chip", n.name) for n in networks)
    program = Program("p", "integer", networks, steps)
    return fit_widths(program, PassContext(rules=rules_of(LOIHI)))


@pytest.mark.parametrize(
    ("layer", "step", "limit", "path", "found"),
    [
        (network("a", 10, 20_000), 4, "8,190", "bias_mantissa_bits", "biases up to 20,000"),
        (network("a", 140_000, 0), 2, "131,072", "threshold_bits", "thresholds up to 140,000"),
        (
            network("a", 1000, 0, weight=127, inputs=8),
            2,
            *("131,071", "membrane_bits"),
            "sums up to 259,080, thresholds up to 1,000, biases up to 0",
        ),
    ],
)
def test_the_reason_is_named(layer: Network, step: int, limit: str, path: str, found: str) -> None:
    (note,) = step_notes(golden(layer), LOIHI)
    assert note.where == "layer.relu"
    assert note.message == f"loihi2 holds the sums of this layer in steps of {step}"
    assert note.limit.startswith(f"{limit} (")
    assert path in note.limit
    assert note.found == found
    assert note.help


def test_biases_of_one_exponent_are_coarser_still() -> None:
    (note,) = step_notes(golden(network("a", 10, 30_000)), LOIHI)
    assert note.message.endswith("steps of 4")
    assert note.notes == ("its biases are held in steps of 8",)
    (note,) = step_notes(golden(network("a", 10, 0, weight=127, inputs=8)), LOIHI)
    assert note.notes == ()


def test_a_layer_of_two_networks_is_named_once() -> None:
    """Template and search share their layers."""
    both = golden(network("template", 10, 20_000), network("search", 10, 20_000))
    assert len(step_notes(both, LOIHI)) == 1


def test_what_fits_is_not_named() -> None:
    assert step_notes(golden(network("a", 1000, 5)), LOIHI) == ()
    assert step_notes(golden(line()), LOIHI) == ()


def test_other_families_hold_every_integer() -> None:
    assert step_notes(golden(network("a", 10, 20_000)), load_target("truenorth")) == ()
