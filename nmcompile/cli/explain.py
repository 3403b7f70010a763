"""``nmcompile explain CODE``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.text import table


@command
def explain_code(
    session: Session,
    code: Annotated[
        str, typer.Argument(help="A diagnostic code such as NM0304.", show_default=False)
    ] = "",
    list_all: Annotated[bool, typer.Option("--list", help="List all codes.")] = False,
) -> dict[str, Any]:
    """Explain a diagnostic code: what it means, why it exists, how to go on."""
    from nmcompile.diagnostics import explain, explained_codes
    from nmcompile.diagnostics.explain import title_of

    if list_all or not code:
        titles = {known: title_of(known) for known in explained_codes()}
        session.out(table(list(titles.items())))
        return {"codes": titles}
    page = explain(code)
    session.out(page.rstrip())
    return {"code": code.upper(), "page": page}
