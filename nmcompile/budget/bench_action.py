"""The JSON that github-action-benchmark keeps for its trend pages."""

from __future__ import annotations

from typing import Any

from nmcompile.budget.metrics import METRICS, Better
from nmcompile.budget.snapshot import name_of
from nmcompile.report.schema import Report
from nmcompile.report.text import range_text


def bench_entries(report: Report, better: Better = "lower") -> list[dict[str, Any]]:
    """One entry per figure that the report knows.

    A dashboard has one direction for all its entries ("customSmallerIsBetter" takes "lower").

    Args:
        report: what to take figures from.
        better: figures of which direction.
    """
    ranges = {
        "energy_per_frame_j": report.energy.total,
        "energy_init_j": report.energy.init,
        "latency_s": report.headline.latency,
    }
    entries = []
    for metric in METRICS:
        value = metric.read(report)
        if value is None or metric.better != better:
            continue
        entry: dict[str, Any] = {
            "name": f"{name_of(report)}: {metric.title}",
            "unit": metric.unit,
            "value": value,
        }
        figure = ranges.get(metric.name)
        if figure is not None:
            entry["range"] = range_text(figure) or "none stated"
            entry["extra"] = f"{figure.kind}; {figure.bound}; {figure.source}"
        entries.append(entry)
    return entries
