"""What every key of a recipe does to the converted network."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support.nets import tiny_siamese

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF, IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.calibrate import resolved, scales
from nmcompile.passes.context import Calibration, PassContext, TargetRules
from nmcompile.passes.fit_widths import fit_widths
from nmcompile.passes.hold_input import hold_input
from nmcompile.passes.manager import PassManager
from nmcompile.passes.quantise import quantise
from nmcompile.passes.recipe import Coding, LayerRecipe, Recipe
from nmcompile.passes.to_spiking import to_spiking
from nmcompile.passes.tune import tuned
from nmcompile.reference.float import FloatRunner
from nmcompile.reference.integer import IntegerRunner
from nmcompile.reference.slots import empty_slots

pytestmark = pytest.mark.torch
PLAIN = TargetRules("plain", 8, 6, 24, 17, 13, 7, True, "microcode", "none", "cannot", 24, True)
GRADED = dataclasses.replace(PLAIN, graded_spikes=True, threshold_schedule=True)


def images(count: int = 3) -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (count, 13, 13, 3))
    return coarse.repeat(4, axis=1).repeat(4, axis=2)[:, :47, :47].astype(np.uint8)


def context(recipe: Recipe, timesteps: int = 24, **changes: Any) -> PassContext:
    return PassContext(timesteps, recipe, Calibration("test", images()), **changes)


def floats(**options: Any) -> Program:
    return PassManager(pipelines.FLOAT).run(tiny_siamese(**options), PassContext())


def spiking(recipe: Recipe, timesteps: int = 24, **options: Any) -> Network:
    return to_spiking(floats(**options), context(recipe, timesteps)).network("template")


def integer(recipe: Recipe, timesteps: int = 24, **options: Any) -> Network:
    ready = context(recipe, timesteps)
    return quantise(to_spiking(floats(**options), ready), ready).network("template")


def features(network: Network, image: Any) -> Any:
    """What leaves the network, in units of the largest: comparable between levels."""
    if any(
        isinstance(n.op, ops.Neuron) and isinstance(n.op.model, IntegerNeuron)
        for n in network.nodes
    ):
        found = IntegerRunner(network).run(image).output
    else:
        found = FloatRunner(network).run(image[None], empty_slots(network)).output[0]
    return np.asarray(found, np.float64)


def image() -> Any:
    return images(4)[3, :31, :31].transpose(2, 0, 1)


def correlation(a: Any, b: Any) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


RECIPES = {
    "default": (Recipe(), 0.97),
    "gate": (Recipe(pooling="gate"), 0.9),
    "or": (Recipe(pooling="or"), 0.8),
    "channel": (Recipe(normalisation="channel"), 0.97),
    "maximum": (Recipe(percentile=100.0), 0.95),
    "channel step": (Recipe(weight_step="channel"), 0.97),
    "growing burst": (Recipe(coding=Coding(name="burst", gamma=2.0, burst_length=3)), 0.97),
    "two-status": (Recipe(output_coding=Coding(name="two_status", beta=1.0)), 0.9),
    "phase": (Recipe(coding=Coding(name="phase"), input_coding="phase"), 0.8),
    "rate input": (Recipe(input_coding="rate"), 0.95),
    "burst input": (Recipe(input_coding="burst"), 0.95),
}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_follows_the_float_network_at_both_levels(name: str) -> None:
    recipe, least = RECIPES[name]
    wanted = features(floats(pool=True).network("template"), image())
    for build in (spiking, integer):
        found = features(build(recipe, 64, pool=True), image())
        assert correlation(wanted, found) > least


def test_average_pooling_becomes_a_population() -> None:
    network = spiking(Recipe(pooling="average"), pool=True)
    assert not any(network.of_type(ops.SpikeMaxPool2d))
    (pool,) = network.of_type(ops.SumPool2d)
    (reader,) = network.consumers[pool.name]
    assert isinstance(reader.op, ops.Neuron)
    assert isinstance(reader.op.model, IF)
    assert float(reader.op.model.threshold.data) == 9.0


def test_average_pooling_refuses_windows_that_the_border_cuts() -> None:
    def cut(node: Node) -> Node:
        if isinstance(node.op, ops.MaxPool2d):
            return dataclasses.replace(node, op=ops.MaxPool2d((3, 3), (2, 2), ceil=True))
        return node

    whole = floats(pool=True)
    template = whole.network("template").map_nodes(cut)
    program = dataclasses.replace(whole, networks=(template,), schedule=whole.schedule[:1])
    given = Calibration("given", None, _ones(program), settled=True)
    with pytest.raises(NmError, match="NM0208"):
        to_spiking(program, PassContext(24, Recipe(pooling="average"), given))


def _ones(program: Program) -> tuple[tuple[str, float], ...]:
    labels = {n.label for net in program.networks for n in net.nodes}
    return tuple((label, 1.0) for label in sorted(labels))


def test_a_dropped_sign_keeps_what_is_positive() -> None:
    wanted = features(floats(relu_last=False).network("template"), image())
    split = features(spiking(Recipe(), 64, relu_last=False), image())
    kept = features(spiking(Recipe(signed_output="relu"), 64, relu_last=False), image())
    assert wanted.min() < 0 <= kept.min()
    assert split.shape == kept.shape
    assert correlation(split, wanted) > 0.97
    assert correlation(kept, np.maximum(wanted, 0)) > 0.97


def test_channel_scales_are_per_channel_except_where_spikes_leave() -> None:
    found = scales(floats(), context(Recipe(normalisation="channel")))
    assert [len(np.atleast_1d(found[f"backbone.conv{i}.1"])) for i in (1, 2, 3)] == [8, 12, 1]
    whole = scales(floats(), context(Recipe()))
    assert found["backbone.conv3.1"] == whole["backbone.conv3.1"]


def test_channel_units_pass_through_pooling_groups_and_flattening() -> None:
    """Exact check: with T large the decoded rates are the activations, whatever the units."""
    recipe = Recipe(normalisation="channel", percentile=100.0)
    wanted = features(floats(pool=True).network("template"), image())
    found = features(spiking(recipe, 400, pool=True), image())
    scale = float(np.asarray(scales(floats(pool=True), context(recipe))["backbone.conv3.1"]))
    assert np.abs(found * scale / 400 - wanted).max() < 0.08 * scale


def test_stored_scales_serve_until_the_recipe_wants_others() -> None:
    program = floats()
    stored = tuple((k, 2.0) for k in scales(program, context(Recipe())))
    given = PassContext(24, Recipe(), Calibration("stored", None, stored))
    assert set(scales(program, given).values()) == {2.0}
    for recipe in (Recipe(percentile=99.0), Recipe(normalisation="channel")):
        with pytest.raises(NmError, match="NM0214"):
            scales(program, dataclasses.replace(given, recipe=recipe))
    with pytest.raises(NmError, match="NM0214"):
        tuned(program, dataclasses.replace(given, recipe=Recipe(tune=True)))
    both = Calibration("both", images(), stored)
    measured = scales(program, PassContext(24, Recipe(percentile=99.0), both))
    assert 2.0 not in measured.values()


def test_tuning_is_deterministic_and_not_worse_than_the_uniform_recipe() -> None:
    program = floats(pool=True)
    ready = context(Recipe(tune=True), 6)
    recipe = tuned(program, ready)
    assert tuned(program, ready) == recipe
    labels = {f"backbone.conv{i}.1" for i in (1, 2, 3)}
    assert set(recipe.layers) == labels
    assert all(e.percentile is not None and e.v_init is not None for e in recipe.layers.values())
    wanted = features(program.network("template"), image())
    uniform = to_spiking(program, context(Recipe(percentile=100.0, v_init=0.0), 6))
    chosen = to_spiking(program, context(recipe, 6))
    better = features(chosen.network("template"), image())
    worse = features(uniform.network("template"), image())
    assert correlation(wanted, better) > correlation(wanted, worse)


def ternary(program: Program) -> Program:
    """Weights -a, 0, a with one a per output channel, behind the first layer."""

    def change(node: Node) -> Node:
        op = node.op
        if not isinstance(op, ops.Conv2d) or node.name == "conv1":
            return node
        weight = op.weight.data
        size = np.abs(weight).reshape(len(weight), -1).mean(axis=1)
        signs = np.sign(weight) * (np.abs(weight) > 0.7 * size[:, None, None, None])
        return dataclasses.replace(
            node, op=dataclasses.replace(op, weight=Array(signs * size[:, None, None, None]))
        )

    return program.map_networks(lambda n: n.map_nodes(change))


def test_weights_that_are_ternary_per_channel_lose_nothing_at_two_bits() -> None:
    program = ternary(floats())
    recipe = Recipe(
        weight_bits=2, weight_step="channel", layers={"backbone.conv1": LayerRecipe(weight_bits=8)}
    )
    ready = context(recipe)
    found = quantise(to_spiking(program, ready), ready).network("template")
    for name in ("conv2", "conv3"):
        op, original = found.by_name[name].op, program.network("template").by_name[name].op
        assert isinstance(op, ops.Conv2d)
        assert isinstance(original, ops.Conv2d)
        assert np.array_equal(op.weight.data, np.sign(original.weight.data))
    first = found.by_name["conv1"].op
    assert isinstance(first, ops.Conv2d)
    assert int(np.abs(first.weight.data).max()) == 127


def test_every_channel_uses_its_whole_range() -> None:
    op = integer(Recipe(weight_step="channel")).by_name["conv2"].op
    assert isinstance(op, ops.Conv2d)
    assert set(np.abs(op.weight.data).reshape(len(op.weight.data), -1).max(axis=1)) == {127}


def test_a_recipe_may_not_name_layers_that_do_not_exist() -> None:
    layers = {"backbone.conv1": LayerRecipe(v_init=0.0), "backbone.conv9": LayerRecipe(v_init=0.0)}
    with pytest.raises(NmError) as caught:
        spiking(Recipe(layers=layers))
    (found,) = caught.value.diagnostics
    assert (found.code, found.where) == ("NM0216", "layers.backbone.conv9")


def test_the_closest_entry_of_a_layer_counts() -> None:
    layers = {"backbone": LayerRecipe(v_init=0.25), "backbone.conv2": LayerRecipe(v_init=0.0)}
    models = {
        n.name: n.op.model
        for n in spiking(Recipe(layers=layers)).of_type(ops.Neuron)
        if isinstance(n.op, ops.Neuron)
    }
    starts = {k: m.v_init for k, m in models.items() if isinstance(m, IF)}
    assert starts == {"relu1": 0.25, "relu2": 0.0, "relu3": 0.25}


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(coding=Coding(name="phase", period=9)),
        Recipe(coding=Coding(name="burst", gamma=0.3)),
        Recipe(output_coding=Coding(name="two_status", period=24)),
    ],
)
def test_codings_without_an_integer_form_are_refused(recipe: Recipe) -> None:
    with pytest.raises(NmError, match="NM0212"):
        spiking(recipe)


def test_only_the_last_population_takes_the_output_coding() -> None:
    network = spiking(Recipe(output_coding=Coding(name="two_status", period=12, beta=0.5)))
    models = [n.op.model for n in network.of_type(ops.Neuron) if isinstance(n.op, ops.Neuron)]
    assert [m.payloads for m in models if isinstance(m, IF)] == [(1,), (1,), (0,) * 12 + (1,) * 12]


@pytest.mark.parametrize(
    ("rules", "coding", "runs"),
    [
        (PLAIN, Coding(), True),
        (PLAIN, Coding(name="two_status"), False),
        (PLAIN, Coding(name="burst"), False),
        (GRADED, Coding(name="two_status"), True),
        (GRADED, Coding(name="burst"), True),
        (dataclasses.replace(GRADED, graded_spikes=False), Coding(name="two_status"), True),
        (dataclasses.replace(GRADED, graded_spikes=False), Coding(name="burst"), False),
    ],
)
def test_targets_refuse_codings_that_they_cannot_run(
    rules: TargetRules, coding: Coding, runs: bool
) -> None:
    ready = context(Recipe(coding=coding), rules=rules)
    program = quantise(to_spiking(floats(), ready), ready)
    if runs:
        assert fit_widths(program, ready).level == "golden"
        return
    with pytest.raises(NmError, match="NM0324"):
        fit_widths(program, ready)


def test_gates_stay_on_programmable_neurons_and_become_or_elsewhere() -> None:
    for max_pool, rule in (("microcode", "gate"), ("or", "or")):
        rules = dataclasses.replace(GRADED, max_pool=max_pool)
        ready = context(Recipe(pooling="gate"), rules=rules)
        golden = fit_widths(quantise(to_spiking(floats(pool=True), ready), ready), ready)
        found = {n.op.rule for n in golden.network("template").of_type(ops.SpikeMaxPool2d)}  # type: ignore[union-attr]
        assert found == {rule}


def test_only_an_image_that_is_applied_constantly_is_held() -> None:
    for coding, mode in (("real", "impulse"), ("rate", "rate"), ("phase", "phase")):
        ready = context(Recipe(input_coding=coding), rules=GRADED)
        golden = hold_input(quantise(to_spiking(floats(), ready), ready), ready)
        (encode,) = golden.network("template").of_type(ops.Encode)
        assert isinstance(encode.op, ops.Encode)
        assert encode.op.mode == mode


def test_the_recipe_states_the_percentile_that_is_measured() -> None:
    stored = Calibration("stored", images(), (("backbone.conv1.1", 1.0),))
    bare = Calibration("folder", images())
    assert resolved(Recipe(), stored).percentile is None
    assert resolved(Recipe(), bare).percentile == 99.9
    assert resolved(Recipe(normalisation="channel"), stored).percentile == 99.9
    assert resolved(Recipe(percentile=98.0), bare).percentile == 98.0
