"""``nmcompile report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    details: Annotated[
        bool, typer.Option("--details", help="Also layers, limits, counters, conventions.")
    ] = False,
) -> dict[str, Any]:
    """Show a report again, or write it as a web page or Markdown; nothing is recomputed."""
    from nmcompile.diagnostics import Diagnostic, NmError
    from nmcompile.report.serialise import report_from_json

    path = source / "report.json" if source.is_dir() else source
    if not path.is_file():
        raise NmError(
            Diagnostic(
                code="NM0523",
                message="there is no report here",
                where=str(source),
                help=("name a build folder or a report.json",),
            )
        )
    found = report_from_json(path.read_text(encoding="utf-8"), path.name)
    if html is not None:
        from nmcompile.report.html import render_html

        html.write_text(render_html(found), encoding="utf-8")
        session.say(f"wrote {html}")
    if markdown is not None:
        from nmcompile.report.markdown import render_markdown

        markdown.write_text(render_markdown(found), encoding="utf-8")
        session.say(f"wrote {markdown}")
    if html is None and markdown is None:
        from nmcompile.report.terminal import render_plain

        session.out(render_plain(found, details=details))
    result: dict[str, Any] = found.model_dump(mode="json")
    return result
