"""The report as Markdown for pull requests and step summaries, within their size limits."""

from __future__ import annotations

from typing import Final

from nmcompile.report import cost_tables, design_tables
from nmcompile.report.host_table import host
from nmcompile.report.schema import Report
from nmcompile.report.table import Table
from nmcompile.report.text import sentence
from nmcompile.report.verdict import chip_name, summary_line, verdict_line

MARKER: Final = "<!-- nmcompile-report -->"
MAX_BYTES: Final = 65_536
"""What a pull-request comment may hold; a step summary may hold more."""

_FOLD: Final = "\n<details>\n<summary>Placement, limits, counters, formulas, sources</summary>"
_ICONS: Final = {"verified": "✅", "mismatch": "❌", "not verified": "⚠️"}


def render_markdown(report: Report, max_bytes: int = MAX_BYTES) -> str:
    """Render to Markdown: what a reviewer reads, and the rest folded away below it.

    The largest tables go first when it would not fit.

    Args:
        report: what to render.
        max_bytes: size limit of the UTF-8 text. The verdict and the headline always stay.
    """
    head = _head(report)
    read = [(t.title, markdown_table(t)) for t in _read(report) if t.rows]
    folded = [(t.title, markdown_table(t)) for t in _folded(report) if t.rows]
    foot = _foot(report)
    dropped: list[str] = []
    while True:
        said = f"\n_Left out for size: {', '.join(sorted(dropped))}. See report.json._\n"
        below = [_FOLD, *(block for _, block in folded), "\n</details>"] if folded else []
        shown = [head, *(block for _, block in read), *below, *([said] if dropped else []), foot]
        text = "\n".join(shown)
        if not (read or folded) or len(text.encode()) <= max_bytes:
            return text
        largest = max((*read, *folded), key=lambda block: len(block[1]))
        dropped.append(largest[0])
        (read if largest in read else folded).remove(largest)


def _head(report: Report) -> str:
    icon = _ICONS[report.headline.verdict]
    return "\n".join(
        [
            MARKER,
            f"## {icon} {escaped(report.model.name)} on {escaped(chip_name(report))}",
            "",
            f"**{escaped(verdict_line(report))}.**",
            "",
            f"{escaped(summary_line(report))}.",
            markdown_table(cost_tables.headline(report)),
        ]
    )


def _read(report: Report) -> list[Table]:
    return [
        design_tables.diagnostics(report),
        cost_tables.energy(report),
        cost_tables.energy_layers(report),
        cost_tables.timing(report),
        host(report),
        design_tables.steps_down(report),
        design_tables.tracking(report),
    ]


def _folded(report: Report) -> list[Table]:
    return [
        cost_tables.second_opinion(report),
        cost_tables.energy_other(report),
        cost_tables.energy_actions(report),
        design_tables.verification(report),
        design_tables.networks(report),
        design_tables.jin2023(report),
        design_tables.utilisation(report),
        design_tables.layer_mapping(report),
        design_tables.accuracy(report),
        design_tables.partial_sums(report),
        cost_tables.counters(report),
        cost_tables.core_counters(report),
        cost_tables.conventions(report),
        cost_tables.checked(report),
        cost_tables.costs(report),
        design_tables.assumptions(report),
    ]


def _foot(report: Report) -> str:
    digest = f", manifest `{report.manifest_digest[:12]}`" if report.manifest_digest else ""
    return (
        f"\n_Estimates from a simulated, placed design; not measured on a chip. "
        f"nmcompile {escaped(report.tool.version)}{digest}._\n"
    )


def markdown_table(content: Table) -> str:
    """A table under a heading of its own."""
    names = [escaped(name) for name, _ in content.columns]
    rules = ["--:" if align == "right" else ":--" for _, align in content.columns]
    lines = ["", f"### {content.title}", "", _row(names), _row(rules)]
    lines += [_row([escaped(cell) for cell in row]) for row in content.rows]
    if content.note:
        lines += ["", f"_{escaped(sentence(content.note))}_"]
    return "\n".join(lines)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Text that means nothing to Markdown or HTML: names in a model file are not trusted."""
    for mark in "\\`*_[]|~#":
        text = text.replace(mark, f"\\{mark}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(text.split()).replace("@", "@\u200b")
