"""A model's own recipe: below what the user chose, above the defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from support.nets import tiny_siamese

from nmcompile.build.own_recipe import with_own_recipe
from nmcompile.diagnostics import NmError
from nmcompile.frontends import LoadedModel
from nmcompile.passes.recipe import Coding, Recipe

MODEL = LoadedModel(tiny_siamese(), None, (), "0" * 64, "checkpoint")


def merged(own: dict[str, Any], **chosen: Any) -> Recipe:
    return with_own_recipe(Recipe(**chosen), dataclasses.replace(MODEL, recipe=own))


def test_without_one_nothing_changes() -> None:
    chosen = Recipe(weight_bits=4)
    assert with_own_recipe(chosen, MODEL) is chosen


def test_the_model_beats_defaults_and_the_user_beats_the_model() -> None:
    own = {"weight_bits": 2, "weight_step": "channel", "v_init": 0}
    found = merged(own, weight_bits=4)
    assert (found.weight_bits, found.weight_step, found.v_init) == (4, "channel", 0.0)
    assert found.percentile == Recipe().percentile


def test_none_leaves_the_choice_to_the_model() -> None:
    assert merged({"timesteps": 10}, timesteps=None).timesteps == 10


def test_nested_tables_come_whole_from_one_side() -> None:
    own = {"coding": {"name": "burst", "burst_length": 2}, "layers": {"conv2": {"v_init": 0.25}}}
    assert merged(own).coding == Coding(name="burst", burst_length=2)
    assert merged(own, coding=Coding(name="phase")).coding == Coding(name="phase")
    assert merged(own).v_init_of("conv2") == 0.25


def test_every_wrong_entry_is_named() -> None:
    with pytest.raises(NmError) as caught:
        merged({"weight_bit": 2, "coding": {"name": "morse"}})
    assert caught.value.codes == ("NM0115", "NM0115")
    assert caught.value.exit_code == 1
    said = {d.message for d in caught.value.diagnostics}
    assert {m.split("`")[1] for m in said} == {"recipe.weight_bit", "recipe.coding.name"}
