"""Plain text for terminals: aligned tables and the colour of diagnostics."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TextIO

from nmcompile.diagnostics import Diagnostic, render_text

_COLOURS: Final = {"error": "\033[1;31m", "warning": "\033[1;33m", "note": "\033[1;36m"}
_HELP: Final = "\033[1;32m"
_RESET: Final = "\033[0m"


def wants_colour(stream: TextIO) -> bool:
    """Whether to colour: a terminal, no ``NO_COLOR``, and not ``TERM=dumb``."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def table(rows: Sequence[Sequence[object]], head: Sequence[str] = (), right: str = "") -> str:
    """Rows as columns of equal width, two spaces apart; nothing is ever cut off.

    Args:
        rows: the cells; every row has the same length.
        head: names of the columns.
        right: one character per column, ``r`` aligns it to the right.
    """
    lines = [[str(cell) for cell in row] for row in ([head, *rows] if head else rows)]
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    sides = right.ljust(len(widths))

    def aligned(line: list[str]) -> str:
        cells = zip(line, widths, sides, strict=True)
        return "  ".join(c.rjust(w) if s == "r" else c.ljust(w) for c, w, s in cells).rstrip()

    return "\n".join(aligned(line) for line in lines)


def diagnostics_text(diagnostics: Sequence[Diagnostic], *, colour: bool) -> str:
    """Diagnostics for a terminal."""
    text = render_text(diagnostics)
    if not colour:
        return text
    return "\n".join(_coloured(line) for line in text.splitlines())


def _coloured(line: str) -> str:
    head, bracket, rest = line.partition("[NM")
    if bracket and head in _COLOURS:
        return f"{_COLOURS[head]}{head}{bracket}{rest.replace(']:', ']:' + _RESET, 1)}"
    if line.startswith("help:"):
        return f"{_HELP}help:{_RESET}{line[5:]}"
    return line
