"""The deterministic figures of a report that can be limited and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from nmcompile.report.schema import Report
from nmcompile.report.text import count_text, percent_text, significant
from nmcompile.units import format_si

Better = Literal["lower", "higher"]
EXACT_BELOW: Final = 1_000_000
"""Counts up to here are written out: a core more or less must show."""
Value = float | None


@dataclass(frozen=True)
class Metric:
    """One figure of a report.

    Attributes:
        name: its key in budgets.toml; the unit is part of it.
        title: for people.
        unit: SI unit, "1" for counts and shares.
        better: which way is an improvement.
        read: takes it from a report; None where the report does not know it.
    """

    name: str
    title: str
    unit: str
    better: Better
    read: Callable[[Report], Value]

    def text(self, value: Value) -> str:
        """The value for people."""
        if value is None:
            return "unknown"
        if self.unit != "1":
            return format_si(value, self.unit)
        if self.name == "on_chip_share":
            return percent_text(value)
        if self.better == "higher":
            return significant(value)
        return f"{value:,.0f}" if value < EXACT_BELOW and value.is_integer() else count_text(value)


def per_frame(report: Report, column: Callable[[Report, int], float]) -> float:
    """Sum over the runs of one frame of what `column` says about a step."""
    runs = {s.name: s.repeat for s in report.program.schedule if s.trigger == "every_frame"}
    return sum(
        runs[step.step] * column(report, index)
        for index, step in enumerate(report.counters.steps)
        if step.step in runs
    )


def _on_cores(name: str) -> Callable[[Report], Value]:
    def column(report: Report, index: int) -> float:
        cores = report.counters.steps[index].cores
        return 0.0 if cores is None else float(getattr(cores, name))

    return lambda report: per_frame(report, column)


def _ticks(report: Report, index: int) -> float:
    step = report.counters.steps[index]
    return float(step.ticks) if step.place == "chip" else 0.0


def _hops(report: Report) -> Value:
    along, across = (_on_cores(f"hops_{way}")(report) for way in ("east_west", "north_south"))
    return (along or 0.0) + (across or 0.0)


METRICS: Final[tuple[Metric, ...]] = (
    Metric("energy_per_frame_j", "energy per frame", "J", "lower",
           lambda r: r.energy.total.value),
    Metric("energy_init_j", "energy of the first frame", "J", "lower",
           lambda r: r.energy.init.value),
    Metric("latency_s", "time of a frame on the chip", "s", "lower",
           lambda r: r.timing.frame.value),
    Metric("ticks_per_frame", "ticks per frame", "1", "lower", lambda r: per_frame(r, _ticks)),
    Metric("cores", "cores", "1", "lower", lambda r: float(r.mapping.cores)),
    Metric("chips", "chips", "1", "lower", lambda r: float(r.mapping.chips)),
    Metric("sops_per_frame", "synaptic operations per frame", "1", "lower",
           lambda r: float(r.counters.sops_per_frame)),
    Metric("core_sops_per_frame", "synapse accesses on cores per frame", "1", "lower",
           lambda r: float(r.counters.core_sops_per_frame)),
    Metric("macs_per_frame", "multiply-accumulates per frame", "1", "lower",
           lambda r: float(r.counters.macs_per_frame)),
    Metric("spikes_per_frame", "spikes per frame", "1", "lower",
           lambda r: float(r.counters.spikes_per_frame)),
    Metric("packets_per_frame", "packets per frame", "1", "lower", _on_cores("packets")),
    Metric("hops_per_frame", "router hops per frame", "1", "lower", _hops),
    Metric("chip_crossings_per_frame", "chip borders crossed per frame", "1", "lower",
           _on_cores("chip_crossings")),
    Metric("host_ops_per_frame", "host operations per frame", "1", "lower",
           lambda r: float(r.host.ops_per_frame)),
    Metric("on_chip_share", "share of the operations on cores", "1", "higher",
           lambda r: r.host.on_chip_share),
    Metric("response_correlation", "correlation of the response with the float one", "1", "higher",
           lambda r: r.accuracy.response_correlation),
    Metric("mean_overlap", "mean overlap of the tracker", "1", "higher",
           lambda r: r.headline.mean_overlap),
)  # fmt: skip
"""In the order in which tables show them."""


def values(report: Report) -> dict[str, Value]:
    """Every metric of a report, by name."""
    return {metric.name: metric.read(report) for metric in METRICS}
