"""Layers in parts and correlations read out as spikes, as rows and sentences of the report."""

from __future__ import annotations

from nmcompile.build.partial_sums import FanInSplit
from nmcompile.build.read_out import ReadOut
from nmcompile.report import sections

DIGITS = 4


def partial_sum_rows(found: FanInSplit) -> tuple[sections.PartialSums, ...]:
    """One row for every layer in parts, once measured."""
    return tuple(
        sections.PartialSums(
            network=error.split.network,
            layer=error.split.cut.layer,
            inputs=error.split.cut.inputs,
            parts=len(error.split.cut.parts),
            levels=error.split.cut.levels,
            rails=error.rails,
            unit_least=min(error.split.units.unit),
            unit_most=max(error.split.units.unit),
            correlation=round(error.correlation, DIGITS),
            relative_error=round(error.relative_error, DIGITS),
            saturated=round(error.saturated, DIGITS),
        )
        for error in found.errors
    )


def partial_sum_notes(found: FanInSplit) -> list[str]:
    """What the approximation means, in words."""
    if not found.layers:
        return ["no layer needs more axons than a core has: nothing is split into partial sums"]
    layers = ", ".join(dict.fromkeys(s.cut.layer for s in found.layers))
    notes = [
        f"the fan-in of {layers} is split into partial sums that cores send as rates: an "
        "approximation, which the golden network contains (cores equal it exactly) and the "
        "integer network does not"
    ]
    if found.response is not None:
        notes.append(
            f"with partial sums the response's correlation with that of the same network without "
            f"them is {found.response[0]:.3f}; `nmcompile evaluate --level integer --level "
            "golden` says what they cost in tracking"
        )
    return notes


def read_out_rows(found: tuple[ReadOut, ...]) -> tuple[sections.PartialSums, ...]:
    """One row for every correlation on cores whose sums leave them as spikes, once measured."""
    return tuple(
        sections.PartialSums(
            network=one.network,
            layer=one.layer,
            inputs=one.taps,
            parts=one.parts,
            levels=1,
            rails=one.neurons,
            unit_least=min(one.units),
            unit_most=max(one.units),
            correlation=round(one.error.correlation, DIGITS),
            relative_error=round(one.error.relative_error, DIGITS),
            saturated=round(one.error.saturated, DIGITS),
        )
        for one in found
        if one.error is not None
    )


def read_out_notes(found: tuple[ReadOut, ...]) -> list[str]:
    """What the approximation means, in words."""
    return [
        f"{one.layer} runs on cores as the taps of {one.parts} maps ({len(one.units)} bits of the "
        f"template's elements), which {one.neurons:,} neurons read out as spikes: an "
        "approximation, which the golden network contains (cores equal it exactly) and the "
        "integer network does not; a spike stands for at most "
        f"{max(one.units)} taps, {one.factor:g} of what the largest sum of the calibration needs"
        for one in found
    ]
