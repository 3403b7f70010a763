"""The report in a terminal: details first, the headline last, where the eye is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from io import StringIO
from typing import TYPE_CHECKING, Final

from nmcompile.report import cost_tables, design_tables
from nmcompile.report.host_table import host
from nmcompile.report.schema import Report
from nmcompile.report.table import Table
from nmcompile.report.text import bound_text, sentence
from nmcompile.report.verdict import chip_name, summary_line, verdict_line

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table as RichTable

_UNBROKEN: Final = 24
"""Names and numbers up to so many characters stay on one line."""

_STYLES: Final = {"verified": "green", "mismatch": "bold red", "not verified": "yellow"}


def render_terminal(report: Report, *, details: bool = False) -> Group:
    """The report as a rich renderable.

    Args:
        report: what to render.
        details: also show layers, limits, counters, costs and conventions.
    """
    from rich.console import Group
    from rich.text import Text

    chosen = [
        design_tables.tracking(report),
        design_tables.partial_sums(report),
        host(report),
        cost_tables.energy(report),
        cost_tables.second_opinion(report),
    ]
    if details:
        chosen = [
            cost_tables.checked(report),
            cost_tables.costs(report, places=False),
            cost_tables.convention_figures(report),
            cost_tables.core_counters(report),
            cost_tables.counters(report),
            design_tables.layer_mapping(report),
            design_tables.utilisation(report),
            design_tables.networks(report),
            design_tables.jin2023(report),
            design_tables.accuracy(report),
            cost_tables.energy_layers(report),
            cost_tables.energy_other(report),
            cost_tables.energy_actions(report),
            cost_tables.timing(report),
            design_tables.verification(report),
            design_tables.assumptions(report),
            *chosen,
        ]
    chosen.append(cost_tables.headline(report))
    lines: list[RenderableType] = [
        Text(f"{report.model.name} on {chip_name(report)}", style="bold"),
        *(rich_table(t) for t in chosen if t.rows),
        Text(verdict_line(report), style=_STYLES[report.headline.verdict]),
    ]
    lacking = bound_text(report.headline.energy_per_frame)
    if lacking:
        lines.append(Text(f"Energy is a lower bound: {lacking}", style="yellow"))
    lines.append(Text(summary_line(report)))
    return Group(*lines)


def render_plain(report: Report, *, width: int = 100, details: bool = False) -> str:
    """The same as plain text without colour, for logs and pipes."""
    from rich.console import Console

    out = StringIO()
    console = Console(file=out, width=width, color_system=None, legacy_windows=False)
    console.print(render_terminal(report, details=details))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def conventions_text(report: Report, *, width: int = 100) -> str:
    """What papers' formulas say, and a sentence on what each leaves out."""
    said = [
        textwrap.fill(
            f"{sentence(row.title)} It {row.leaves_out}. [{row.source}]",
            width,
            subsequent_indent="  ",
        )
        for row in report.conventions
    ]
    table = plain_tables([cost_tables.convention_figures(report)], width=width)
    return "\n".join([table, *said]) + "\n"


def plain_tables(tables: Iterable[Table], *, width: int = 100) -> str:
    """Tables as plain text, those without rows left out."""
    from rich.console import Console

    out = StringIO()
    console = Console(file=out, width=width, color_system=None, legacy_windows=False)
    for content in tables:
        if content.rows:
            console.print(rich_table(content))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def rich_table(content: Table) -> RichTable:
    """A table for a terminal."""
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(
        title=Text(content.title, style="bold"),  # a dataset called `otb:car:` is no picture
        caption=content.note or None,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for index, (name, align) in enumerate(content.columns):
        longest = max(len(row[index]) for row in content.rows)
        narrow = (index == 0 or align == "right") and longest <= _UNBROKEN
        shown.add_column(name, justify=align, overflow="fold", no_wrap=narrow)
    for row in content.rows:
        # Text, not str: a layer called `[red]` is a name, not markup
        shown.add_row(*(Text(cell) for cell in row))
    return shown
