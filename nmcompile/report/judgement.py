"""What budgets say about a report, for renderings that show it; it is not part of report.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nmcompile.report.table import Table


@dataclass(frozen=True, slots=True)
class Judgement:
    """A report against its limits.

    Attributes:
        verdict: the worst of all figures.
        figures: the judged figures.
        messages: what failed, warns or got better, and why.
    """

    verdict: Literal["pass", "warn", "fail"]
    figures: Table
    messages: tuple[str, ...] = ()
