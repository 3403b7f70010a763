"""Recipes: presets, files that change them, and what a wrong file is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmcompile.cli.options import recipe_of
from nmcompile.diagnostics import NmError
from nmcompile.passes.presets import PRESETS, read_recipe
from nmcompile.passes.recipe import Recipe


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path, "")) == Recipe() == PRESETS["default"]


def test_a_file_changes_its_preset_and_nothing_else(tmp_path: Path) -> None:
    found = read_recipe(written(tmp_path, 'preset = "siamsnn-paper"\ntimesteps = 10\n'))
    assert found.timesteps == 10
    assert found.model_copy(update={"timesteps": 20}) == PRESETS["siamsnn-paper"]


def test_layers_override_the_recipe(tmp_path: Path) -> None:
    text = """
    percentile = 99.5
    output_coding = { name = "two_status", period = 5 }
    [layers."backbone.conv1"]
    percentile = 100.0
    v_init = 0.25
    coding = { name = "burst" }
    """
    found = read_recipe(written(tmp_path, text))
    assert (found.percentile_of("backbone.conv1"), found.v_init_of("backbone.conv1")) == (100, 0.25)
    assert (found.percentile_of("backbone.conv2"), found.v_init_of("backbone.conv2")) == (99.5, 0.5)
    assert found.coding_of("backbone.conv1", output=True).name == "burst"
    assert found.coding_of("backbone.conv2", output=True).name == "two_status"
    assert found.coding_of("backbone.conv2", output=False).name == "rate"


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ('pooling = "running-max"', "NM0604", ":1:1"),
        ("\n\nperzentile = 99.0", "NM0603", ":3:1"),
        ("[matching]\nresponse_period = -1", "NM0604", ":2:1"),
        ("timesteps = 0", "NM0604", ":1:1"),
        ('preset = "siamsnn"', "NM0604", ":1:1"),
        ("preset = 3", "NM0604", ":1:1"),
        ("pooling = ]", "NM0602", ":1:"),
        ("preset = []", "NM0604", ":1:1"),
    ],
)
def test_a_wrong_file_is_refused_where_it_is_wrong(
    tmp_path: Path, text: str, code: str, where: str
) -> None:
    with pytest.raises(NmError) as error:
        read_recipe(written(tmp_path, text))
    (found,) = error.value.diagnostics
    assert found.code == code
    assert where in found.where


def test_single_options_win_over_the_preset() -> None:
    found = recipe_of(None, "siamsnn-hsm", 8, None, 99.0)
    assert (found.timesteps, found.percentile, found.weight_bits) == (8, 99.0, 8)
    assert found.matching.rule == "hsm"


@pytest.mark.parametrize(("config", "preset"), [(Path("a.toml"), "default"), (None, "papers")])
def test_wrong_combinations_are_usage_errors(config: Path | None, preset: str) -> None:
    with pytest.raises(NmError) as error:
        recipe_of(config, preset, None, None, None)
    assert error.value.diagnostics[0].code == "NM0001"
