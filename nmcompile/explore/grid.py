"""The grid: every combination of targets and of values of the recipe."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.passes.presets import PRESETS
from nmcompile.passes.recipe import Recipe
from nmcompile.target import Target, load_target

__all__ = ["Axis", "Point", "axis", "grid", "items"]

Value = str | int | float | bool

PRESET: Final = "preset"
"""The axis that exchanges the whole recipe; all others change one entry of it."""


@dataclass(frozen=True)
class Axis:
    """One direction of the grid.

    Attributes:
        name: an entry of the recipe as in a recipe file, such as `timesteps` or `coding.name`; or
            `preset`.
        values: what it takes, in order.
    """

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Point:
    """One build to make.

    Attributes:
        target: the chip.
        chip: what the user called it.
        recipe: of the conversion.
        choices: axis and value, in the order of the axes.
    """

    target: Target
    chip: str
    recipe: Recipe
    choices: tuple[tuple[str, Value], ...]

    @property
    def label(self) -> str:
        """`loihi2 timesteps=8 weight_bits=4`."""
        return " ".join((self.target.name, *(f"{name}={value}" for name, value in self.choices)))


def items(text: str) -> tuple[str, ...]:
    """The words of a list with commas, each once."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def axis(name: str, text: str, option: str) -> Axis:
    """An axis from `8,16`; numbers and booleans as in TOML, anything else is a word.

    Raises:
        NmError: NM0001 without any value.
    """
    values = tuple(_value(word) for word in items(text))
    if not values or not name:
        raise _wrong(option, "an axis of the grid has no value", f"{name}={text}" if name else text)
    return Axis(name, values)


def grid(base: Recipe, chips: Sequence[str], axes: Sequence[Axis]) -> tuple[Point, ...]:
    """Every combination, targets outermost, the last axis fastest.

    Args:
        base: recipe that the axes change.
        chips: names, aliases or paths of targets; one that stands there twice counts once.
        axes: the others.

    Raises:
        NmError: NM0001 for a value that the recipe refuses, an unknown entry or preset, or two
            axes of one name; NM06xx for a target.
    """
    names = [one.name for one in axes]
    for name in names:
        if names.count(name) > 1:
            raise _wrong("nmcompile explore", "two axes have one name", name)
    ordered = sorted(axes, key=lambda one: one.name != PRESET)  # a preset first, changes over it
    if not chips:
        help_ = "name chips with commas between them; `nmcompile targets list` shows all"
        raise _wrong("--targets", "no target is named", "", help_)
    targets: dict[str, tuple[str, Target]] = {}
    for chip in chips:
        target = load_target(chip)
        targets.setdefault(target.digest, (chip, target))
    points = []
    for chip, target in targets.values():
        for values in itertools.product(*(one.values for one in axes)):
            chosen = dict(zip(names, values, strict=True))
            recipe = base
            for one in ordered:
                recipe = _changed(recipe, one.name, chosen[one.name])
            points.append(Point(target, chip, recipe, tuple(chosen.items())))
    return tuple(points)


def _value(word: str) -> Value:
    try:
        found: Any = tomllib.loads(f"value = {word}")["value"]
    except tomllib.TOMLDecodeError:
        return word
    return found if isinstance(found, str | int | float | bool) else word


def _changed(recipe: Recipe, name: str, value: Value) -> Recipe:
    """The recipe with one entry set; what nobody set stays unset."""
    if name == PRESET:
        return _preset(str(value), recipe)
    data = recipe.model_dump(exclude_unset=True)
    *path, last = name.split(".")
    inner: dict[str, Any] = data
    for part in path:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise _wrong(f"`{name}`", f"`{part}` has no entries", str(value))
    inner[last] = value
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "extra_forbidden":
            known = [key for key in Recipe.model_fields if key not in ("layers", "ann")]
            raise _wrong(
                f"`{name}`",
                f"a recipe has no entry `{name}`",
                "",
                did_you_mean(path[0] if path else last, known, "entries"),
            ) from None
        message = str(first["msg"])
        message = f"this is no value of `{name}`: {message[:1].lower() + message[1:]}"
        raise _wrong(f"`{name}`", message, str(value)) from None


def _preset(name: str, base: Recipe) -> Recipe:
    """A preset, with what the user set over it."""
    if name not in PRESETS:
        message = "there is no such preset"
        raise _wrong("--presets", message, name, did_you_mean(name, list(PRESETS), "presets"))
    chosen: Mapping[str, Any] = base.model_dump(exclude_unset=True)
    return Recipe.model_validate({**PRESETS[name].model_dump(exclude_unset=True), **chosen})


def _wrong(where: str, message: str, found: str, *ways: str) -> NmError:
    return NmError(
        Diagnostic(code="NM0001", message=message, where=where, found=found, help=tuple(ways))
    )
