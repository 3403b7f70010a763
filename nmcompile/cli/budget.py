"""``nmcompile budget``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import Markdown


@command
def budget(
    session: Session,
    sources: Annotated[
        list[Path], typer.Argument(help="Build folders, or report.json files.", show_default=False)
    ],
    file: Annotated[Path, typer.Option(help="Limits.")] = Path("budgets.toml"),
    baseline: Annotated[Path, typer.Option(help="Accepted figures.")] = Path("baseline.json"),
    update: Annotated[
        bool, typer.Option("--update", help="Accept these figures: write them to the baseline.")
    ] = False,
    markdown: Markdown = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
) -> dict[str, Any]:
    """Compare reports with limits and with accepted figures; exit code 4 when one is exceeded."""
    from nmcompile.budget.budgets import load_budgets
    from nmcompile.budget.gate import gate
    from nmcompile.budget.snapshot import load_baseline
    from nmcompile.report.serialise import read_report
    from nmcompile.report.terminal import plain_tables

    reports = [read_report(source) for source in sources]
    outcome = gate(reports, load_budgets(file), load_baseline(baseline), accept=update)
    if update:
        _replace(baseline, outcome.baseline.text())
        session.say(f"wrote {baseline}")
    if markdown is not None:
        _replace(markdown, outcome.markdown())
        session.say(f"wrote {markdown}")
    if junit is not None:
        _replace(junit, outcome.junit())
        session.say(f"wrote {junit}")
    session.out(plain_tables(outcome.tables()))
    session.report(*outcome.diagnostics())
    return outcome.as_json()


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
