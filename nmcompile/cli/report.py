"""``nmcompile report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nmcompile.cli.harness import Session, command


@command
def report(
    session: Session,
    source: Annotated[
        Path, typer.Argument(help="Build folder, or a report.json.", show_default=False)
    ],
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown to this file.")] = None,
    junit: Annotated[
        Path | None, typer.Option(help="Write the checks as JUnit XML to this file.")
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Also layers, limits, counters, conventions.")
    ] = False,
    conventions: Annotated[
        bool, typer.Option("--conventions", help="Only what published formulas would say, and why.")
    ] = False,
    form: Annotated[
        Literal["text", "bench-action"],
        typer.Option("--format", help="What to print: the report, or JSON for trend dashboards."),
    ] = "text",
) -> dict[str, Any]:
    """Show a report again, or write it as a web page or Markdown; nothing is recomputed."""
    from nmcompile.report.serialise import read_report

    found = read_report(source)
    written = {}
    if html is not None:
        from nmcompile.report.html import render_html

        written[html] = render_html(found)
    if markdown is not None:
        from nmcompile.report.markdown import render_markdown

        written[markdown] = render_markdown(found)
    if junit is not None:
        from nmcompile.report.junit import render_junit, verification_cases

        written[junit] = render_junit(verification_cases(found))
    for path, text in written.items():
        path.write_text(text, encoding="utf-8")
        session.say(f"wrote {path}")
    if form == "bench-action":
        from nmcompile.budget.bench_action import bench_entries

        session.out(json.dumps(bench_entries(found), indent=1))
    elif conventions:
        from nmcompile.report.terminal import conventions_text

        session.out(conventions_text(found))
    elif not written:
        from nmcompile.report.terminal import render_plain

        session.out(render_plain(found, details=details))
    result: dict[str, Any] = found.model_dump(mode="json")
    return result
