"""The figures of a point by name: those of budgets.toml, and what the evaluation adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nmcompile.budget.metrics import METRICS, Better, Metric, values
from nmcompile.report.figure import Bound
from nmcompile.report.schema import Report
from nmcompile.report.text import significant, value_text

__all__ = ["ACCURACIES", "MEASURES", "Measure", "bounds_of", "figures_of"]

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Measure:
    """One figure of a point.

    Attributes:
        name: as in budgets.toml; the unit is part of it.
        title: for people.
        better: which way is an improvement.
        metric: of a report; None where the evaluation gives it.
    """

    name: str
    title: str
    better: Better
    metric: Metric | None = None

    def text(self, value: float | None) -> str:
        """The value for people."""
        if self.metric is not None:
            return self.metric.text(value)
        if value is None:
            return "unknown"
        return value_text(value, "Hz") if self.name == "fps" else significant(value)


ACCURACIES: Final = ("mean_iou", "precision_20px", "correlation", "hit16")
"""What an evaluation measures; a point has those of its protocol."""

_OWN: Final = (
    Measure("fps", "frames per second of the chip alone", "higher"),
    Measure("mean_iou", "mean overlap on the dataset", "higher"),
    Measure("precision_20px", "centre within 20 pixels on the dataset", "higher"),
    Measure("correlation", "correlation with the float response on the dataset", "higher"),
    Measure("hit16", "peak within 16 crop pixels on the dataset", "higher"),
)
MEASURES: Final[Mapping[str, Measure]] = {
    **{m.name: Measure(m.name, m.title, m.better, m) for m in METRICS if m.name != "mean_overlap"},
    **{m.name: m for m in _OWN},
}
"""By name. The overlap of budgets.toml is that of a track; here it is `mean_iou`."""


def figures_of(report: Report) -> Figures:
    """What a build's report knows, by name."""
    known = values(report)
    found = {name: known[name] for name, measure in MEASURES.items() if measure.metric}
    return {**found, "fps": report.timing.fps.value}


def bounds_of(report: Report) -> dict[str, Bound]:
    """The figures that are only bounds, by name."""
    figures = {
        "energy_per_frame_j": report.energy.total,
        "energy_init_j": report.energy.init,
        "latency_s": report.timing.frame,
        "fps": report.timing.fps,
    }
    return {name: one.bound for name, one in figures.items() if one.bound != "none"}
