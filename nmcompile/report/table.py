"""A table of finished texts, for every rendering."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of finished texts.

    Attributes:
        title: heading.
        columns: heading and alignment of every column.
        rows: cells, one text per column.
        note: one sentence on how to read it; may be empty.
    """

    title: str
    columns: tuple[tuple[str, Align], ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def table(title: str, columns: str, rows: Iterable[tuple[str, ...]], note: str = "") -> Table:
    """A table; a heading with a trailing `>` is aligned right: `"layer|spikes>"`."""
    names = columns.split("|")
    aligned: tuple[tuple[str, Align], ...] = tuple(
        (name.rstrip(">"), "right" if name.endswith(">") else "left") for name in names
    )
    return Table(title, aligned, tuple(rows), note)
