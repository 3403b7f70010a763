"""The recipe that a model file brings along, below what the user chose."""

from __future__ import annotations

import json

from pydantic import ValidationError

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends import LoadedModel
from nmcompile.passes.recipe import Recipe


def with_own_recipe(chosen: Recipe, model: LoadedModel) -> Recipe:
    """The user's recipe over the model's, key by key; a default or None counts as not chosen.

    Raises:
        NmError: NM0115 with one diagnostic for every wrong entry of the model's recipe.
    """
    if not model.recipe:
        return chosen
    try:
        own = Recipe.model_validate_json(json.dumps(dict(model.recipe)))
    except ValidationError as error:
        raise NmError(*(_wrong(model, e) for e in error.errors(include_url=False))) from None
    mine = own.model_dump(exclude_unset=True)
    return Recipe.model_validate(
        {**mine, **chosen.model_dump(exclude_unset=True, exclude_none=True)}
    )


def _wrong(model: LoadedModel, error: object) -> Diagnostic:
    details = dict(error) if isinstance(error, dict) else {}
    place = ".".join(str(part) for part in ("recipe", *details.get("loc", ())))
    return Diagnostic(
        code="NM0115",
        message=f"`{place}` of the checkpoint is missing or wrong",
        where=model.program.name,
        limit=str(details.get("msg", "")),
        found=repr(details.get("input"))[:60],
        help=("correct the recipe in the checkpoint",),
    )
