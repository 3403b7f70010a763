"""Networks that stay ANNs: 8-bit activations, linear read-outs, hybrid programs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.hybrid import SIDE, TIMESTEPS, hybrid_program

from nmcompile.backends.registry import backend_of
from nmcompile.build import accuracy, stimuli
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, ReLU8, RoundedReLU
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import Calibration, PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.quantise import quantise
from nmcompile.passes.recipe import Recipe
from nmcompile.reference.float import FloatRunner
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import load_target

IMAGES = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
RECIPE = Recipe(ann=("ann",), percentile=100.0)


@pytest.fixture(scope="module", name="levels")
def _levels() -> dict[str, Program]:
    target = load_target("tianjic")
    context = PassContext(
        timesteps=TIMESTEPS,
        recipe=RECIPE,
        calibration=Calibration("test", IMAGES),
        rules=backend_of(target).rules(target),
    )
    made = {"float": PassManager(pipelines.FLOAT).run(hybrid_program(), context)}
    spiking = PassManager(pipelines.SPIKING).run(made["float"], context)
    made["integer"] = PassManager(pipelines.INTEGER).run(spiking, context)
    made["golden"] = PassManager(pipelines.GOLDEN).run(made["integer"], context)
    return made


def frames(levels: dict[str, Program]) -> tuple[stimuli.Frame, ...]:
    """A frame and a window for either network."""
    grey = IMAGES[..., :1].transpose(0, 3, 1, 2)
    return stimuli.frames(levels["float"], grey, 2)


def test_the_linear_readout_is_exact() -> None:
    program = hybrid_program()
    context = PassContext(recipe=RECIPE)
    changed = PassManager(pipelines.FLOAT[-1:]).run(program, context)
    rng = np.random.default_rng(2)
    image, events = rng.random((1, 2, SIDE, SIDE)), rng.random((TIMESTEPS, 1, 2, SIDE, SIDE)) < 0.3
    for name, stimulus in (("ann", image), ("snn", events.astype(float))):
        before, after = program.network(name), changed.network(name)
        assert any(after.of_type(ops.Accumulate))
        assert not any(after.of_type(ops.Decode))
        wanted, found = (FloatRunner(n).run(stimulus).output for n in (before, after))
        np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_what_stays_an_ann_is_asked_for() -> None:
    context = PassContext(recipe=Recipe())
    changed = PassManager(pipelines.FLOAT[-1:]).run(hybrid_program(), context)
    assert not any(changed.network("ann").of_type(ops.Accumulate))
    assert Recipe(ann=("*",)).stays_ann("anything")
    assert not Recipe(ann=("x",)).stays_ann("anything")


def test_an_ann_runs_one_timestep_and_the_spiking_network_its_own(
    levels: dict[str, Program],
) -> None:
    golden = levels["golden"]
    assert [n.timesteps for n in golden.chip_networks] == [1, TIMESTEPS]
    models = {n.op.model for n in golden.network("ann").of_type(ops.Neuron)}  # type: ignore[union-attr]
    assert all(isinstance(m, ReLU8) for m in models)
    leaky = [n.op.model for n in golden.network("snn").of_type(ops.Neuron)]  # type: ignore[union-attr]
    assert all(isinstance(m, IntegerNeuron) and m.model == "LIF" and m.v_keep < 4096 for m in leaky)
    assert all(m.u_keep == m.state_bits == m.state_shift == 0 for m in leaky)  # type: ignore[union-attr]


def test_eight_bits_stay_close_and_spikes_closer_still(levels: dict[str, Program]) -> None:
    made = frames(levels)
    scale_of = {"relu1": 1.0, "relu2": 1.0, "relu3": 1.0}
    context = PassContext(recipe=RECIPE, calibration=Calibration("test", IMAGES))
    from nmcompile.passes.calibrate import scales

    scale_of = scales(levels["float"], context)  # type: ignore[assignment]
    rows = accuracy.layer_errors(levels["float"], levels["integer"], made, scale_of, RECIPE)
    assert [r.layer for r in rows] == ["relu1", "relu2", "relu3", "lif1", "lif2"]
    for row in rows[:3]:
        assert row.relative_error < 0.05
    assert rows[3].correlation > 0.9
    exact = accuracy.response_error(levels["integer"], levels["golden"], made)
    assert exact == pytest.approx((1.0, 0.0))


def test_calibrated_activations_use_all_eight_bits(levels: dict[str, Program]) -> None:
    golden = levels["golden"].network("ann")
    first = next(golden.of_type(ops.Neuron)).name
    grey = IMAGES[..., :1].transpose(0, 3, 1, 2).repeat(2, axis=1)
    runs = [IntegerRunner(golden).run(image, record=True).spikes[first] for image in grey]
    assert max(int(r.max()) for r in runs) >= 250


def test_the_rounding_of_an_activation_is_that_of_its_float_form() -> None:
    """But for halves, for channels of very different sizes."""
    rng = np.random.default_rng(8)
    weight = rng.integers(-127, 128, (3, 2, 3, 3)) * np.array([1.0, 0.1, 0.01])[:, None, None, None]
    weight[:, 0, 0, 0] = [127.0, 12.7, 1.27]  # so that no weight is rounded
    conv = ops.Conv2d(Array(weight), Array(rng.integers(-300, 300, 3) * [1.0, 0.1, 0.01]))
    step = Array(np.array([300.0, 30.0, 1.7]))
    nodes = (
        Node("x", ops.Input("values", (2, 8, 7), 8)),
        Node("c", conv, ("x",)),
        Node("r", ops.Neuron(RoundedReLU(step)), ("c",)),
        Node("y", ops.Output(), ("r",)),
    )
    program = Program("p", "spiking", (Network("n", nodes),), ())
    context = PassContext(recipe=Recipe(weight_step="channel"))
    integer = quantise(program, context).network("n")
    image = rng.integers(0, 256, (2, 8, 7)).astype(np.uint8)
    wanted = FloatRunner(program.network("n")).run(image[None].astype(float)).output[0, 0]
    found = IntegerRunner(integer).run(image).output[0].astype(float)
    assert np.abs(found - wanted).max() <= 1
    assert (found != wanted).mean() < 0.02
    assert found.max() > 200


def test_a_recipe_survives_its_file() -> None:
    stored = Recipe.model_validate_json(Recipe(ann=("ann",)).model_dump_json())
    assert stored == Recipe(ann=("ann",))
    assert dataclasses.is_dataclass(RoundedReLU(Array(1.0)))
