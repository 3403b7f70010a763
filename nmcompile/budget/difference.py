"""Two reports side by side: what changed, where, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from nmcompile.budget.causes import causes
from nmcompile.budget.judge import LayerChange, Row, changed_layers, compared
from nmcompile.budget.snapshot import name_of, snapshot_of
from nmcompile.budget.tables import compared_table, layers_table
from nmcompile.report.markdown import escaped, markdown_table
from nmcompile.report.schema import Report
from nmcompile.report.table import Table


@dataclass(frozen=True)
class Difference:
    """From one report to another.

    Attributes:
        old, new: their names. rows: every metric. layers: those that changed.
        causes: changes that explain the others.
    """

    old: str
    new: str
    rows: tuple[Row, ...]
    layers: tuple[LayerChange, ...]
    causes: tuple[str, ...]

    def tables(self) -> list[Table]:
        """Metrics, then layers."""
        title = self.new if self.old == self.new else f"{self.old}, and {self.new}"
        return [compared_table(title, self.rows), layers_table(self.layers)]

    def sentence(self) -> str:
        """Why the reports differ."""
        if self.causes:
            return f"cause: {', '.join(self.causes)}"
        return "nothing that the figures follow from has changed"

    def markdown(self) -> str:
        """For a pull request."""
        shown = [markdown_table(t) for t in self.tables() if t.rows]
        return "\n".join([*shown, "", f"**{escaped(self.sentence())}**", ""])

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "old": self.old,
            "new": self.new,
            "causes": list(self.causes),
            "metrics": {
                r.metric.name: {"old": r.base, "new": r.now, "change": r.change} for r in self.rows
            },
            "layers": [asdict(layer) for layer in self.layers],
        }


def difference(old: Report, new: Report) -> Difference:
    """Compare two reports; they may be of different models or targets."""
    before, after = snapshot_of(old), snapshot_of(new)
    return Difference(
        name_of(old),
        name_of(new),
        tuple(compared(before, after)),
        tuple(changed_layers(before, after)),
        causes(before, after),
    )
