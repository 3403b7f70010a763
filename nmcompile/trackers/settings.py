"""A checkpoint's `tracker`, read into the fields of a loop's parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from nmcompile.diagnostics import NmError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Refuse = Callable[[str, type | None, object, list[str]], NmError]
"""What to raise: the key, its type (None for an unknown one), the value, all known names."""


def read(cls: type[T], values: Mapping[str, object], refuse: Refuse) -> T:
    """The parameters; missing keys keep their default, whole numbers become floats where due.

    Args:
        cls: fields are `int` or `float`. values: by name. refuse: makes the error.

    Raises:
        NmError: from `refuse`, and what the class itself checks.
    """
    types = {field.name: int if field.type == "int" else float for field in fields(cls)}
    found: dict[str, int | float] = {}
    for key, value in sorted(values.items()):
        kind = types.get(key)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if kind is None or not (whole or (kind is float and isinstance(value, float))):
            raise refuse(key, kind, value, list(types))
        found[key] = kind(value)  # type: ignore[arg-type,call-overload]
    return cls(**found)
