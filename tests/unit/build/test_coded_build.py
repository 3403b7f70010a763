"""Whole builds of coded networks: mapped, verified, reported, and emitted or not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.nets import tiny_siamese

from nmcompile.build.compiled import Options, compile_model
from nmcompile.build.pipeline import write
from nmcompile.diagnostics import NmError
from nmcompile.frontends import LoadedModel
from nmcompile.ir.program import Step
from nmcompile.passes.presets import PRESETS
from nmcompile.passes.recipe import Coding, Recipe
from nmcompile.report.serialise import report_from_json
from nmcompile.target import load_target

pytestmark = pytest.mark.torch
BURST = Recipe(coding=Coding(name="burst", gamma=2.0, burst_length=3), input_coding="phase")


def model() -> LoadedModel:
    base = tiny_siamese(pool=True, relu_last=False)
    schedule = (
        Step("crop_template", "on_init", "host"),
        base.schedule[0],
        Step("crop_search", "every_frame", "host", repeat=3),
        base.schedule[1],
        Step("peak", "every_frame", "host"),
    )
    program = dataclasses.replace(base, schedule=schedule, tracker="siamfc")
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (2, 12, 12, 3)).repeat(4, axis=1).repeat(4, axis=2)
    return LoadedModel(program, images[:, :47, :47].astype(np.uint8), (), "0" * 64, "checkpoint")


@pytest.mark.parametrize(
    ("recipe", "scheduled"),
    [
        (PRESETS["siamsnn-paper"].model_copy(update={"timesteps": 8}), True),
        (BURST.model_copy(update={"timesteps": 8}), True),
        (Recipe(timesteps=4, normalisation="channel", weight_step="channel", tune=True), False),
    ],
    ids=["paper", "burst", "per channel, tuned"],
)
def test_a_coded_network_is_mapped_and_verified(
    tmp_path: Path, recipe: Recipe, scheduled: bool
) -> None:
    pytest.importorskip("jinja2")
    recipe = recipe.model_copy(update={"output_coding": _fitting(recipe)})
    compiled = compile_model(
        model(), load_target("loihi2"), Options(recipe, frames=1, spread=False), lambda _: None
    )
    assert all(not v.first_mismatch for v in compiled.verifications)
    assert sum(v.spikes for v in compiled.verifications) > 0
    write(compiled, tmp_path)
    packages = list((tmp_path / "emit" / "lava").glob("*/network.py"))
    assert len(packages) == len(compiled.graphs)
    assert all("Coding(" in p.read_text() for p in packages) == _coded_input(recipe)
    report = report_from_json((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert any("payloads follow a schedule" in a for a in report.assumptions) == scheduled
    if recipe.tune:
        assert report.accuracy is not None
        assert all(row.percentile is not None for row in report.accuracy.layers)


def _coded_input(recipe: Recipe) -> bool:
    return recipe.input_coding is not None


def _fitting(recipe: Recipe) -> Coding | None:
    coding = recipe.output_coding
    return coding.model_copy(update={"period": None}) if coding else None


def test_loihi_1_refuses_codings_with_the_layer_and_the_way_out() -> None:
    recipe = PRESETS["siamsnn-paper"].model_copy(
        update={"timesteps": 8, "output_coding": Coding(name="two_status")}
    )
    with pytest.raises(NmError) as caught:
        compile_model(model(), load_target("loihi1"), Options(recipe), lambda _: None)
    found = caught.value.diagnostics[0]
    assert (found.code, found.where) == ("NM0324", "backbone.conv3.0")
    assert "rate" in found.help[0]
