"""Options of the conversion from float mean nothing for a model that is integer already."""

from __future__ import annotations

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.passes.recipe import Recipe


def refuse_conversion(recipe: Recipe, calibrate: str | None) -> None:
    """Refuse what would have to change a model of integers; the number of timesteps does not.

    Raises:
        NmError: NM0001 names the options.
    """
    given = ["--calibrate"] if calibrate is not None else []
    changed = recipe.model_dump(exclude={"timesteps", "split_fan_in"}, exclude_defaults=True)
    given += [f"`{name}` of the recipe" for name in changed]
    if given:
        raise NmError(
            Diagnostic(
                code="NM0001",
                message="the model is integer already: there is nothing to convert",
                where=", ".join(given),
                help=("leave it out; `--timesteps` is the choice that a .net file has",),
            )
        )
