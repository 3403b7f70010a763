"""Figures against limits and against a baseline: pass, warn, fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nmcompile.budget.budgets import Limit
from nmcompile.budget.metrics import METRICS, Metric, Value
from nmcompile.budget.snapshot import Snapshot

Verdict = Literal["pass", "better", "warn", "fail"]


@dataclass(frozen=True)
class Row:
    """One metric of one report.

    Attributes:
        metric: which. base: accepted figure, None without a baseline. now: this report's.
        change: (now - base) / base, None where it has none.
        at_least: whether `now` is a lower bound.
        verdict: what follows. reason: why, for people; empty for a pass.
        limit: the limit that decides, for people; empty for none.
    """

    metric: Metric
    base: Value
    now: Value
    change: float | None
    at_least: bool
    verdict: Verdict = "pass"
    reason: str = ""
    limit: str = ""


@dataclass(frozen=True)
class LayerChange:
    """How one layer changed.

    Attributes:
        layer: "step: layer". base_j, now_j: energy of its synapses and neurons per frame.
        base_ops, now_ops: operations (SOPs and MACs) of one inference.
    """

    layer: str
    base_j: Value
    now_j: Value
    base_ops: float
    now_ops: float

    @property
    def sort_key(self) -> tuple[float, float]:
        """The largest rise of the energy first, then of the operations."""
        rise = (self.now_j or 0.0) - (self.base_j or 0.0)
        return -rise, -(self.now_ops - self.base_ops)


def judged(now: Snapshot, base: Snapshot | None, limits: Mapping[str, Limit]) -> list[Row]:
    """Every metric that has a limit or that changed, in the order of `METRICS`."""
    rows = [_row(metric, now, base, limits.get(metric.name)) for metric in METRICS]
    return [r for r in rows if r.metric.name in limits or r.change not in (None, 0.0)]


def compared(old: Snapshot, new: Snapshot) -> list[Row]:
    """Every metric of two snapshots."""
    return [_row(metric, new, old, None) for metric in METRICS]


def changed_layers(old: Snapshot, new: Snapshot) -> list[LayerChange]:
    """Layers whose figures differ, the largest rise of energy first."""
    changes = []
    for name in dict.fromkeys((*new.layers, *old.layers)):
        before, after = old.layers.get(name), new.layers.get(name)
        if before != after:
            changes.append(
                LayerChange(
                    name,
                    before.energy_j if before else None,
                    after.energy_j if after else None,
                    before.ops if before else 0.0,
                    after.ops if after else 0.0,
                )
            )
    return sorted(changes, key=lambda change: change.sort_key)


def _row(metric: Metric, now: Snapshot, base: Snapshot | None, limit: Limit | None) -> Row:
    value = now.metrics.get(metric.name)
    before = base.metrics.get(metric.name) if base is not None else None
    change = None
    if value is not None and before is not None:
        change = (value - before) / abs(before) if before else float(value != before)
    verdict, reason, text = _verdict(metric, value, before, change, limit, base is not None)
    return Row(metric, before, value, change, metric.name in now.bounds, verdict, reason, text)


def _verdict(
    metric: Metric,
    value: Value,
    before: Value,
    change: float | None,
    limit: Limit | None,
    has_base: bool,
) -> tuple[Verdict, str, str]:
    """The verdict, its reason, and the limit that decided."""
    worse = None if change is None else change if metric.better == "lower" else -change
    if limit is None:
        return ("better", "", "") if worse is not None and worse < 0 else ("pass", "", "")
    absolute, allowed = _absolute(metric, limit), limit.max_regression
    text = "; ".join(
        part
        for part in (absolute, f"{100 * allowed:g} % worse" if allowed is not None else "")
        if part
    )
    if value is None:
        return "fail", "the report does not know this figure", text
    if _beyond(value, limit, 1.0):
        return "fail", f"beyond {absolute}", text
    if allowed is not None and worse is not None and worse > allowed:
        return "fail", f"{100 * worse:.3g} % worse than accepted, {100 * allowed:g} % allowed", text
    if allowed is not None and not has_base:
        return "warn", "no accepted figure yet", text
    if allowed is not None and before is None:
        return "warn", "the accepted report did not know this figure", text
    if limit.warn_at is not None and _beyond(value, limit, limit.warn_at):
        return "warn", f"beyond {100 * limit.warn_at:g} % of {absolute}", text
    if worse is not None and worse < 0:
        return "better", "", text
    return "pass", "", text


def _absolute(metric: Metric, limit: Limit) -> str:
    parts = []
    if limit.max is not None:
        parts.append(f"at most {metric.text(limit.max)}")
    if limit.min is not None:
        parts.append(f"at least {metric.text(limit.min)}")
    return ", ".join(parts)


def _beyond(value: float, limit: Limit, share: float) -> bool:
    over = limit.max is not None and value > limit.max * share
    # a minimum is approached from above
    return over or (limit.min is not None and value < limit.min / (share or 1.0))
