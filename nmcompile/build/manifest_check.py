"""Whether a build came out as an earlier one did: its manifest against a kept one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from nmcompile.diagnostics import Diagnostic, NmError

UPSTREAM_FIRST: Final = (
    *("nmcompile", "backend", "model", "target", "options", "seeds", "calibration"),
    *("programs", "passes", "cores", "files"),
)
"""Sections of a manifest: what comes first explains what follows."""
VERSIONS: Final = "versions"
NAMED: Final = 6
"""Differences that a message names."""


def require_same_manifest(kept: Mapping[str, Any], manifest: Mapping[str, Any], where: str) -> None:
    """Compare a build with the manifest of an earlier one, entry by entry.

    Args:
        kept: manifest of the earlier build. manifest: of this one.
        where: name of the file with the first.

    Raises:
        NmError: NM0404 when the builds differ.
    """
    found = differences(_without_versions(kept), _without_versions(manifest))
    if not found:
        return
    found += differences({VERSIONS: kept.get(VERSIONS)}, {VERSIONS: manifest.get(VERSIONS)})
    left = len(found) - NAMED
    raise NmError(
        Diagnostic(
            code="NM0404",
            message="the build is not the one that the manifest describes",
            where=where,
            found=f"{len(found)} entries differ, the first: {found[0]}",
            notes=(*found[1:NAMED], *((f"and {left} more",) if left > 0 else ())),
            help=(
                "the first difference explains the others: the same version, model, target and"
                " options give the same bytes",
            ),
        )
    )


def _without_versions(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Other versions of other programs are no difference while they give the same bytes."""
    return {name: value for name, value in manifest.items() if name != VERSIONS}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """`section.entry: old -> new` for all that differs, upstream first."""
    before, after = (dict(_entries(manifest)) for manifest in (old, new))
    changed = [n for n in dict.fromkeys((*before, *after)) if before.get(n) != after.get(n)]
    changed.sort(key=lambda name: _rank(name.split(".")[0]))
    return [f"{n}: {_short(before.get(n))} -> {_short(after.get(n))}" for n in changed]


def _rank(section: str) -> int:
    return UPSTREAM_FIRST.index(section) if section in UPSTREAM_FIRST else len(UPSTREAM_FIRST)


def _entries(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _entries(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _short(value: object) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."


def read_manifest(path: Path) -> dict[str, Any]:
    """A manifest.json.

    Raises:
        NmError: NM0523 when it is none.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict) or "files" not in manifest:
            raise ValueError("it lists no files")
    except (OSError, ValueError) as error:
        raise NmError(
            Diagnostic(
                code="NM0523",
                message="this is not the manifest of a build",
                where=str(path),
                found=f"{type(error).__name__}: {error}",
                help=("name the manifest.json of a build folder",),
            )
        ) from error
    return manifest
