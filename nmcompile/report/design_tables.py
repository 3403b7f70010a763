"""Tables about what was built: accuracy, checks, placement, messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean

from nmcompile.report.schema import Report
from nmcompile.report.sections import Utilisation
from nmcompile.report.table import Table, table
from nmcompile.report.text import (
    DASH,
    count_text,
    percent_text,
    plural,
    significant,
)


def tracking(report: Report) -> Table:
    """Tracking accuracy by sequence and level."""
    return table(
        "Tracking",
        "sequence|level|mean overlap>|precision>|frames>",
        (
            (
                row.sequence,
                row.level,
                significant(row.mean_iou),
                significant(row.precision),
                count_text(row.frames),
            )
            for row in report.accuracy.tracking
        ),
        "precision: share of frames with a centre error up to 20 pixels",
    )


def accuracy(report: Report) -> Table:
    """Float activations against integer spike counts."""
    section = report.accuracy
    rows = [
        (
            row.network,
            row.layer,
            f"{row.correlation:.3f}",
            percent_text(row.relative_error),
            percent_text(row.rate),
            "stored" if row.percentile is None else f"{row.percentile:g} %",
            DASH if row.v_init is None else f"{row.v_init:g}",
        )
        for row in section.layers
    ]
    if section.response_correlation is not None:
        error = percent_text(section.response_relative_error)
        correlation = f"{section.response_correlation:.3f}"
        rows.append(("program", "final output", correlation, error, DASH, DASH, DASH))
    measured = f"measured on {section.stimulus}" if section.stimulus else ""
    if measured and section.frames:
        measured += f", {plural(section.frames, 'frame')}"
    return table(
        "From float to integer",
        "network|layer|correlation>|relative error>|spike rate>|scale>|start>",
        rows,
        measured,
    )


def partial_sums(report: Report) -> Table:
    """What layers in parts lose."""
    section = report.accuracy
    rows = [
        (
            f"{row.network}: {row.layer}",
            f"{row.inputs:,}",
            f"{row.parts:,}",
            f"{row.rails:,}",
            f"{row.unit_least:,}..{row.unit_most:,}",
            f"{row.correlation:.3f}",
            percent_text(row.relative_error),
            percent_text(row.saturated),
        )
        for row in section.partial_sums
    ]
    if section.parts_response_correlation is not None:
        correlation = f"{section.parts_response_correlation:.3f}"
        error = percent_text(section.parts_response_relative_error)
        rows.append(("final output of the program", *(DASH,) * 4, correlation, error, DASH))
    return table(
        "Partial sums as rates, an approximation",
        "layer|inputs>|parts>|rails>|unit>|correlation>|error>|saturated>",
        rows,
        "spike counts with and without parts, on the frames of the accuracy check; error: norm of "
        "the difference over the norm without parts",
    )


def verification(report: Report) -> Table:
    """Equality checks."""
    return table(
        "Verification",
        "check|levels|result|frames>|neurons>|spikes>|first mismatch",
        (
            (
                row.name,
                f"{row.level_above} = {row.level_below}",
                "equal" if row.equal else "different",
                count_text(row.compared.frames),
                count_text(row.compared.neurons),
                count_text(row.compared.spikes),
                row.first_mismatch or DASH,
            )
            for row in report.verification
        ),
    )


def networks(report: Report) -> Table:
    """Cores, chips and hops by network."""
    return table(
        "Placement",
        "network|cores>|at least needed>|chips>|hops per packet>|at least needed>|gap>|"
        "busiest link>|depth (ticks)>",
        (
            (
                row.network,
                f"{row.cores:,}",
                count_text(row.cores_lower_bound),
                f"{row.chips:,}",
                significant(row.average_hops),
                significant(row.average_hops_lower_bound),
                _gap(row.average_hops, row.average_hops_lower_bound),
                count_text(row.busiest_link),
                count_text(row.depth_ticks),
            )
            for row in report.mapping.networks
        ),
    )


def jin2023(report: Report) -> Table:
    """The metrics of a paper by network, where the target asks for them."""
    return table(
        "Placement by Jin et al. 2023",
        "network|energy>|latency of a packet>|longest>|packets per router>|busiest router>",
        (
            (
                row.network,
                *(
                    significant(value)
                    for value in (
                        *(row.jin2023.energy, row.jin2023.average_latency),
                        *(row.jin2023.max_latency, row.jin2023.average_congestion),
                        row.jin2023.max_congestion,
                    )
                ),
            )
            for row in report.mapping.networks
            if row.jin2023 is not None
        ),
        "Energy in routings, latency in cycles, with the paper's constants (routing 1 and 1, wire "
        "0.1 and 0.01); no chip is meant by them.",
    )


def _gap(value: float | None, bound: float | None) -> str:
    """How far a placement is above the lower bound, which no placement need reach."""
    return percent_text(value / bound - 1) if value is not None and bound else DASH


def utilisation(report: Report) -> Table:
    """Capacities of the target at their fullest place."""
    return table(
        "Limits",
        "network|limit|used>|allowed>|share>|where|source",
        ((name, *_limit(row), row.where, row.source) for name, row in _limits(report)),
    )


def fullest(report: Report) -> Table:
    """Every limit where a network comes closest to it."""
    return table(
        "Limits where they are closest",
        "limit|used>|allowed>|share>|network|where|source",
        ((*_limit(row), name, row.where, row.source) for name, row in closest(_limits(report))),
    )


def closest(limits: Iterable[tuple[str, Utilisation]]) -> tuple[tuple[str, Utilisation], ...]:
    """Of (network, limit) every limit once, where a network comes closest to it first."""
    found: dict[str, tuple[str, Utilisation]] = {}
    for name, row in limits:
        if row.limit not in found or row.share > found[row.limit][1].share:
            found[row.limit] = (name, row)
    return tuple(found.values())


def _limits(report: Report) -> Iterator[tuple[str, Utilisation]]:
    for network in report.mapping.networks:
        yield from ((network.network, row) for row in network.utilisation)


def _limit(row: Utilisation) -> tuple[str, ...]:
    share = percent_text(row.share) if row.allowed else DASH
    return row.limit.replace("_", " "), f"{row.used:,}", f"{row.allowed:,}", share


def layer_mapping(report: Report) -> Table:
    """How the layers were cut."""
    helped = any(
        row.copies or row.relay_cores for net in report.mapping.networks for row in net.layers
    )
    return table(
        "Layers on cores",
        "network|layer|neurons>|tiles>|cores>|pooling" + ("|copies>|relay cores>" * helped),
        (
            (
                network.network,
                row.layer,
                count_text(row.neurons),
                f"{row.tiles:,}",
                f"{row.cores:,}",
                row.pooling or DASH,
                *((count_text(row.copies), f"{row.relay_cores:,}") if helped else ()),
            )
            for network in report.mapping.networks
            for row in network.layers
        ),
        "a copy computes the same as a neuron and sends its spikes elsewhere; a relay core only "
        "passes them on"
        if helped
        else "",
    )


def diagnostics(report: Report) -> Table:
    """Messages of the build."""
    return table(
        "Messages",
        "severity|code|message|where|limit|found",
        (
            (row.severity, row.code, row.message, row.where, row.limit, row.found)
            for row in report.diagnostics
        ),
    )


def assumptions(report: Report) -> Table:
    """What was taken for granted."""
    return table("Assumptions", "assumption", ((sentence,) for sentence in report.assumptions))


def steps_down(report: Report) -> Table:
    """What every step from the float model to the cores changes in the final output."""
    section = report.accuracy
    overlap = _overlaps(report)
    rows = (
        _step_down(
            "float to integer", section.response_correlation, section.response_relative_error
        ),
        _step_down(
            "integer to golden",
            section.golden_response_correlation,
            section.golden_response_relative_error,
        ),
        _checked(report),
    )
    after = zip(rows, ("integer", "golden", "mapped"), strict=True)
    said = f"final output on {section.stimulus}" if section.stimulus else "final output"
    if section.frames:
        said += f", {plural(section.frames, 'frame')}"
    if "float" in overlap:
        said += f"; the float model's mean overlap is {overlap['float']:.3f}"
    return table(
        "Step by step",
        "step|final output|correlation>|relative error>" + "|mean overlap after>" * bool(overlap),
        ((*row, significant(overlap.get(end))) if overlap else row for row, end in after),
        said,
    )


def _overlaps(report: Report) -> dict[str, float]:
    """Mean overlap by level, over the sequences that every level tracked."""
    rows = [row for row in report.accuracy.tracking if row.level in _LEVELS]
    tracked = {level: {r.sequence for r in rows if r.level == level} for level in _LEVELS}
    shared = set.intersection(*(own for own in tracked.values() if own)) if rows else set()
    if len(shared) > 1:
        shared.discard("mean")
    return {
        level: fmean(r.mean_iou for r in rows if r.level == level and r.sequence in shared)
        for level, own in tracked.items()
        if own & shared
    }


def _step_down(
    name: str, correlation: float | None, error: float | None
) -> tuple[str, str, str, str]:
    if correlation is None or error is None:
        return (name, "not measured", DASH, DASH)
    said = "equal" if error == 0 else "approximated"
    return (name, said, f"{correlation:.3f}", percent_text(error))


def _checked(report: Report) -> tuple[str, str, str, str]:
    """Golden against cores, from the equality checks."""
    name, rows = "golden to cores", report.verification
    if not rows:
        return (name, "not checked", DASH, DASH)
    if not all(row.equal for row in rows):
        return (name, "different, see Verification", DASH, DASH)
    spikes = count_text(sum(row.compared.spikes for row in rows))
    return (name, f"equal, spike for spike ({spikes} spikes)", "1.000", "0 %")


_LEVELS = ("float", "integer", "golden", "mapped")
