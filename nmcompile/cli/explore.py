"""``nmcompile explore``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import (
    Calibrate,
    Config,
    Crops,
    Frames,
    Jobs,
    ModelFile,
    Only,
    Preset,
    ResumedFolder,
    ScheduleName,
    Scheduler,
    SplitFanIn,
    Verify,
    one_of,
    recipe_of,
)

if TYPE_CHECKING:
    from nmcompile.diagnostics import Diagnostic
    from nmcompile.explore.grid import Axis
    from nmcompile.explore.schema import Exploration

LEVELS = ("integer", "golden", "mapped")
PROTOCOLS = ("ope", "restart", "fidelity")


@command
def explore(
    session: Session,
    model: ModelFile,
    targets: Annotated[
        str,
        typer.Option(metavar="NAME,...", help="Names, aliases or paths.", show_default=False),
    ],
    out: ResumedFolder,
    timesteps: Annotated[str, typer.Option(metavar="T,...", help="Timesteps T.")] = "",
    bits: Annotated[str, typer.Option(metavar="BITS,...", help="Width of integer weights.")] = "",
    percentile: Annotated[
        str, typer.Option(metavar="P,...", help="Of the activations: a layer's scale.")
    ] = "",
    presets: Annotated[
        str, typer.Option(metavar="NAME,...", help="Recipes that come with nmcompile.")
    ] = "",
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="ENTRY=VALUE,...",
            help="Any entry of a recipe, such as coding.name=rate,burst; repeat it.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    config: Config = None,
    preset: Preset = None,
    calibrate: Calibrate = None,
    split_fan_in: SplitFanIn = False,
    schedule: ScheduleName = "",
    verify: Verify = True,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="KIND:DIR",
            help="Benchmark folder that trackers are evaluated on; kind otb, vot, got10k or uav. "
            "Without it accuracy is the fidelity to the float network.",
        ),
    ] = None,
    protocol: Annotated[str, typer.Option(help="restart, ope or fidelity.")] = "restart",
    level: Annotated[
        str, typer.Option(help="What tracks: golden (equals the cores), integer or mapped.")
    ] = "golden",
    only: Only = [],  # noqa: B006
    frames: Frames = None,
    crops: Crops = 60,
    most: Annotated[
        list[str],
        typer.Option(
            "--max",
            metavar="FIGURE=NUMBER",
            help="The best may have no more, such as energy_per_frame_j=8e-3; repeat it.",
        ),
    ] = [],  # noqa: B006
    least: Annotated[
        list[str],
        typer.Option(
            "--min", metavar="FIGURE=NUMBER", help="The best has to reach, such as fps=30."
        ),
    ] = [],  # noqa: B006
    by: Annotated[
        str, typer.Option("--best", metavar="FIGURE", help="What the best is best in; accuracy.")
    ] = "",
    jobs: Jobs = 1,
    scheduler: Scheduler = "",
) -> dict[str, Any]:
    """Build and evaluate a grid: one table, Pareto plot, and the best under given limits."""
    one_of(level, LEVELS, "--level")
    one_of(protocol, PROTOCOLS, "--protocol")

    from nmcompile.datasets.collection import open_collection
    from nmcompile.evaluation.workers import Workers
    from nmcompile.explore.best import limits_of, measure_named
    from nmcompile.explore.grid import grid, items
    from nmcompile.explore.plot import write_plot
    from nmcompile.explore.run import ExploreRequest
    from nmcompile.explore.run import explore as run_explore
    from nmcompile.explore.tables import best_text, exploration_tables
    from nmcompile.report.terminal import plain_tables

    base = recipe_of(config, preset, None, None, None, split_fan_in=split_fan_in)
    axes = _axes(presets, timesteps, bits, percentile, vary)
    request = ExploreRequest(
        model=model,
        points=grid(base, items(targets), axes),
        out=out,
        collection=None
        if dataset is None
        else open_collection(dataset).only(tuple(only)).shortened(frames),
        protocol=protocol,  # type: ignore[arg-type]
        level=level,
        crops=crops,
        calibrate=calibrate,
        verify=verify,
        schedule=schedule,
        limits=limits_of(most, least),
        by=by and measure_named(by, "--best").name,
    )
    steps: Iterator[int] = iter(())

    def known(finished: int, ahead: int) -> None:
        nonlocal steps
        if finished:
            session.say(f"{finished} of {len(request.points)} points are there already")
        steps = session.progress(range(ahead), "steps")

    def advance(count: int) -> None:
        for _ in range(count):
            next(steps, None)

    found = run_explore(
        request, Workers(jobs, scheduler), advance=advance, report=session.report, known=known
    )
    for _ in steps:  # lets the bar close: what follows from a refused build is not done
        pass
    write_plot(found, out)
    session.out(plain_tables(exploration_tables(found), width=_width()))
    text = best_text(found)
    if text:
        session.out(text)
    session.report(*_problems(found))
    session.say(f"wrote {out}")
    return found.model_dump(mode="json")


def _axes(presets: str, timesteps: str, bits: str, percentile: str, vary: list[str]) -> list[Axis]:
    from nmcompile.explore.grid import PRESET, axis

    named = (
        (PRESET, presets, "--presets"),
        ("timesteps", timesteps, "--timesteps"),
        ("weight_bits", bits, "--bits"),
        ("percentile", percentile, "--percentile"),
    )
    axes = [axis(name, text, option) for name, text, option in named if text]
    for text in vary:
        name, _, values = text.partition("=")
        axes.append(axis(name.strip(), values, "--vary"))
    return axes


def _problems(found: Exploration) -> list[Diagnostic]:
    """What makes the command fail: a mismatch, no point at all, none within the limits."""
    from nmcompile.diagnostics import Diagnostic

    problems = []
    for row in found.rows:
        for failure in row.failures:
            if failure.code.startswith("NM04") or row.status == "crashed":
                problems.append(
                    Diagnostic(
                        code=failure.code,
                        message=failure.message,
                        where=f"{row.label}: {failure.where}" if failure.where else row.label,
                        limit=failure.limit,
                        found=failure.found,
                    )
                )
    done = sum(row.status == "done" for row in found.rows)
    best = found.best
    if not done and not problems:
        codes = sorted({failure.code for row in found.rows for failure in row.failures})
        problems.append(
            Diagnostic(
                code="NM0561",
                message="no point of the grid has figures",
                where=found.model,
                found=f"{len(found.rows)} points: {', '.join(codes)}",
                help=(f"`nmcompile explain {codes[0]}` says what to change",) if codes else (),
            )
        )
    if best is not None and best.point is None:
        problems.append(
            Diagnostic(
                code="NM0804",
                message="no point of the grid is within the limits",
                where=found.model,
                notes=best.reasons,
                help=("raise the limits that few points hold, or widen the grid",),
            )
        )
    if best is not None and best.unproven:
        problems.append(
            Diagnostic(
                code="NM0562",
                message="only a bound of the best point is within a limit",
                where=", ".join(best.unproven),
                severity="warning",
                help=("its report says which parts have no figure",),
            )
        )
    return problems


def _width() -> int:
    """Columns of the terminal; a pipe gets lines that nothing is folded in."""
    import shutil
    import sys

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 200
