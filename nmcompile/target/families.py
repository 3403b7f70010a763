"""The families of chips: which model reads a target file, and narrowing to one family."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.target.crossbar import CrossbarTarget
from nmcompile.target.fcore import FCoreTarget
from nmcompile.target.neurocore import NeurocoreTarget
from nmcompile.target.schema import Target

DEFAULT: Final = "neurocore"
FAMILIES: Final[Mapping[str, type[Target]]] = MappingProxyType(
    {"neurocore": NeurocoreTarget, "crossbar": CrossbarTarget, "fcore": FCoreTarget}
)
ANY: Final[TypeAdapter[NeurocoreTarget | CrossbarTarget | FCoreTarget]] = TypeAdapter(
    NeurocoreTarget | CrossbarTarget | FCoreTarget
)

T = TypeVar("T", bound=Target)


def family_of(data: Mapping[str, Any]) -> type[Target] | None:
    """The model for decoded data, or None when it names no family."""
    name = data.get("family", DEFAULT)
    return FAMILIES.get(name) if isinstance(name, str) else None


def target_from_json(text: str) -> Target:
    """A target from the JSON of `Target.model_dump`.

    Raises:
        ValueError: it is no target.
    """
    return ANY.validate_json(text)


def of_family(target: Target, family: type[T]) -> T:
    """The target itself, known to be of one family.

    Raises:
        NmError: NM0312 when its backend needs another family of chips.
    """
    if isinstance(target, family):
        return target
    wanted = next(name for name, model in FAMILIES.items() if model is family)
    raise NmError(
        Diagnostic(
            code="NM0312",
            message=f"the backend `{target.backend}` cannot use a {target.family} chip",
            where=target.label,
            limit=f'family = "{wanted}"',
            found=f'family = "{target.family}"',
            help=("correct `backend` in the target file",),
        )
    )
