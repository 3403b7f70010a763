"""Diagnostics as plain text and as JSON values. Colour is the command line's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nmcompile.diagnostics.diagnostic import Diagnostic

MAX_SHOWN: Final = 20


def as_text(diagnostic: Diagnostic) -> str:
    """One diagnostic as a short block of plain lines.

    The head says severity, code and message; then follow ``-->`` the place, ``= limit:``,
    ``= found:``, ``= note:`` lines, and at the end ``help:``.
    """
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    if diagnostic.where:
        lines.append(f"  --> {diagnostic.where}")
    if diagnostic.limit:
        lines.append(f"  = limit: {diagnostic.limit}")
    if diagnostic.found:
        lines.append(f"  = found: {diagnostic.found}")
    lines += [f"  = note: {note}" for note in diagnostic.notes]
    for index, line in enumerate(diagnostic.help):
        lines.append(f"help: {line}" if index == 0 else f"      {line}")
    return "\n".join(lines)


def render_text(diagnostics: Sequence[Diagnostic], max_shown: int = MAX_SHOWN) -> str:
    """Several diagnostics, errors first, at most ``max_shown``, and where to read more."""
    rank = {"error": 0, "warning": 1, "note": 2}
    ordered = sorted(diagnostics, key=lambda d: rank[d.severity])  # stable: keeps their order
    blocks = [as_text(d) for d in ordered[:max_shown]]
    if len(ordered) > max_shown:
        blocks.append(f"... and {len(ordered) - max_shown} more (--json lists all)")
    codes = sorted({d.code for d in ordered[:max_shown] if d.is_error})
    if codes:
        blocks.append(f"more: nmcompile explain {codes[0]}")
    return "\n".join(blocks)


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """The diagnostic as JSON types; every field is always present."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "where": diagnostic.where,
        "limit": diagnostic.limit,
        "found": diagnostic.found,
        "notes": list(diagnostic.notes),
        "help": list(diagnostic.help),
    }
