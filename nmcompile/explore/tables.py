"""The table of an exploration for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from nmcompile.explore.measures import MEASURES
from nmcompile.explore.schema import Accuracy, Exploration, Row
from nmcompile.report.table import Table
from nmcompile.report.text import count_text, value_text

__all__ = ["best_text", "exploration_tables"]

_BOUNDS = {"at_least": ">= ", "at_most": "<= "}
_SHORT = {
    "timesteps": "T",
    "weight_bits": "bits",
    "mean_iou": "mean IoU",
    "response_correlation": "correlation",
}


def exploration_tables(found: Exploration) -> tuple[Table, ...]:
    """One line per point with figures, and one per point without."""
    done = [row for row in found.rows if row.status == "done"]
    others = [row for row in found.rows if row.status != "done"]
    heads = [(_SHORT.get(name, name), "right") for name in found.axes]
    measure = next((row.accuracy.measure for row in done if row.accuracy), "accuracy")
    columns = [
        *(("target", "left"), *heads, (_SHORT.get(measure, measure), "right")),
        *(("energy", "right"), ("cores", "right"), ("chips", "right"), ("FPS", "right")),
        *(("SOPs", "right"), ("spikes", "right"), ("Pareto", "left")),
    ]
    finished = Table(
        f"{found.model} on {_data(found)}",
        tuple(columns),  # type: ignore[arg-type]
        (*_float_line(found), *(_line(found, row) for row in done)) if done else (),
        _note(found),
    )
    refused = Table(
        "Without figures",
        (("target", "left"), *heads, ("status", "left"), ("why", "left")),  # type: ignore[arg-type]
        tuple((row.target, *_choices(found, row), row.status, _why(row)) for row in others),
    )
    return finished, refused


def best_text(found: Exploration) -> str:
    """Sentences about the best point, its build, and what cannot be told from it."""
    best = found.best
    if best is None or best.point is None:
        return ""
    row = found.row(best.point)
    measure = MEASURES[best.by]
    text = f"best by {best.by}{_limits(found)}: {row.label}"
    if row.accuracy is not None and row.accuracy.measure == best.by:
        text += f" ({_accuracy(row.accuracy)})"
    else:
        text += f" ({measure.text(row.figures.get(best.by))})"
    lines = [text, f"its build: {row.folder}"]
    if best.alike:
        cheapest = found.row(best.alike[0])
        count = len(best.alike)
        lines.append(
            f"{count} point{'s' if count > 1 else ''} within the standard errors of it; of these "
            f"the least energy: {cheapest.label} ({_figure(cheapest, 'energy_per_frame_j', 'J')}, "
            f"{_accuracy(cheapest.accuracy)})"
        )
    return "\n".join(lines)


def _line(found: Exploration, row: Row) -> tuple[str, ...]:
    marks = (
        *(("energy",) if row.point in found.fronts.energy_accuracy else ()),
        *(("cores",) if row.point in found.fronts.cores_fps else ()),
    )
    return (
        row.target,
        *_choices(found, row),
        _accuracy(row.accuracy),
        _figure(row, "energy_per_frame_j", "J"),
        _figure(row, "cores", ""),
        _figure(row, "chips", ""),
        _figure(row, "fps", ""),
        _figure(row, "sops_per_frame", ""),
        _figure(row, "spikes_per_frame", ""),
        ", ".join(marks),
    )


def _float_line(found: Exploration) -> tuple[tuple[str, ...], ...]:
    """The float network, which runs on no chip."""
    if found.reference is None:
        return ()
    return (("float network", *("-" for _ in found.axes), _accuracy(found.reference), *"-------"),)


def _figure(row: Row, name: str, unit: str) -> str:
    value = row.figures.get(name)
    if value is None:
        return "unknown"
    text = value_text(value, unit) if unit else count_text(value)
    return _BOUNDS.get(row.bounds.get(name, "none"), "") + text


def _accuracy(one: Accuracy | None) -> str:
    if one is None:
        return "unknown"
    error = "" if one.standard_error is None else f" ± {one.standard_error:.3f}"
    return f"{one.mean:.3f}{error}"


def _choices(found: Exploration, row: Row) -> list[str]:
    return [str(row.choices[name]) if name in row.choices else "-" for name in found.axes]


def _why(row: Row) -> str:
    more = f" (and {len(row.failures) - 1} more)" if len(row.failures) > 1 else ""
    return row.failures[0].text + more if row.failures else ""


def _data(found: Exploration) -> str:
    dataset = found.dataset
    if dataset is None:
        return "the build's own frames"
    names, frames = len(dataset.sequences), sum(dataset.sequences.values())
    return (
        f"{dataset.kind}:{dataset.name}: {names} sequence{'s' if names > 1 else ''}, "
        f"{frames} frames, {dataset.protocol}, {dataset.level}"
    )


def _note(found: Exploration) -> str:
    said: Sequence[str] = (
        "Per frame, on the frames of the build's check.",
        ">= : parts have no figure.",
        "Pareto: no point is better in energy and accuracy, or in cores and FPS.",
        "" if found.dataset else "Accuracy is the correlation with the float network's response.",
    )
    return " ".join(part for part in said if part)


def _limits(found: Exploration) -> str:
    if found.best is None or not found.best.limits:
        return ""
    words = {"max": "at most", "min": "at least"}
    parts = [
        f"{name} {words[key]} {MEASURES[name].text(value)}"
        for name, limit in found.best.limits.items()
        for key, value in limit.items()
    ]
    return f" with {', '.join(parts)}"
