"""The explanation pages: one Markdown file per diagnostic code, shipped with the package.

A page is ``pages/NMxxxx.md``: a title line ``# NMxxxx: what went wrong`` and the sections
``## What it means``, ``## Why`` and ``## How to go on``. A test compares the pages with the codes
that the source uses: a missing page and an orphaned page both fail.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nmcompile.diagnostics.diagnostic import Diagnostic, NmError
from nmcompile.diagnostics.suggest import nearest

_PAGES: Final = Path(__file__).parent / "pages"


def explained_codes() -> tuple[str, ...]:
    """All codes that have a page, sorted."""
    return tuple(sorted(path.stem for path in _PAGES.glob("NM*.md")))


def explain(code: str) -> str:
    """Return the explanation page of ``code`` as Markdown.

    Raises:
        NmError: NM0003, there is no such code.
    """
    wanted = code.strip().upper()
    if wanted not in explained_codes():
        near = nearest(wanted, explained_codes())
        help_ = "`nmcompile explain` lists all codes" if near is None else f"did you mean `{near}`?"
        raise NmError(
            Diagnostic(
                code="NM0003",
                message=f"there is no diagnostic code `{code}`",
                help=(help_,),
            )
        )
    return (_PAGES / f"{wanted}.md").read_text(encoding="utf-8")


def title_of(code: str) -> str:
    """Return the title of a code's page, without the code itself."""
    first = explain(code).splitlines()[0]
    return first.split(": ", 1)[1]
