"""What a target's own ways cost: measured for the report, and what no proof excludes is named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.nets import if_neuron, tiny_siamese

from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Compiled, Options, lower, measure, prepared
from nmcompile.build.target_effects import saturation_notes
from nmcompile.frontends import LoadedModel
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import TargetRules
from nmcompile.passes.recipe import Recipe
from nmcompile.passes.suit_target import suited
from nmcompile.target import load_target

GRADED = TargetRules("graded", 8, 6, 24, 17, 13, 7, True, "microcode", "none", "", 24, True)
BINARY = dataclasses.replace(GRADED, graded_input=False, pixel_neurons=True, max_pool="or")


def image_program(bits: int = 8) -> Program:
    nodes = (Node("input", ops.Input("values", (1, 2, 2), bits, signed=False)),)
    return Program("p", "float", (Network("n", (*nodes, Node("o", ops.Output(), ("input",)))),), ())


def test_what_the_recipe_leaves_open_follows_the_target() -> None:
    program = image_program()
    assert suited(Recipe(), program, GRADED).input_coding == "real"
    assert suited(Recipe(), program, GRADED).pooling == "running_max"
    found = suited(Recipe(), program, BINARY)
    assert (found.input_coding, found.pooling) == ("rate", "or")
    assert suited(Recipe(pooling="average"), program, BINARY).pooling == "average"
    assert suited(Recipe(input_coding="real"), program, BINARY).input_coding == "real"
    # Real numbers have no bias that a host could write.
    assert suited(Recipe(), image_program(0), BINARY).input_coding == "real"
    assert suited(Recipe(), program, None) == Recipe()


def measured(target: str, recipe: Recipe) -> Compiled:
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (2, 12, 12, 3)).repeat(4, axis=1).repeat(4, axis=2)
    crops = images[:, :47, :47].astype(np.uint8)
    model = LoadedModel(tiny_siamese(pool=True), crops, (), "0" * 64, "checkpoint")
    chosen = load_target(target)
    build = prepared(model, chosen, Options(recipe, frames=1))
    backend = backend_of(chosen)
    lower(build, backend)
    measure(build, backend)
    return build


@pytest.mark.torch
def test_the_report_says_what_or_pooling_costs() -> None:
    build = measured("loihi1", Recipe(timesteps=8))
    assert "'or'" in build.pooling_cost
    assert "instead of 'running_max'" in build.pooling_cost
    assert f"is {build.response_error[0]:.3f} instead of" in build.pooling_cost  # type: ignore[index]
    assert measured("loihi1", Recipe(timesteps=8, pooling="average")).pooling_cost == ""
    assert measured("loihi2", Recipe(timesteps=8)).pooling_cost == ""


def test_membranes_that_could_saturate_are_named() -> None:
    def program(timesteps: int) -> Program:
        weight = Array(np.full((1, 4000), -120, np.int8))
        nodes = (
            Node("input", ops.Input("spikes", (4000,), 1)),
            Node("fc", ops.Linear(weight, Array(np.zeros(1, np.int32))), ("input",), "dense"),
            Node("shift", ops.Shift(3), ("fc",)),
            Node("n", ops.Neuron(if_neuron(1, 5)), ("shift",), "dense"),
            Node("output", ops.Output(), ("n",)),
        )
        network = Network("net", nodes, timesteps)
        return Program("p", "golden", (network,), (Step("run", "every_frame", "chip", "net"),))

    assert saturation_notes(program(2)) == []
    (note,) = saturation_notes(program(3))
    assert "dense (11,519,872)" in note
    assert "8,388,607" in note
