"""``nmcompile diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import Markdown


@command
def diff(
    session: Session,
    old: Annotated[Path, typer.Argument(help="Build folder or report.json.", show_default=False)],
    new: Annotated[Path, typer.Argument(help="Likewise, the newer one.", show_default=False)],
    markdown: Markdown = None,
) -> dict[str, Any]:
    """Show what changed from one report to another, layer by layer, and why."""
    from nmcompile.budget.difference import difference
    from nmcompile.report.serialise import read_report
    from nmcompile.report.terminal import plain_tables

    found = difference(read_report(old), read_report(new))
    if markdown is not None:
        markdown.write_text(found.markdown(), encoding="utf-8")
        session.say(f"wrote {markdown}")
    session.out(plain_tables(found.tables()))
    session.out(found.sentence())
    return found.as_json()
