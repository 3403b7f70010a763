"""Ticks of an inference, one after the other: how long they are and what the cores do in them."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from nmcompile.report import svg
from nmcompile.report.measures import StepTiming
from nmcompile.report.schema import Report
from nmcompile.report.table import Table, table
from nmcompile.report.text import DASH, count_text
from nmcompile.units import format_si


@dataclass(frozen=True)
class Timeline:
    """The ticks of one step's first measured inference.

    Attributes:
        step: name of the step.
        summary: their number, and how they fill the pipeline, in a sentence.
        drawings: (drawing, what its columns are).
        ticks: the same as a table.
    """

    step: str
    summary: str
    drawings: tuple[tuple[Markup, str], ...]
    ticks: Table


def timelines(report: Report) -> tuple[Timeline, ...]:
    """One for every step on the chip."""
    return tuple(_timeline(report, step) for step in report.timing.steps if step.tick_seconds)


def _timeline(report: Report, step: StepTiming) -> Timeline:
    seconds, accesses = step.tick_seconds, step.tick_accesses
    titles = [
        f"tick {n + 1}: {format_si(length, 's')}"
        + (f", {count_text(accesses[n])} synapse accesses" if accesses else "")
        for n, length in enumerate(seconds)
    ]
    drawings = []
    if len(set(seconds)) > 1:  # a clock's ticks are all alike
        said = f"length of every tick; the longest takes {format_si(max(seconds), 's')}"
        drawings.append((svg.timeline(seconds, titles, f"{step.step}: {said}"), said))
    if any(accesses):
        said = f"synapse accesses of all cores in every tick; at most {count_text(max(accesses))}"
        drawings.append((svg.timeline(accesses, titles, f"{step.step}: {said}"), said))
    return Timeline(step.step, _summary(report, step), tuple(drawings), _table(step))


def _summary(report: Report, step: StepTiming) -> str:
    seconds = step.tick_seconds
    said = f"{len(seconds)} ticks"
    if len(set(seconds)) == 1:
        said += f" of {format_si(seconds[0], 's')} each"
    network = next((s.network for s in report.counters.steps if s.step == step.step), "")
    depth = next((n.depth_ticks for n in report.mapping.networks if n.network == network), None)
    if depth is not None:
        said += f": {len(seconds) - depth} timesteps and {depth} of pipeline depth"
    return said


def _table(step: StepTiming) -> Table:
    accesses = step.tick_accesses or (None,) * len(step.tick_seconds)
    return table(
        f"Ticks of {step.step}",
        "tick|length>|synapse accesses>",
        (
            (str(n), format_si(length, "s"), DASH if count is None else count_text(count))
            for n, (length, count) in enumerate(
                zip(step.tick_seconds, accesses, strict=True), start=1
            )
        ),
        "the first measured inference",
    )
