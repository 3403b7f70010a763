"""What runs on the host and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nmcompile.report.measures import HostStep
from nmcompile.report.schema import Report
from nmcompile.report.table import Table, table
from nmcompile.report.text import DASH, count_text, first_of

_OPS: Final = {"sops": "synaptic operations", "macs": "MACs"}
_TRIGGERS: Final = {
    "every_frame": "every frame",
    "on_init": "first frame",
    "on_event": "every window of events",
}


def host(report: Report) -> Table:
    """What runs on the host and why; steps for the same reason share a row."""
    groups: dict[tuple[str, int, str], list[HostStep]] = {}
    for step in report.host.steps:
        groups.setdefault((step.trigger, step.repeat, step.reason), []).append(step)
    merged = len(groups) < len(report.host.steps)
    note = "steps for the same reason share a row, with their operations added up" if merged else ""
    columns, repeated = _columns(report)
    return table(
        "On the host",
        f"{columns}|why",
        ((*_row(steps, repeated), steps[0].reason) for steps in groups.values()),
        note,
    )


def host_steps(report: Report) -> Table:
    """The same step by step; no rows where `host` says it all."""
    steps = report.host.steps
    columns, repeated = _columns(report)
    every = steps if len(host(report).rows) < len(steps) else ()
    return table("Steps on the host", columns, (_row([step], repeated) for step in every))


def _columns(report: Report) -> tuple[str, bool]:
    """Headings, and whether a step runs more than once."""
    repeated = any(step.repeat > 1 for step in report.host.steps)
    return "step|when|operations per run" + "|runs>" * repeated, repeated


def _row(steps: Sequence[HostStep], repeated: bool) -> tuple[str, ...]:
    first = steps[0]
    operations: dict[str, float] = {}
    for step in steps:
        for op in step.ops:
            operations[op.name] = operations.get(op.name, 0) + op.count
    said = [
        f"{count_text(count)} {_OPS.get(op, op.replace('_', ' '))}"
        for op, count in operations.items()
    ]
    return (
        first_of([step.step for step in steps]),
        _TRIGGERS.get(first.trigger, first.trigger),
        ", ".join(said) or DASH,
        *((f"{first.repeat:,}",) if repeated else ()),
    )
