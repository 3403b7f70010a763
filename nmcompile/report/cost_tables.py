"""Tables about what a frame costs, the headline among them."""

from __future__ import annotations

from collections.abc import Iterator

from nmcompile.report.figure import Figure
from nmcompile.report.measures import ActionEnergy, ConventionRow, StepCounts
from nmcompile.report.opinions import Checked, Ratio
from nmcompile.report.schema import Report
from nmcompile.report.sections import CostEntry
from nmcompile.report.table import Table, table
from nmcompile.report.text import (
    COMPONENT_NAMES,
    DASH,
    bound_text,
    count_text,
    factor_text,
    figure_text,
    part_text,
    percent_text,
    plural,
    range_text,
    significant,
    with_range,
)
from nmcompile.units import format_si


def headline(report: Report) -> Table:
    """What the reader came for."""
    head = report.headline
    return table(
        "Headline",
        "figure|value>|range|kind",
        (
            ("energy per frame", *_cells(head.energy_per_frame)),
            ("frame rate, chip alone", *_cells(head.fps)),
            ("latency of a frame, chip alone", *_cells(head.latency)),
            ("synaptic operations per frame", count_text(head.sops_per_frame), "", "counted"),
            *_physical(report),
            ("cores used", f"{head.cores:,}", plural(head.chips, "chip"), "counted"),
            ("operations on cores", percent_text(head.on_chip_share), "", "counted"),
            ("host operations per frame", count_text(head.host_ops_per_frame), "", "counted"),
            ("mean overlap", significant(head.mean_overlap), "", _measured(head.mean_overlap)),
        ),
    )


def energy(report: Report) -> Table:
    """Energy per frame by component, and the other ways to state it."""
    section = report.energy
    total = section.total.value
    rows = [
        (
            COMPONENT_NAMES[part.name],
            part_text(part.figure, part.note),
            range_text(part.figure),
            percent_text(part.figure.value / total) if total and part.figure.value else DASH,
            part.figure.kind if part.figure.value != 0 else "none",
            bound_text(part.figure) or part.note,
        )
        for part in section.components
    ]
    rows.append(("total", *_cells(section.total)[:2], "", section.total.kind, ""))
    return table("Energy per frame", "component|energy>|range|share>|kind|note", rows)


def energy_actions(report: Report) -> Table:
    """Every kind of action: how often, what one costs, what all cost."""
    return table(
        "Energy by action",
        "component|action|per frame>|each>|energy>|range",
        (
            (
                COMPONENT_NAMES[row.component],
                row.action,
                count_text(row.count),
                *((DASH, DASH, "") if row.cost.value == 0 else _priced(row)),
            )
            for row in report.energy.actions
        ),
        "static power and the embedded processors, which follow from time, come on top; a dash is "
        "an action that is charged there or in another's cost",
    )


def _priced(row: ActionEnergy) -> tuple[str, str, str]:
    return (figure_text(row.cost), *_cells(row.energy)[:2])


def energy_other(report: Report) -> Table:
    """Energy per crop, per synaptic operation, and of the first frame."""
    section = report.energy
    spread = (
        f"spread over {plural(section.frames_per_init, 'frame')} in the total"
        if section.frames_per_init
        else "not in the total"
    )
    return table(
        "Energy, stated in other ways",
        "what|energy>|range|note",
        (
            ("per crop (one scale)", *_cells(section.per_crop)[:2], "one run of every step"),
            ("per synaptic operation", *_cells(section.per_sop)[:2], "everything included"),
            ("first frame, in addition", *_cells(section.init)[:2], spread),
        ),
    )


def energy_layers(report: Report) -> Table:
    """Synapse and neuron energy by layer."""
    note = neuron_note(report)
    return table(
        "Energy by layer",
        "step|layer|synapses>|neurons>|total>",
        (
            (
                *(row.step, row.layer, figure_text(row.synapse)),
                *(part_text(row.neuron, note), figure_text(row.total)),
            )
            for row in report.energy.layers
        ),
        "per frame; a network's synapse energy is shared out by synaptic operations, its neuron "
        f"energy {f'is {note}' if note else 'by neuron updates'}",
    )


def second_opinion(report: Report) -> Table:
    """The report's energies beside those by another table of costs."""
    other = report.second_opinion
    if other is None:
        return table("Second opinion on the costs", "per frame", ())
    ours = report.energy
    pairs = [
        (COMPONENT_NAMES[part.name], part.figure, theirs.figure)
        for part, theirs in zip(ours.components, other.components, strict=True)
    ]
    pairs.append(("total", ours.total, other.total))
    pairs.append(("time, chip alone", report.timing.frame, other.frame))
    return table(
        "Second opinion on the costs",
        f"per frame|{report.target.name}>|{other.target}>|range|factor>",
        (
            (
                name,
                figure_text(mine),
                *_cells(theirs)[:2],
                factor_text(theirs.value / mine.value if mine.value and theirs.value else None),
            )
            for name, mine, theirs in pairs
        ),
        f"the same counters by the costs of {other.target}: {other.note}",
    )


def checked(report: Report) -> Table:
    """The cost model beside published measurements."""
    return table(
        "Model beside measurements",
        "workload|compared|costs of|measured>|model>|ratio>|open counters|costs' range",
        (
            (row.name.replace("_", " "), what, by.target, *cells)
            for row in report.checked
            for by in row.tables
            for what, cells in (
                (_covered(row), _compared(by.energy, row.energy, by.energy_j)),
                *([("timestep", _compared(by.tick, row.tick, by.tick_s))] if row.tick else []),
            )
        ),
        "; ".join(
            [f"{row.name.replace('_', ' ')}: {row.title}" for row in report.checked]
            + ["ranges of the ratio, for counters that the source leaves open and for the costs"]
        ),
    )


def neuron_note(report: Report) -> str:
    """Where neurons are charged when not by themselves, else nothing."""
    return next((part.note for part in report.energy.components if part.name == "neuron"), "")


def timing(report: Report) -> Table:
    """Latency and ticks by step."""
    return table(
        "Time on the chip",
        "step|ticks>|latency|barriers>|mean tick>|slowest tick>|ticks limited by",
        (
            (
                step.step,
                count_text(step.ticks),
                with_range(step.latency),
                figure_text(step.barriers) if step.barriers and step.barriers.value else DASH,
                figure_text(step.tick_mean),
                figure_text(step.tick_max),
                ", ".join(
                    f"{_LIMITERS[row.limiter]} {row.ticks:,}"
                    for row in step.limited_by
                    if row.ticks
                ),
            )
            for step in report.timing.steps
        ),
        f"time on the host: {report.timing.host_time}",
    )


def counters(report: Report) -> Table:
    """Layer counts of one inference of every step."""
    return table(
        "Counters by layer",
        "step|layer|neurons>|spikes>|synaptic operations>|MACs>|neuron updates>",
        (
            (
                step.step,
                row.layer,
                count_text(row.neurons),
                count_text(row.spikes),
                count_text(row.sops),
                count_text(row.macs),
                count_text(row.neuron_updates),
            )
            for step in report.counters.steps
            for row in step.layers
        ),
        "one inference; means over the measured ones",
    )


def core_counters(report: Report) -> Table:
    """What the cores did, by step."""
    return table(
        "Counters of the cores",
        "step|synapse accesses>|stored zeros>|active updates>|idle updates>|packets>|hops>|"
        "chip crossings>|from host>|busiest link>",
        (_core_row(step) for step in report.counters.steps if step.cores is not None),
        "one inference; means over the measured ones",
    )


def conventions(report: Report, *, sources: bool = True) -> Table:
    """What papers' formulas would say."""
    return table(
        "What papers' formulas say",
        "convention|formula|energy per frame>|range|our figure>|what it leaves out"
        + ("|source" if sources else ""),
        (
            (
                row.title,
                row.formula,
                DASH if row.energy_j is None else format_si(row.energy_j, "J"),
                _spread(row),
                factor_text(row.factor, row.factor_bound),
                row.leaves_out,
                *((row.source,) if sources else ()),
            )
            for row in report.conventions
        ),
        "S: synaptic operations, M: multiply-accumulates, both per frame and as counted here; "
        "S': synaptic operations as the cores did them",
    )


def convention_figures(report: Report) -> Table:
    """The same without the words."""
    whole = conventions(report, sources=False)
    kept = slice(None, -1)
    rows = tuple(row[kept] for row in whole.rows)
    return Table(whole.title, whole.columns[kept], rows, whole.note)


def costs(report: Report, *, places: bool = True) -> Table:
    """The cost tables of the target, number by number, with the places in their sources."""
    return table(
        "Costs and their sources",
        "cost|value>|range|kind|source" + ("|where" if places else ""),
        (
            (
                prefix + entry.name,
                figure_text(entry.figure),
                range_text(entry.figure),
                entry.figure.kind,
                entry.figure.source,
                *((entry.figure.where,) if places else ()),
            )
            for prefix, entries in _cost_lists(report)
            for entry in entries
        ),
    )


def _cost_lists(report: Report) -> list[tuple[str, tuple[CostEntry, ...]]]:
    other = report.second_opinion
    own = [("", report.target.costs)]
    return own if other is None else [*own, (f"{other.target}: ", other.costs)]


def _covered(row: Checked) -> str:
    return ", ".join(COMPONENT_NAMES[name] for name in row.covers)


def _compared(ratio: Ratio | None, measured: Figure, model: float | None) -> tuple[str, ...]:
    if ratio is None or model is None:
        return (figure_text(measured), "unknown", DASH, "", "")
    return (
        figure_text(measured),
        format_si(model, measured.unit),
        factor_text(ratio.value),
        _between(ratio.counters_low, ratio.counters_high),
        _between(ratio.costs_low, ratio.costs_high),
    )


def _between(low: float, high: float) -> str:
    return "" if low == high else f"{significant(low)} to {significant(high)}"


_LIMITERS = {"core": "busiest core", "link": "busiest link", "step_min": "shortest step"}


def _cells(figure: Figure) -> tuple[str, str, str]:
    return figure_text(figure), range_text(figure), figure.kind


def _spread(row: ConventionRow) -> str:
    if row.low_j is None or row.high_j is None or row.low_j == row.high_j:
        return ""
    return f"{format_si(row.low_j, 'J')} to {format_si(row.high_j, 'J')}"


def _physical(report: Report) -> Iterator[tuple[str, str, str, str]]:
    """The operations that the cores did, where copies repeat the algorithm's."""
    counted = report.counters
    if counted.repeated_sops_per_frame:
        more = f"{count_text(counted.repeated_sops_per_frame)} of them repeated"
        yield "the same, as cores do them", count_text(counted.core_sops_per_frame), more, "counted"


def _measured(value: float | None) -> str:
    return "not measured" if value is None else "measured"


def _core_row(step: StepCounts) -> tuple[str, ...]:
    cores = step.cores
    if cores is None:
        return (step.step,) + (DASH,) * 9
    values = (
        cores.sops,
        cores.zero_accesses,
        cores.updates_active,
        cores.updates_idle,
        cores.packets,
        cores.hops_east_west + cores.hops_north_south,
        cores.chip_crossings,
        cores.host_packets,
        cores.link_load_max,
    )
    return (step.step, *(count_text(value) for value in values))
