"""From a target file to a :class:`Target`: inheritance, validation, sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from nmcompile.config import TomlFile, read_toml, validated
from nmcompile.diagnostics import Diagnostic, DiagnosticBag, NmError, did_you_mean
from nmcompile.target.families import FAMILIES, family_of
from nmcompile.target.schema import Target
from nmcompile.toml_positions import Key

Resolve = Callable[[str], Path]


def load_target_file(path: Path, label: str, resolve: Resolve) -> Target:
    """Load one target file with everything that it extends.

    Args:
        path: the file.
        label: how messages name it.
        resolve: finds the file of a target name that ``extends`` mentions.

    Raises:
        NmError: NM0602 to NM0606 for the content, NM0608 for ``extends``, NM0609 for sources.
    """
    files = _chain(path, label, resolve)
    data = _merged(files)
    data.pop("extends", None)
    family = family_of(data)
    if family is None:
        raise _unknown_family(files, data["family"])
    target = validated(family, data, files)
    _check_sources(target, data, files)
    # not part of the content, so not of the digest; no folder, so that builds do not depend on it
    target._label = path.name if label == str(path) else label
    return target


def _chain(path: Path, label: str, resolve: Resolve) -> tuple[TomlFile, ...]:
    """The file and what it extends, the most specific first."""
    files: list[TomlFile] = [read_toml(path, label)]
    seen = [path.resolve()]
    while "extends" in files[-1].data:
        child = files[-1]
        parent = child.data["extends"]
        if not isinstance(parent, str):
            raise _extends(child, "`extends` names one target or one file", repr(parent))
        beside = child.path.parent / parent
        found = beside if parent.endswith(".toml") else resolve(parent)
        if not found.is_file():
            raise _extends(child, "`extends` names a file that does not exist", parent)
        if found.resolve() in seen:
            raise _extends(child, "`extends` goes in a circle", parent)
        seen.append(found.resolve())
        files.append(read_toml(found, found.name if found == beside else f"targets/{found.name}"))
    return tuple(files)


def _extends(file: TomlFile, message: str, found: str) -> NmError:
    return NmError(
        Diagnostic(code="NM0608", message=message, where=file.at(("extends",)), found=found)
    )


def _unknown_family(files: tuple[TomlFile, ...], found: object) -> NmError:
    key = ("family",)
    origin = next((file for file in files if file.has(key)), files[0])
    return NmError(
        Diagnostic(
            code="NM0604",
            message="there is no such family of chips",
            where=origin.at(key),
            found=repr(found),
            help=(did_you_mean(str(found), FAMILIES, "families"),),
        )
    )


def _merged(files: tuple[TomlFile, ...]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for file in reversed(files):
        merged = _overlay(merged, file.data)
        # a variant is its own target: the names of its parent stay with the parent
        if "aliases" not in file.data:
            merged.pop("aliases", None)
    return merged


def _overlay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """``top`` over ``base``; a number is replaced whole, so that no source survives its value."""
    result = dict(base)
    for key, value in top.items():
        old = result.get(key)
        result[key] = _overlay(old, value) if _is_table(old) and _is_table(value) else value
    return result


def _is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and "kind" not in value


def _cited(data: dict[str, Any], path: Key = ()) -> Iterator[tuple[Key, str]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from _cited(value, (*path, key))
        elif key == "source" and isinstance(value, str):
            yield (*path, key), value


def _check_sources(target: Target, data: dict[str, Any], files: tuple[TomlFile, ...]) -> None:
    bag = DiagnosticBag()
    for key, source in _cited(data):
        if source not in target.sources:
            origin = next((file for file in files if file.has(key)), files[0])
            bag.add(
                Diagnostic(
                    code="NM0609",
                    message=f"source `{source}` is not in [sources]",
                    where=origin.at(key),
                    help=(did_you_mean(source, target.sources, "sources"),),
                )
            )
    bag.raise_errors()
