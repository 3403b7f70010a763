"""What others say about the same costs: a second table, and published measurements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from nmcompile.cost.energy import Component, FrameEnergy, frame_energy
from nmcompile.cost.measured import Span, check
from nmcompile.cost.rates import Rates, rates_of
from nmcompile.cost.second_opinion import Opinion, second_opinion, stated_by
from nmcompile.cost.timing import frame_seconds
from nmcompile.cost.workload import Workload
from nmcompile.report.figure import Figure, Section, figure
from nmcompile.report.sections import CostEntry
from nmcompile.report.text import sentence, significant
from nmcompile.units import format_si

if TYPE_CHECKING:
    from nmcompile.target import Target
    from nmcompile.target.measured import Measurement


class OtherComponent(Section):
    """Energy of one component by the second table, per frame."""

    name: Component = Field(description="Component.")
    figure: Figure = Field(description="Joules per frame.")


class SecondOpinion(Section):
    """The same counters charged with the costs of another source."""

    target: str = Field(description="Target that holds the other costs.")
    title: str = Field(description="Its name for people.")
    note: str = Field(description="What its costs are worth.")
    total: Figure = Field(description="Joules per frame, all components.")
    components: tuple[OtherComponent, ...] = Field(description="By component.")
    frame: Figure = Field(description="Seconds of one frame on the chip.")
    factor: float | None = Field(description="Its total over the report's.")
    costs: tuple[CostEntry, ...] = Field(description="Its costs, with sources.")


class Ratio(Section):
    """The model's figure over a measured one."""

    value: float = Field(description="With the best figure of every counter and cost.")
    counters_low: float = Field(description="With the low end of the counters.")
    counters_high: float = Field(description="With their high end.")
    costs_low: float = Field(description="With the low end of the costs.")
    costs_high: float = Field(description="With their high end.")


class Modelled(Section):
    """What one table of costs says about a measured workload."""

    target: str = Field(description="Target that holds the costs.")
    energy_j: float | None = Field(description="Joules by the model; null: a cost is unknown.")
    energy: Ratio | None = Field(description="Over the measured energy.")
    tick_s: float | None = Field(description="Seconds of a timestep; null: none was measured.")
    tick: Ratio | None = Field(description="Over the measured timestep.")


class Checked(Section):
    """The cost model beside a published measurement."""

    name: str = Field(description="Key in the target file.")
    title: str = Field(description="What was measured, for people.")
    target: str = Field(description="Target whose chip was measured.")
    covers: tuple[Component, ...] = Field(description="Components that are compared.")
    energy: Figure = Field(description="Measured energy.")
    tick: Figure | None = Field(
        description="Measured timestep; null: not stated, or set by a clock."
    )
    tables: tuple[Modelled, ...] = Field(description="By every table of costs, ours first.")
    explained: str = Field(description="What explains the difference.")
    open: str = Field(description="What is not known.")


def opinion_section(
    work: Workload, energy: FrameEnergy, opinion: Opinion | None
) -> SecondOpinion | None:
    """Charge a workload with the second table of costs.

    Args:
        work: schedule and counters.
        energy: the same by the target's own costs.
        opinion: the second table, or None.
    """
    if opinion is None:
        return None
    other = frame_energy(work, opinion.rates)
    ours, theirs = energy.total.value, other.total.value
    return SecondOpinion(
        target=opinion.target.name,
        title=opinion.target.title,
        note=opinion.target.evidence,
        total=figure(other.total),
        components=tuple(
            OtherComponent(name=name, figure=figure(part)) for name, part in other.components
        ),
        frame=figure(frame_seconds(work, opinion.rates)),
        factor=theirs / ours if ours and theirs is not None else None,
        costs=tuple(cost_entries(opinion.target, *opinion.tables)),
    )


def cost_entries(target: Target, *tables: str) -> Iterator[CostEntry]:
    """The entries of a target's cost tables, in the order of the schema."""
    for table in tables:
        section = getattr(target, table, None)
        for name in type(section).model_fields if section is not None else ():
            entry = getattr(section, name)
            if entry is not None:
                yield CostEntry(name=f"{table}.{name}", figure=figure(entry.quantity()))


def checked_sections(target: Target) -> tuple[Checked, ...]:
    """The cost model beside every measurement that speaks about the target's energies."""
    origin = stated_by(target)
    rates = rates_of(origin)
    opinion = second_opinion(origin, rates)
    tables = [(origin.name, rates)]
    if opinion is not None:
        tables.append((opinion.target.name, opinion.rates))
    return tuple(
        _checked(name, measurement, origin, tables) for name, measurement in origin.measured.items()
    )


def _checked(
    name: str, measurement: Measurement, origin: Target, tables: list[tuple[str, Rates]]
) -> Checked:
    found = [(by, check(measurement, rates)) for by, rates in tables]
    set_by_clock = tables[0][1].time.clocked
    return Checked(
        name=name,
        title=measurement.title,
        target=origin.name,
        covers=measurement.covers,
        energy=figure(measurement.energy.quantity()),
        tick=None if set_by_clock or not measurement.tick else figure(measurement.tick.quantity()),
        tables=tuple(
            Modelled(
                target=by,
                energy_j=result.energy_j.value if result.energy_j else None,
                energy=_ratio(result.energy_ratio),
                tick_s=result.tick_s.value if result.tick_s else None,
                tick=_ratio(result.tick_ratio),
            )
            for by, result in found
        ),
        explained=measurement.explained,
        open=measurement.open,
    )


def _ratio(span: Span | None) -> Ratio | None:
    if span is None:
        return None
    (low, high), (least, most) = span.counters, span.costs
    return Ratio(
        value=span.value,
        counters_low=low,
        counters_high=high,
        costs_low=least,
        costs_high=most,
    )


def doubt(row: Checked, target: str) -> str:
    """One measurement in words, for the list of assumptions."""
    lent = f"the energies are those of {row.target}: " if row.target != target else ""
    measured = format_si(row.energy.value or 0.0, "J")
    said = "; ".join(
        f"with the costs of {by.target} the model gives {significant(by.energy.value)} times that "
        f"({_open(by.energy)})"
        for by in row.tables
        if by.energy
    )
    return (
        f"{lent}{row.title} was measured to take {measured} ({row.energy.source}): {said}. "
        f"{sentence(row.explained)} Not known: {row.open}"
    )


def _open(ratio: Ratio) -> str:
    low, high = significant(ratio.counters_low), significant(ratio.counters_high)
    least, most = significant(ratio.costs_low), significant(ratio.costs_high)
    return f"{low} to {high} for counters left open, {least} to {most} over the costs' range"
