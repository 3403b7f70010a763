"""``nmcompile report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import Markdown

if TYPE_CHECKING:
    from nmcompile.report.judgement import Judgement
    from nmcompile.report.schema import Report


@command
def report(
    session: Session,
    source: Annotated[
        Path, typer.Argument(help="Build folder, or a report.json.", show_default=False)
    ],
    html: Annotated[Path | None, typer.Option(help="Write the page to this file.")] = None,
    budgets: Annotated[
        Path | None, typer.Option(help="Limits that the page judges the report by.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Accepted figures for that, as `nmcompile budget` has them.")
    ] = None,
    markdown: Markdown = None,
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

        judged = None if budgets is None else _judged(found, budgets, baseline)
        written[html] = render_html(found, manifest=_manifest(source), judgement=judged)
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


def _manifest(source: Path) -> dict[str, Any] | None:
    """The manifest beside a build's report; a report alone has none."""
    from nmcompile.build.manifest_check import read_manifest

    path = source / "manifest.json"
    return read_manifest(path) if path.is_file() else None


def _judged(report: Report, budgets: Path, baseline: Path | None) -> Judgement:
    from nmcompile.budget.budgets import load_budgets
    from nmcompile.budget.gate import gate
    from nmcompile.budget.snapshot import Baseline, load_baseline

    accepted = Baseline() if baseline is None else load_baseline(baseline)
    (one,) = gate([report], load_budgets(budgets), accepted).judged
    return one.judgement()
