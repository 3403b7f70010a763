"""``nmcompile check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import (
    RESETS,
    Bits,
    Calibrate,
    Config,
    NirDt,
    NirReset,
    Percentile,
    Preset,
    ScheduleName,
    SplitFanIn,
    TargetName,
    Timesteps,
    one_of,
    recipe_of,
)
from nmcompile.cli.text import table

if TYPE_CHECKING:
    from nmcompile.build.feasibility import NetworkFit


@command
def check(
    session: Session,
    model: Annotated[
        Path,
        typer.Argument(help="Checkpoint .pt, torch.export .pt2, .nir or .net.", show_default=False),
    ],
    target: TargetName,
    config: Config = None,
    preset: Preset = None,
    timesteps: Timesteps = None,
    calibrate: Calibrate = None,
    weight_bits: Bits = None,
    percentile: Percentile = None,
    split_fan_in: SplitFanIn = False,
    schedule: ScheduleName = "",
    nir_dt: NirDt = 1e-4,
    nir_reset: NirReset = "zero",
) -> dict[str, Any]:
    """Does it fit? Every limit: used, allowed, where, and who says so. Writes nothing."""
    from nmcompile.build.compiled import Options
    from nmcompile.build.feasibility import feasibility
    from nmcompile.frontends import load
    from nmcompile.frontends.nir import NirOptions
    from nmcompile.target import load_target

    recipe = recipe_of(
        config, preset, timesteps, weight_bits, percentile, split_fan_in=split_fan_in
    )
    options = Options(recipe, calibrate, verify=False, schedule=schedule)
    one_of(nir_reset, RESETS, "--nir-reset")
    nir = NirOptions(dt_s=nir_dt, reset=nir_reset)  # type: ignore[arg-type]
    chip = load_target(target)
    found = feasibility(load(model, nir=nir), chip, options)
    for network in found.networks:
        session.out("\n".join(_network_text(network)) + "\n")
    session.out(table(list(found.host), ("on the host", "why")))
    if found.pooling:
        session.out("\n" + table(list(found.pooling), ("pooling layer", "scheme")))
    if found.matching:
        session.out("\n" + table(list(found.matching), ("matching", "where")))
    session.report(*found.notes, *found.problems)
    verdict = "does not fit" if found.problems else "fits"
    session.out(f"\n{model.name} {verdict} {chip.name}")
    return found.as_json()


def _network_text(network: NetworkFit) -> list[str]:
    """Cores, what the layers take where that is known, and every limit."""
    head = f"{network.network}: "
    if network.cores is not None:
        about = "" if network.mapped else "about "
        head += f"{about}{network.cores:,} cores on {network.chips} chip(s), "
    lines = [f"{head}{network.ticks} ticks an inference"]
    if network.spreads:
        lines.append("the fewest cores: a build spreads it over those that the chips have left")
    for rows in (network.layers, network.curve):
        if rows:
            columns = tuple(key.replace("_", " ") for key in rows[0])
            cells = [["-" if v is None else str(v) for v in row.values()] for row in rows]
            lines += [table(cells, columns), ""]
    limits = [(u.limit, str(u.used), str(u.allowed), u.where, u.source) for u in network.limits]
    return [*lines, table(limits, ("limit", "used", "allowed", "where", "source"))]
