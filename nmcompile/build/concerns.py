"""What a finished build should warn about: it is correct, but perhaps of no use."""

from __future__ import annotations

from typing import Final

from nmcompile.build.compiled import Compiled
from nmcompile.diagnostics import Diagnostic
from nmcompile.report.schema import Report

LEAST_CORRELATION: Final = 0.5
"""Below this a layer's spike counts say little about its activations."""
LEAST_SHARE: Final = 0.9
"""A deployment that leaves more than a tenth of its operations to the host is hardly one."""


def accuracy_concerns(compiled: Compiled) -> list[Diagnostic]:
    """One warning for every layer that lost its information, one for each silent network."""
    found = [
        Diagnostic(
            code="NM0211",
            message="the integer layer hardly follows the float one",
            where=f"{error.network}: {error.layer}",
            limit=f"correlation {LEAST_CORRELATION}",
            found=f"{error.correlation:.2f}, {error.rate:.2%} spikes per neuron and timestep",
            help=("use more timesteps, more weight bits, or another percentile",),
            severity="warning",
        )
        for error in compiled.layer_errors
        if error.correlation < LEAST_CORRELATION
    ]
    found += [
        Diagnostic(
            code="NM0403",
            message="no neuron fired, so the check of this network compared nothing",
            where=result.network,
            found="0 spikes",
            help=("calibrate with images that look like what the network will see",),
            severity="warning",
        )
        for result in compiled.verifications
        if result.spikes == 0
    ]
    return found


def share_concerns(report: Report) -> list[Diagnostic]:
    """A warning when the host does more than a tenth of the work."""
    share = report.headline.on_chip_share
    if share is None or share >= LEAST_SHARE:
        return []
    return [
        Diagnostic(
            code="NM0323",
            message="the host does a large part of the work",
            where=report.model.name,
            limit=f"{LEAST_SHARE:.0%} of the operations on cores",
            found=f"{share:.1%}",
            help=("the report lists every host step with its reason",),
            severity="warning",
        )
    ]
