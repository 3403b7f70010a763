"""All networks of a program in one table that a reader can sort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nmcompile.report.schema import Report
from nmcompile.report.text import DASH, count_text, figure_text, percent_text
from nmcompile.units import format_si

COLUMNS: Final = (
    ("network", False),
    ("runs", False),
    ("cores", True),
    ("chips", True),
    ("energy per frame", True),
    ("share of these", True),
    ("synapse accesses", True),
    ("ticks", True),
    ("latency", True),
)
"""(heading, whether it is a number)"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text and the number that it is sorted by; None comes last."""

    text: str
    key: float | None


Row = tuple[Cell, ...]


def network_rows(report: Report) -> tuple[Row, ...]:
    """Networks on cores by `COLUMNS`, the most energy first; the first column keeps their order.

    Energy is that of synapses and neurons, the part that belongs to networks.
    """
    energy = _energy(report)
    total = sum(value for value in energy.values() if value)
    rows = [_row(report, place, energy, total) for place in range(len(report.mapping.networks))]
    return tuple(sorted(rows, key=lambda row: (-(row[4].key or 0.0), -(row[6].key or 0.0))))


def _row(report: Report, place: int, energy: dict[str, float | None], total: float) -> Row:
    network = report.mapping.networks[place]
    name = network.network
    steps = [s for s in report.program.schedule if s.network == name and s.place == "chip"]
    of_frames = [s for s in steps if s.trigger != "on_init"]
    runs = "first frame" if not of_frames else "every frame"
    if len(of_frames) < len(steps) and of_frames:
        runs = "first and every frame"
    step = next((s.name for s in (*of_frames, *steps)), "")
    order = [s.network for s in report.program.schedule]
    counted = next((c.cores for c in report.counters.steps if c.step == step), None)
    timing = next((t for t in report.timing.steps if t.step == step), None)
    own = energy.get(name, 0.0)
    used = [
        Cell(f"{network.cores:,}", network.cores),
        Cell(f"{network.chips:,}", network.chips),
        _energy_cell(own),
        Cell(percent_text(own / total) if own and total else DASH, own),
    ]
    work = Cell(DASH, None) if counted is None else Cell(count_text(counted.sops), counted.sops)
    return (
        Cell(name, order.index(name) if name in order else place),
        Cell(runs, ("every frame", "first and every frame", "first frame").index(runs)),
        *used,
        work,
        *(
            (Cell(DASH, None),) * 2
            if timing is None
            else (
                Cell(count_text(timing.ticks), timing.ticks),
                Cell(figure_text(timing.latency), timing.latency.value),
            )
        ),
    )


def _energy_cell(value: float | None) -> Cell:
    if value is None:
        return Cell("unknown", None)
    return Cell(format_si(value, "J") if value else DASH, value)


def _energy(report: Report) -> dict[str, float | None]:
    """Joules per frame by network; None where a layer has no figure."""
    network_of = {step.name: step.network for step in report.program.schedule}
    found: dict[str, float | None] = {}
    for row in report.energy.layers:
        name = network_of.get(row.step, row.step)
        before = found.get(name, 0.0)
        value = row.total.value
        found[name] = None if before is None or value is None else before + value
    return found
