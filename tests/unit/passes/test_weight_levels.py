"""Weights of few different values: the best levels, 0 among them, shared by a population."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IF
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext
from nmcompile.passes.presets import read_recipe
from nmcompile.passes.quantise import quantise
from nmcompile.passes.recipe import LayerRecipe, Recipe
from nmcompile.passes.weight_levels import best_levels

VALUES = st.sets(st.integers(-9, 9).filter(bool), min_size=2, max_size=6)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(VALUES, st.integers(1, 4), st.integers(0, 999))
def test_no_other_levels_are_better(values: set[int], levels: int, seed: int) -> None:
    """Against all sets of integers with 0."""
    value = np.array(sorted({0, *values}), np.int64)
    count = np.random.default_rng(seed).integers(1, 6, len(value))
    found = best_levels(value, count, levels)
    assert len(set(found.tolist())) <= levels and found[value == 0] == 0
    error = int((count * (value - found) ** 2).sum())
    others = [n for n in range(-9, 10) if n]
    for more in combinations(others, min(levels, len(value)) - 1):
        distance = np.abs(value[:, None] - np.array([0, *more])).min(axis=1)
        assert error <= int((count * distance**2).sum())


def read_out(recipe: Recipe) -> list[npt.NDArray[np.int8]]:
    """Integer weights of two dense branches, one of them small, that add up, and of a third."""
    rng = np.random.default_rng(1)

    def dense(most: float, inputs: int) -> ops.Linear:
        weight = rng.normal(0, most, (5, inputs)).astype(np.float32)
        return ops.Linear(Array(weight), Array(np.zeros(5, np.float32)))

    nodes = (
        Node("input", ops.Input("spikes", (40,), 1)),
        Node("a", dense(1.0, 40), ("input",), "in.a"),
        Node("b", dense(0.1, 40), ("input",), "in.b"),
        Node("sum", ops.Add(), ("a", "b"), "sum"),
        Node("n", ops.Neuron(IF(Array(np.float32(1)))), ("sum",), "n"),
        Node("c", dense(1.0, 5), ("n",), "c"),
        Node("read", ops.Accumulate(apart=True, start=Array(np.zeros(5))), ("c",), "read"),
        Node("output", ops.Output(), ("read",)),
    )
    program = Program("two", "spiking", (Network("two", nodes, 2),), ())
    network = quantise(program, PassContext(recipe=recipe)).network("two")
    return [network.by_name[name].op.weight.data for name in "abc"]  # type: ignore[union-attr]


def distinct(*weights: npt.NDArray[np.int8]) -> int:
    return len(np.unique(np.concatenate([*(w.reshape(-1) for w in weights), [0]])))


def test_layers_have_the_levels_that_they_are_given() -> None:
    """Branches of one population share theirs: the fewest of any of them."""
    a, b, c = read_out(Recipe())
    assert distinct(a, b) > 40 and distinct(c) > 16
    a, b, c = read_out(Recipe(weight_levels=16))
    assert distinct(a, b) == 16 and distinct(c) == 16
    assert a.dtype == np.int8
    only = Recipe(weight_levels=16, layers={"in.b": LayerRecipe(weight_levels=6)})
    a, b, c = read_out(only)
    assert distinct(a, b) == 6 and distinct(c) == 16


def test_wide_weights_have_no_levels(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("weight_levels = 32\nweight_bits = 9\n", encoding="utf-8")
    with pytest.raises(NmError) as caught:
        read_recipe(path)
    assert caught.value.codes == ("NM0604",)
    assert "at most 8 bits" in str(caught.value)
