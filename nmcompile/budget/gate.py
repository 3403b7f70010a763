"""Reports against budgets and baseline: the outcome, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from nmcompile.budget.budgets import Budgets
from nmcompile.budget.causes import causes
from nmcompile.budget.judge import LayerChange, Row, changed_layers, judged
from nmcompile.budget.snapshot import Baseline, name_of, snapshot_of
from nmcompile.budget.tables import change_text, judged_table, layers_table, now_text
from nmcompile.diagnostics import Diagnostic
from nmcompile.report.judgement import Judgement
from nmcompile.report.junit import Case, render_junit, verification_cases
from nmcompile.report.markdown import MAX_BYTES, escaped, markdown_table
from nmcompile.report.schema import Report
from nmcompile.report.table import Table
from nmcompile.units import format_si

MARKER: Final = "<!-- nmcompile-budget -->"
NAMED_LAYERS: Final = 3
"""Layers that a message names."""
_ICONS: Final = {"pass": "✅", "better": "✅", "warn": "⚠️", "fail": "❌"}


@dataclass(frozen=True)
class Judged:
    """One report.

    Attributes:
        report: it. name: what budgets call it. rows: its metrics. causes: why it changed.
        layers: those that changed, the largest rise first.
        known: whether the baseline has it.
    """

    report: Report
    name: str
    rows: tuple[Row, ...]
    causes: tuple[str, ...]
    layers: tuple[LayerChange, ...]
    known: bool

    @property
    def verdict(self) -> Literal["pass", "warn", "fail"]:
        """The worst of its metrics."""
        verdicts = {row.verdict for row in self.rows}
        return "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "pass"

    def judgement(self) -> Judgement:
        """For the report's page."""
        said = ("; ".join((d.message, f"found {d.found}", *d.notes)) for d in self.diagnostics())
        return Judgement(self.verdict, judged_table(self.name, self.rows), tuple(said))

    def diagnostics(self) -> list[Diagnostic]:
        """NM0801 for what fails, NM0802 for what warns, NM0803 where it got better."""
        found = [self._diagnostic(row) for row in self.rows if row.verdict in ("fail", "warn")]
        better = [r for r in self.rows if r.verdict == "better" and r.limit]
        if better:
            found.append(
                Diagnostic(
                    code="NM0803",
                    severity="note",
                    message="better than accepted",
                    where=self.name,
                    found=", ".join(f"{r.metric.title} {change_text(r.change)}" for r in better),
                    help=("accept the better figures with `nmcompile budget ... --update`",),
                )
            )
        return found

    def _diagnostic(self, row: Row) -> Diagnostic:
        fails = row.verdict == "fail"
        notes = []
        if row.change:
            notes.append(f"cause: {', '.join(self.causes) or 'unknown'}")
            notes += [f"layer {text}" for text in self._risen(row)]
        return Diagnostic(
            code="NM0801" if fails else "NM0802",
            severity="error" if fails else "warning",
            message=f"{row.metric.title}: {row.reason}",
            where=self.name,
            limit=row.limit,
            found=f"{now_text(row)}"
            + (f", accepted {row.metric.text(row.base)}" if row.base is not None else ""),
            notes=tuple(notes),
            help=(
                "`nmcompile diff OLD NEW` shows every figure and layer",
                "when the change is wanted: `nmcompile budget ... --update`, or another limit",
            ),
        )

    def _risen(self, row: Row) -> list[str]:
        """The layers that rose most, for a metric that layers have a part in."""
        if row.metric.name == "energy_per_frame_j":
            return [
                f"{c.layer}: {format_si(c.base_j or 0.0, 'J')} -> {format_si(c.now_j or 0.0, 'J')}"
                for c in self.layers[:NAMED_LAYERS]
                if (c.now_j or 0.0) > (c.base_j or 0.0)
            ]
        if row.metric.name in ("sops_per_frame", "core_sops_per_frame", "spikes_per_frame"):
            risen = sorted(self.layers, key=lambda c: c.base_ops - c.now_ops)
            return [
                f"{c.layer}: {c.base_ops:,.0f} -> {c.now_ops:,.0f} operations"
                for c in risen[:NAMED_LAYERS]
                if c.now_ops > c.base_ops
            ]
        return []

    def cases(self) -> list[Case]:
        """Its limits as test cases, after its equality checks."""
        suite = f"{self.name}: budget"
        limited = [row for row in self.rows if row.limit]
        own = [
            Case(
                suite,
                row.metric.title,
                failure=row.reason if row.verdict == "fail" else "",
                note=f"{now_text(row)}, limit: {row.limit}",
            )
            for row in limited
        ]
        return verification_cases(self.report) + own


@dataclass(frozen=True)
class Outcome:
    """All reports.

    Attributes:
        judged: one by one. baseline: with these reports in it.
    """

    judged: tuple[Judged, ...]
    baseline: Baseline

    def tables(self) -> list[Table]:
        """For every report its metrics and, where it changed, its layers."""
        return [
            t
            for one in self.judged
            for t in (judged_table(one.name, one.rows), layers_table(one.layers))
            if t.rows
        ]

    def diagnostics(self) -> list[Diagnostic]:
        """Of all reports."""
        return [d for one in self.judged for d in one.diagnostics()]

    def markdown(self) -> str:
        """For a pull request; details give way where it would be too long."""
        lines = [MARKER, "## Budget", ""]
        for one in self.judged:
            why = f", cause: {', '.join(one.causes)}" if one.causes else ""
            icon = _ICONS[one.verdict]
            lines.append(f"- {icon} **{escaped(one.name)}**: {one.verdict}{escaped(why)}")
        for d in self.diagnostics():
            lines.append(f"  - {escaped('; '.join((f'{d.where}: {d.message}', *d.notes)))}")
        text = "\n".join(lines) + "\n"
        for content in self.tables():
            block = markdown_table(content) + "\n"
            if len((text + block).encode()) <= MAX_BYTES:
                text += block
        return text

    def junit(self) -> str:
        """As JUnit XML."""
        return render_junit(case for one in self.judged for case in one.cases())

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            one.name: {
                "causes": list(one.causes),
                "metrics": {
                    row.metric.name: {
                        "accepted": row.base,
                        "now": row.now,
                        "change": row.change,
                        "verdict": row.verdict,
                        "reason": row.reason,
                    }
                    for row in one.rows
                },
            }
            for one in self.judged
        }


def gate(
    reports: Sequence[Report], budgets: Budgets, baseline: Baseline, *, accept: bool = False
) -> Outcome:
    """Judge reports.

    Args:
        reports: of one model and target each.
        budgets: limits. baseline: accepted figures.
        accept: take these reports for the accepted ones, so that only absolute limits can fail.
    """
    updated = baseline
    found = []
    for report in reports:
        name, now = name_of(report), snapshot_of(report)
        updated = updated.with_report(name, now)
        base = now if accept else baseline.reports.get(name)
        found.append(
            Judged(
                report,
                name,
                tuple(judged(now, base, budgets.limits(name))),
                causes(base, now) if base is not None else (),
                tuple(changed_layers(base, now)) if base is not None else (),
                base is not None,
            )
        )
    return Outcome(tuple(found), updated)
