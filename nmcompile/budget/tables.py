"""Judged metrics and changed layers as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nmcompile.budget.judge import LayerChange, Row
from nmcompile.report.table import Table, table
from nmcompile.report.text import DASH, count_text
from nmcompile.units import format_si

MOST_LAYERS: Final = 12


def judged_table(name: str, rows: Sequence[Row]) -> Table:
    """Metrics with their accepted figure, their change, their limit and the verdict."""
    return table(
        name,
        "figure|accepted>|now>|change>|limit|verdict",
        (
            (
                row.metric.title,
                DASH if row.base is None else row.metric.text(row.base),
                now_text(row),
                change_text(row.change),
                row.limit or DASH,
                row.verdict + (f": {row.reason}" if row.reason else ""),
            )
            for row in rows
        ),
    )


def compared_table(title: str, rows: Sequence[Row]) -> Table:
    """Metrics of two reports side by side."""
    return table(
        title,
        "figure|old>|new>|change>",
        (
            (
                row.metric.title,
                row.metric.text(row.base),
                now_text(row),
                change_text(row.change),
            )
            for row in rows
        ),
    )


def layers_table(changes: Sequence[LayerChange]) -> Table:
    """The layers that changed most."""
    left_out = len(changes) - MOST_LAYERS
    note = "energy: synapses and neurons, per frame; operations: one inference"
    return table(
        "Layers that changed",
        "layer|energy before>|energy now>|operations before>|operations now>",
        (
            (
                change.layer,
                _joules(change.base_j),
                _joules(change.now_j),
                count_text(change.base_ops),
                count_text(change.now_ops),
            )
            for change in changes[:MOST_LAYERS]
        ),
        note if left_out <= 0 else f"{note}; {left_out} more changed",
    )


def now_text(row: Row) -> str:
    """The figure, as a bound where it is one."""
    bound = "at least " if row.at_least and row.now is not None else ""
    return bound + row.metric.text(row.now)


def change_text(change: float | None) -> str:
    """`+3.2 %`, `0 %`, or a dash."""
    if change is None:
        return DASH
    return "0 %" if change == 0 else f"{100 * change:+.3g} %"


def _joules(value: float | None) -> str:
    return "unknown" if value is None else format_si(value, "J")
