"""Diagnostics as plain text and as JSON values. Colour is the command line's business."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from nmcompile.diagnostics.diagnostic import Diagnostic

MAX_SHOWN: Final = 20


MAX_PLACES: Final = 3
"""Of more places that have the same to say so many are named."""


def as_text(diagnostic: Diagnostic, others: Sequence[str] = ()) -> str:
    """One diagnostic as a short block of plain lines.

    The head says severity, code and message; then follow ``-->`` the place, ``= limit:``,
    ``= found:``, ``= note:`` lines, and at the end ``help:``.

    Args:
        diagnostic: what to say.
        others: further places of which the same is to be said.
    """
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    places = [place for place in (diagnostic.where, *others) if place]
    # A last place alone takes no more room than its number.
    shown = len(places) if len(places) <= MAX_PLACES + 1 else MAX_PLACES
    lines += [f"  --> {place}" for place in places[:shown]]
    if len(places) > shown:
        lines.append(f"  --> and {len(places) - shown} more places (--json lists all)")
    if diagnostic.limit:
        lines.append(f"  = limit: {diagnostic.limit}")
    if diagnostic.found:
        lines.append(f"  = found: {diagnostic.found}")
    lines += [f"  = note: {note}" for note in diagnostic.notes]
    for index, line in enumerate(diagnostic.help):
        lines.append(f"help: {line}" if index == 0 else f"      {line}")
    return "\n".join(lines)


def render_text(diagnostics: Sequence[Diagnostic], max_shown: int = MAX_SHOWN) -> str:
    """Several diagnostics, errors first, at most ``max_shown``, and where to read more.

    Those that differ in nothing but their place are said once.
    """
    rank = {"error": 0, "warning": 1, "note": 2}
    ordered = sorted(diagnostics, key=lambda d: rank[d.severity])  # stable: keeps their order
    alike: dict[Diagnostic, list[Diagnostic]] = {}
    for diagnostic in ordered:
        alike.setdefault(replace(diagnostic, where=""), []).append(diagnostic)
    groups = list(alike.values())
    shown = groups[:max_shown]
    blocks = [as_text(first, [d.where for d in others]) for first, *others in shown]
    left = len(ordered) - sum(len(group) for group in shown)
    if left:
        blocks.append(f"... and {left} more (--json lists all)")
    codes = sorted({first.code for first, *_ in shown if first.is_error})
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
