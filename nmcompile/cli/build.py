"""``nmcompile build``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import (
    Bits,
    Calibrate,
    Config,
    Given,
    ModelFile,
    NirDt,
    NirReset,
    Percentile,
    Preset,
    ScheduleName,
    SplitFanIn,
    TargetName,
    Timesteps,
    Verify,
    nir_options,
    recipe_of,
)


@command
def build(
    session: Session,
    model: ModelFile,
    target: TargetName,
    out: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to write.", show_default=False)
    ],
    config: Config = None,
    preset: Preset = None,
    timesteps: Timesteps = None,
    calibrate: Calibrate = None,
    weight_bits: Bits = None,
    percentile: Percentile = None,
    split_fan_in: SplitFanIn = False,
    schedule: ScheduleName = "",
    verify: Verify = True,
    spread: Annotated[
        bool,
        typer.Option(
            "--spread/--fewest-cores",
            help="Use the idle cores of the powered chips to shorten the ticks.",
        ),
    ] = True,
    given: Given = None,
    nir_dt: NirDt = 1e-4,
    nir_reset: NirReset = "zero",
    dump_passes: Annotated[
        Path | None, typer.Option(help="Write the program's text after every pass to this folder.")
    ] = None,
    verify_manifest: Annotated[
        Path | None,
        typer.Option(help="Fail unless the build is the one that this manifest.json describes."),
    ] = None,
    timings: Annotated[
        Path | None, typer.Option(help="Write the seconds of every step to this JSON file.")
    ] = None,
) -> dict[str, Any]:
    """Compile a model for a chip: lower, map, verify, count, write a deployment folder."""
    import json

    from nmcompile.build.compiled import Options
    from nmcompile.build.concerns import share_concerns
    from nmcompile.build.manifest_check import read_manifest, require_same_manifest
    from nmcompile.build.pipeline import BuildRequest
    from nmcompile.build.pipeline import build as run_build
    from nmcompile.report.terminal import render_plain

    options = Options(
        recipe=recipe_of(
            config, preset, timesteps, weight_bits, percentile, split_fan_in=split_fan_in
        ),
        calibrate=calibrate,
        verify=verify,
        spread=spread,
        dump_passes=dump_passes,
        input=given,
        schedule=schedule,
    )
    # before the build, which may replace the folder that holds it
    kept = None if verify_manifest is None else read_manifest(verify_manifest)
    nir = nir_options(nir_dt, nir_reset)
    done = run_build(
        BuildRequest(model, target, out, options, nir), lambda s: session.say(f"{s} ...")
    )
    if timings is not None:
        timings.write_text(json.dumps(done.seconds, indent=1) + "\n", encoding="utf-8")
    report = done.deployment.report
    session.report(*(m.diagnostic() for m in report.diagnostics))
    session.report(*share_concerns(report))
    session.out(render_plain(report))
    if kept is not None:
        require_same_manifest(kept, done.deployment.manifest, str(verify_manifest))
        session.say(f"the build is the one of {verify_manifest}, byte for byte")
    session.say(f"wrote {out}; next: nmcompile report {out} --html report.html")
    return {"folder": str(out), "headline": report.headline.model_dump(mode="json")}
