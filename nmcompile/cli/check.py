"""``nmcompile check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    TargetName,
    Timesteps,
    one_of,
    recipe_of,
)
from nmcompile.cli.text import table


@command
def check(
    session: Session,
    model: Annotated[
        Path, typer.Argument(help="Checkpoint .pt, torch.export .pt2 or .nir.", show_default=False)
    ],
    target: TargetName,
    config: Config = None,
    preset: Preset = None,
    timesteps: Timesteps = None,
    calibrate: Calibrate = None,
    weight_bits: Bits = None,
    percentile: Percentile = None,
    nir_dt: NirDt = 1e-4,
    nir_reset: NirReset = "zero",
) -> dict[str, Any]:
    """Does it fit? Every limit: used, allowed, where, and who says so. Writes nothing."""
    from nmcompile.build.compiled import Options
    from nmcompile.build.feasibility import feasibility
    from nmcompile.frontends import load
    from nmcompile.frontends.nir import NirOptions
    from nmcompile.target import load_target

    recipe = recipe_of(config, preset, timesteps, weight_bits, percentile)
    options = Options(recipe, calibrate, verify=False)
    one_of(nir_reset, RESETS, "--nir-reset")
    nir = NirOptions(dt_s=nir_dt, reset=nir_reset)  # type: ignore[arg-type]
    chip = load_target(target)
    found = feasibility(load(model, nir=nir), chip, options)
    for network in found.networks:
        session.out(f"{network.network}: {network.cores} cores on {network.chips} chip(s)")
        rows = [(u.limit, str(u.used), str(u.allowed), u.where, u.source) for u in network.limits]
        session.out(table(rows, ("limit", "used", "allowed", "where", "source")) + "\n")
    session.out(table(list(found.host), ("on the host", "why")))
    if found.pooling:
        session.out("\n" + table(list(found.pooling), ("pooling layer", "scheme")))
    session.out(f"\n{model.name} fits {chip.name}")
    return found.as_json()
