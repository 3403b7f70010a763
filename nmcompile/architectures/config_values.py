"""Reading an architecture's configuration from a checkpoint: every value checked, NM0111."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from nmcompile.diagnostics import Diagnostic, NmError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Config = TypeVar("Config", bound="DataclassInstance")


def bad(field: str, message: str, found: object, *help_: str) -> NmError:
    """NM0111: a value of the configuration makes no network."""
    return NmError(
        Diagnostic(
            code="NM0111", message=message, where=f"config.{field}", found=str(found), help=help_
        )
    )


def read(kind: type[Config], config: Mapping[str, object]) -> Config:
    """A configuration class from a checkpoint's `config`; it checks its own values.

    Raises:
        NmError: NM0111 for a key that the class does not have.
    """
    known = {field.name for field in fields(kind)}
    for key in sorted(config):
        if key not in known:
            raise bad(key, "unknown key", key, f"known keys: {', '.join(sorted(known))}")
    return kind(**config)


def integers(field: str, value: object, count: int) -> tuple[int, ...]:
    """`count` positive integers from a JSON list, or NM0111."""
    if (
        isinstance(value, list | tuple)
        and len(value) == count
        and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in value)
    ):
        return tuple(value)
    raise bad(field, f"expected {count} positive integers", value)


def booleans(field: str, value: object, count: int) -> tuple[bool, ...]:
    """`count` booleans from a JSON list, or NM0111."""
    if (
        isinstance(value, list | tuple)
        and len(value) == count
        and all(isinstance(v, bool) for v in value)
    ):
        return tuple(value)
    raise bad(field, f"expected {count} booleans", value)


def number(field: str, value: object) -> float:
    """A number, or NM0111."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise bad(field, "expected a number", value)


def size(field: str, value: object) -> int:
    """A positive integer in pixels, or NM0111."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    raise bad(field, "expected a positive integer (pixels)", value)
