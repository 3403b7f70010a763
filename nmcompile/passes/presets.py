"""Recipes by name, and recipes from files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from nmcompile.config import read_toml, validated
from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.passes.recipe import Coding, Matching, Recipe

_TWO_STATUS: Final = Coding(name="two_status", period=10, beta=0.65)
_PAPER: Final = Recipe(
    timesteps=20, percentile=99.9, v_init=0.0, pooling="gate", signed_output="relu"
)

PRESETS: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "default": Recipe(),
        "ann-8bit": Recipe(ann=("*",), percentile=99.99),
        "siamsnn-psm": _PAPER,
        "siamsnn-tsm": _PAPER.model_copy(update={"matching": Matching(rule="tsm")}),
        "siamsnn-hsm": _PAPER.model_copy(update={"matching": Matching(rule="hsm")}),
        "siamsnn-paper": _PAPER.model_copy(
            update={"matching": Matching(rule="hsm"), "output_coding": _TWO_STATUS}
        ),
    }
)
"""`siamsnn-*` are the four configurations of SiamSNN, table I, taken literally: layer
normalisation, Rueckauer's gated pooling, no initial potential, negative features dropped.
`ann-8bit` keeps every network an ANN, for chips whose cores run both."""


def read_recipe(path: Path) -> Recipe:
    """A recipe from a TOML file; a key `preset` names the recipe that it changes.

    Raises:
        NmError: NM0602 to NM0606, each error at its file:line:col.
    """
    file = read_toml(path)
    data: dict[str, Any] = dict(file.data)
    name = data.pop("preset", "default")
    if not isinstance(name, str) or name not in PRESETS:
        raise NmError(
            Diagnostic(
                code="NM0604",
                message="there is no such preset",
                where=file.at(("preset",)),
                found=repr(name),
                help=(did_you_mean(str(name), list(PRESETS), "presets"),),
            )
        )
    base = PRESETS[name].model_dump(mode="python", exclude_unset=True)
    return validated(Recipe, {**base, **data}, (file,))
