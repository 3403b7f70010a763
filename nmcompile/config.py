"""Read a TOML file into a frozen pydantic model, with every error at its file:line:col.

All independent errors are reported together: unknown keys with the nearest legal key (NM0603),
wrong values (NM0604), missing keys (NM0605). A file that is not TOML is NM0602, one that cannot
be read NM0606.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean
from nmcompile.toml_positions import Key, TomlPositions

MAX_FILE_BYTES: Final = 1 << 20

M = TypeVar("M", bound=BaseModel)


class Frozen(BaseModel):
    """Base of every model that is read from a file: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class TomlFile:
    """A decoded TOML file that knows where its keys stand.

    Attributes:
        path: the file.
        label: how messages name it.
        data: the decoded content.
        positions: where the keys stand.
    """

    path: Path
    label: str
    data: dict[str, Any] = field(repr=False)
    positions: TomlPositions = field(repr=False)

    def at(self, key: Key) -> str:
        """``file:line:col`` of a key, or of the closest parent that the file has."""
        line, column = self.positions.find(key)
        return f"{self.label}:{line}:{column}"

    def has(self, key: Key) -> bool:
        """Whether the file itself states ``key``."""
        node: Any = self.data
        for part in key:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True


def read_toml(path: Path, label: str | None = None) -> TomlFile:
    """Read and decode one TOML file.

    Raises:
        NmError: NM0606 unreadable or too large, NM0602 not TOML.
    """
    label = str(path) if label is None else label
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _unreadable(label, f"{path.stat().st_size} bytes, at most {MAX_FILE_BYTES}")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise _unreadable(label, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise _unreadable(label, f"not UTF-8 text (byte {error.start})") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", str(error))
        what, where = str(error), label
        if place:
            what, where = place[1], f"{label}:{place[2]}:{place[3]}"
        raise NmError(
            Diagnostic(
                code="NM0602",
                message="this file is not valid TOML",
                where=where,
                found=what[:1].lower() + what[1:],
            )
        ) from error
    return TomlFile(path, label, data, TomlPositions(text))


def _unreadable(label: str, reason: str) -> NmError:
    return NmError(
        Diagnostic(code="NM0606", message="cannot read this file", where=label, found=reason)
    )


def validated(model: type[M], data: dict[str, Any], files: tuple[TomlFile, ...]) -> M:
    """Build ``model`` from decoded data.

    Args:
        model: the model to build.
        data: what to build it from.
        files: where the data came from, the file that overrides first.

    Raises:
        NmError: every unknown key, wrong value and missing key, in the order of the file.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        found = [_diagnostic(model, files, e, _key(e["loc"], data)) for e in errors]
        found.sort(key=lambda d: _place(d.where))
        raise NmError(*found) from None


def _place(where: str) -> tuple[str, int, int]:
    label, line, column = where.rsplit(":", 2)
    return label, int(line), int(column)


def _key(location: tuple[str | int, ...], data: Any) -> Key:
    """The key that a location means: without the tags of unions, which name one of the values."""
    key: list[str | int] = []
    for part in location:
        if isinstance(data, dict) and part not in data and part in data.values():
            continue
        key.append(part)
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            data = None
    return tuple(key)


def _diagnostic(
    model: type[BaseModel], files: tuple[TomlFile, ...], error: Any, key: Key
) -> Diagnostic:
    dotted = ".".join(str(part) for part in key)
    missing = error["type"] == "missing"
    wanted = key[:-1] if missing else key
    origin = next((file for file in files if file.has(wanted)), files[0])
    where = origin.at(wanted)
    if error["type"] == "extra_forbidden":
        legal = _legal_keys(model, key[:-1])
        return Diagnostic(
            code="NM0603",
            message=f"unknown key `{dotted}`",
            where=where,
            help=(did_you_mean(str(key[-1]), legal, "legal keys here"),),
        )
    if missing:
        return Diagnostic(code="NM0605", message=f"`{dotted}` is missing", where=where)
    message = str(error["msg"]).removeprefix("Value error, ")
    return Diagnostic(
        code="NM0604",
        message=f"`{dotted}`: {message[:1].lower() + message[1:]}"
        if dotted
        else message[:1].lower() + message[1:],
        where=where,
        found=_short(error.get("input")),
    )


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ""  # the place says it; a whole table would bury the message
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _legal_keys(model: type[BaseModel], path: Key) -> list[str]:
    """The keys that the table at ``path`` may have."""
    for part in path:
        info = model.model_fields.get(str(part))
        inner = next(_models_in(info.annotation), None) if info is not None else None
        if inner is not None:
            model = inner
    return [info.alias or name for name, info in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
