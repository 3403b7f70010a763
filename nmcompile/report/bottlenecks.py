"""What limits rate, energy and size, in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from nmcompile.report.measures import StepTiming
from nmcompile.report.schema import Report
from nmcompile.report.sections import NetworkMapping, Utilisation
from nmcompile.report.table import Table, table
from nmcompile.report.text import COMPONENT_NAMES, figure_text, percent_text, plural

_LIMITERS: Final = {
    "core": "the busiest core of each",
    "link": "the busiest link of each",
    "step_min": "the shortest step that the chip can make",
}


def bottlenecks(report: Report) -> Table:
    """The largest part of time, ticks, energy and of what a core offers."""
    return table(
        "What limits it",
        "what|most by|how much",
        (*_time(report), *_energy(report), *_size(report)),
    )


def _steps_of_a_frame(report: Report) -> list[tuple[StepTiming, int]]:
    """Steps on the chip that a frame needs, and how often."""
    runs = {s.name: s.repeat for s in report.program.schedule if s.trigger != "on_init"}
    return [(step, runs[step.step]) for step in report.timing.steps if step.step in runs]


def _time(report: Report) -> Iterator[tuple[str, str, str]]:
    steps = _steps_of_a_frame(report)
    known = [(s.latency.value * runs, s) for s, runs in steps if s.latency.value]
    if len(known) > 1:
        longest, step = max(known, key=lambda row: row[0])
        share = percent_text(longest / sum(time for time, _ in known))
        said = f"{figure_text(step.latency)}, {share} of what {len(known)} steps take"
        yield ("latency", step.step, said)
    ticks: Counter[str] = Counter()
    for step, runs in steps:
        ticks.update({row.limiter: row.ticks * runs for row in step.limited_by})
    if ticks.total():
        limiter, most = ticks.most_common(1)[0]
        yield ("length of the ticks", _LIMITERS[limiter], percent_text(most / ticks.total()))


def _energy(report: Report) -> Iterator[tuple[str, str, str]]:
    section = report.energy
    total = section.total.value
    if not total:
        return
    partly = " of the known parts" if section.total.bound == "at_least" else ""
    part = max(section.components, key=lambda row: row.figure.value or 0.0)
    share = percent_text((part.figure.value or 0.0) / total)
    yield ("energy", COMPONENT_NAMES[part.name], f"{figure_text(part.figure)}, {share}{partly}")
    if len(section.layers) > 1:
        layer = max(section.layers, key=lambda row: row.total.value or 0.0)
        share = percent_text((layer.total.value or 0.0) / total)
        said = f"{figure_text(layer.total)}, {share}{partly}"
        yield ("energy of a layer", layer.layer, said)


def _size(report: Report) -> Iterator[tuple[str, str, str]]:
    """The limit of a core or a chip that most networks come closest to."""
    fullest = [
        max(rows, key=lambda row: row.share)
        for network in report.mapping.networks
        if (rows := _rooms(network))
    ]
    if not fullest:
        return
    limit, networks = Counter(row.limit for row in fullest).most_common(1)[0]
    row = max((row for row in fullest if row.limit == limit), key=lambda row: row.share)
    share = f"{row.used:,} of {row.allowed:,}"
    if len(report.mapping.networks) > 1:
        share += f"; the fullest limit of {networks} of {plural(len(fullest), 'network')}"
    yield ("room", limit.replace("_", " "), share)


def _rooms(network: NetworkMapping) -> list[Utilisation]:
    """Limits that a larger network would come closer to: no number formats."""
    plan = network.floor_plan
    names = {"cores", "chips_max", *(use.limit for use in (plan.uses if plan else ()))}
    return [row for row in network.utilisation if row.allowed and row.limit.split(".")[-1] in names]
