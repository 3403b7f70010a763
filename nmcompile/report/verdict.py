"""The first sentences of every rendering."""

from __future__ import annotations

from nmcompile.report.schema import Report
from nmcompile.report.text import count_text, figure_text, percent_text, plural, range_text


def verdict_line(report: Report) -> str:
    """Whether the mapped cores compute what the golden network computes, and how far checked."""
    rows = report.verification
    if report.headline.verdict == "mismatch":
        bad = next(row for row in rows if not row.equal)
        where = f" ({bad.first_mismatch})" if bad.first_mismatch else ""
        return (
            f"Mismatch: {bad.name} differs between {bad.level_above} and {bad.level_below}{where}"
        )
    if report.headline.verdict == "not verified":
        return "Not verified: no equality check was run"
    spikes = count_text(sum(row.compared.spikes for row in rows))
    neurons = count_text(sum(row.compared.neurons for row in rows))
    frames = plural(max(row.compared.frames for row in rows), "frame")
    return (
        "Verified: the mapped cores equal the golden network, spike for spike "
        f"({spikes} spikes of {neurons} neurons over {frames})"
    )


def summary_line(report: Report) -> str:
    """One sentence with the figures that the reader came for."""
    head = report.headline
    spread = range_text(head.energy_per_frame)
    parts = [
        f"{plural(head.cores, 'core')} on {plural(head.chips, 'chip')}",
        f"{figure_text(head.energy_per_frame)} per frame" + (f" ({spread})" if spread else ""),
        f"{figure_text(head.fps)} on the chip alone",
    ]
    if head.on_chip_share is not None:
        parts.append(f"{percent_text(head.on_chip_share)} of the operations on cores")
    return "; ".join(parts)


def chip_name(report: Report) -> str:
    """The target's name for people, without what its title says beside it."""
    return report.target.title.split(":")[0] or report.target.name
