"""What a finished build should warn about: it is correct, but perhaps of no use."""

from __future__ import annotations

from typing import Final

from nmcompile.build.compiled import Compiled
from nmcompile.cost.rates import rates_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.report.schema import Report
from nmcompile.target.fcore import FCoreTarget

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


def level_concerns(compiled: Compiled) -> list[Diagnostic]:
    """A warning when weights were rounded to few levels and the target stores no table of them."""
    recipe, target = compiled.options.recipe, compiled.target
    asked = [recipe.weight_levels_of(label) for label in ("", *recipe.layers)]
    levels = [n for n in asked if n is not None]
    stored = isinstance(target, FCoreTarget) and "indices" in target.neuron.weight_forms
    if not levels or stored:
        return []
    return [
        Diagnostic(
            code="NM0219",
            message="weights were rounded to few levels, which saves nothing on this target",
            where="recipe: weight_levels",
            limit=f"{target.name} stores every weight by itself",
            found=f"at most {max(levels)} levels of a layer",
            help=("leave `weight_levels` out for this target",),
            severity="warning",
        )
    ]


def rate_concerns(compiled: Compiled) -> list[Diagnostic]:
    """A warning for every network that takes longer than from one of its inputs to the next.

    Only where the program says how often inputs come, and a clock how long a network takes.
    """
    time, program = rates_of(compiled.target).time, compiled.golden
    tick = time.step_min.value
    if not (time.pipelined and program.windowed and tick):
        return []
    rate_hz = program.frame_rate_hz
    found = []
    for step in program.schedule:
        samples = compiled.counters.get(step.name, ())
        if step.place != "chip" or not samples or not step.runs_per_second(rate_hz):
            continue
        allowed = 1.0 / (step.runs_per_second(rate_hz) * step.repeat)
        taken = max(s.interval for s in samples) * tick
        if taken > allowed:
            found.append(
                Diagnostic(
                    code="NM0343",
                    message="the network takes longer than from one input to the next",
                    where=step.network or step.name,
                    limit=f"{1e3 * allowed:.3g} ms ({step.when})",
                    found=f"{1e3 * taken:.3g} ms",
                    help=(
                        "choose a schedule of fewer phases, see `nmcompile check`",
                        "use longer windows, or fewer timesteps",
                    ),
                    severity="warning",
                )
            )
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
