"""The grid of an exploration: which points it has, and what it refuses."""

from __future__ import annotations

import pytest

from nmcompile.diagnostics import NmError
from nmcompile.explore.grid import Axis, axis, grid, items
from nmcompile.passes.recipe import Recipe


def test_every_combination_in_order() -> None:
    axes = [axis("timesteps", "8,16", "-"), axis("weight_bits", "8, 4", "-")]
    points = grid(Recipe(), ("loihi1", "loihi2"), axes)
    assert [p.label for p in points][:5] == [
        "loihi1 timesteps=8 weight_bits=8",
        "loihi1 timesteps=8 weight_bits=4",
        "loihi1 timesteps=16 weight_bits=8",
        "loihi1 timesteps=16 weight_bits=4",
        "loihi2 timesteps=8 weight_bits=8",
    ]
    assert len(points) == 8
    assert points[1].recipe == Recipe(timesteps=8, weight_bits=4)
    assert points[1].recipe.model_fields_set == {"timesteps", "weight_bits"}


def test_values_are_those_of_toml() -> None:
    assert axis("x", "1, 2.5,true,rate", "-") == Axis("x", (1, 2.5, True, "rate"))
    assert items(" a,b ,,a") == ("a", "b")


def test_nested_entries_change_only_themselves() -> None:
    base = Recipe.model_validate({"coding": {"name": "phase", "period": 4}})
    (point,) = grid(base, ("loihi2",), [axis("coding.period", "8", "-")])
    assert point.recipe.coding.name == "phase"
    assert point.recipe.coding.period == 8


def test_a_preset_gives_way_to_what_was_set() -> None:
    axes = [axis("timesteps", "6", "-"), axis("preset", "siamsnn-psm,default", "-")]
    paper, plain = grid(Recipe(v_init=0.25), ("loihi2",), axes)
    assert (paper.recipe.timesteps, paper.recipe.v_init, paper.recipe.pooling) == (6, 0.25, "gate")
    assert (plain.recipe.timesteps, plain.recipe.pooling) == (6, "running_max")


def test_a_target_counts_once_whatever_it_is_called() -> None:
    assert [p.target.name for p in grid(Recipe(), ("loihi", "loihi2", "loihi1"), [])] == [
        "loihi2",
        "loihi1",
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("weight_bits", "8,99", "less than or equal to 16"),
        ("weight_bits", "wide", "valid integer"),
        ("weight_bit", "8", "no entry `weight_bit`"),
        ("coding.nam", "rate", "no entry `coding.nam`"),
        ("timesteps.of", "8", "`timesteps` has no entries"),
        ("preset", "siamsnn", "no such preset"),
    ],
)
def test_refusals(name: str, text: str, message: str) -> None:
    with pytest.raises(NmError, match=message) as refused:
        grid(Recipe(timesteps=4), ("loihi2",), [axis(name, text, "-")])
    assert refused.value.codes == ("NM0001",)


def test_an_axis_needs_values_and_a_name_of_its_own() -> None:
    with pytest.raises(NmError, match="no value"):
        axis("timesteps", " ,", "--timesteps")
    one = axis("timesteps", "8", "-")
    with pytest.raises(NmError, match="two axes have one name"):
        grid(Recipe(), ("loihi2",), [one, one])
    with pytest.raises(NmError, match="no target"):
        grid(Recipe(), (), [one])
