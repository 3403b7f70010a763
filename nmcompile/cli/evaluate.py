"""``nmcompile evaluate``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import (
    BuildFolder,
    Crops,
    Frames,
    Jobs,
    Only,
    ResumedFolder,
    Scheduler,
    one_of,
)

LEVELS = ("float", "integer", "golden", "mapped")
WAYS = ("ope", "restart", "fidelity", "vot", "latency", "latency-restart")


@command
def evaluate(
    session: Session,
    build: BuildFolder,
    dataset: Annotated[
        str,
        typer.Option(
            metavar="KIND:DIR",
            help="Benchmark folder; kind otb, vot, got10k or uav.",
            show_default=False,
        ),
    ],
    out: ResumedFolder,
    level: Annotated[
        list[str],
        typer.Option(
            metavar="LEVEL",
            help="float, integer, golden or mapped; repeat it. The first is compared with.",
        ),
    ] = ["float", "integer"],  # noqa: B006 - typer copies it
    protocol: Annotated[
        list[str],
        typer.Option(
            metavar="PROTOCOL",
            help="ope, restart, fidelity, vot, latency (fidelity against T) or latency-restart; "
            "repeat it.",
        ),
    ] = ["ope", "restart", "fidelity"],  # noqa: B006
    against: Annotated[
        Path | None, typer.Option(help="A second build folder, compared with the first in pairs.")
    ] = None,
    only: Only = [],  # noqa: B006
    frames: Frames = None,
    baselines: Annotated[
        bool, typer.Option(help="Rows of the static first box and of shuffled weights.")
    ] = True,
    crops: Crops = 60,
    latency: Annotated[
        list[int],
        typer.Option(metavar="T", min=1, max=1024, help="T of the latency curve; repeat it."),
    ] = [2, 4, 6, 8, 10, 12, 16, 20, 24, 32],  # noqa: B006
    jobs: Jobs = 1,
    scheduler: Scheduler = "",
) -> dict[str, Any]:
    """Measure how well a build tracks: tables with errors, curves, boxes, results.json."""
    for name in level:
        one_of(name, LEVELS, "--level")
    for name in protocol:
        one_of(name, WAYS, "--protocol")

    from nmcompile.datasets.collection import open_collection
    from nmcompile.evaluation.output import PARTS, check_folder, write_outputs
    from nmcompile.evaluation.results import assemble
    from nmcompile.evaluation.run import Request, plan, run_parts
    from nmcompile.evaluation.tables import results_markdown
    from nmcompile.evaluation.tasks import ResultStore
    from nmcompile.evaluation.workers import Workers

    request = Request(
        builds=(build,) if against is None else (build, against),
        levels=tuple(dict.fromkeys(level)),
        protocols=tuple(dict.fromkeys(protocol)),
        baselines=baselines,
        crops=crops,
        latencies=tuple(sorted(set(latency))),
    )
    collection = open_collection(dataset).only(tuple(only)).shortened(frames)
    work = plan(request, collection)
    check_folder(out)
    store = ResultStore(out / PARTS)
    parts = work.parts
    ready = sum(store.load(part) is not None for part in parts)
    if ready:
        session.say(f"{ready} of {len(parts)} parts are there already")
    steps: Iterator[int] = session.progress(range(sum(p.steps for p in parts)), "frames")

    def advance(count: int) -> None:
        for _ in range(count):
            next(steps, None)

    done = run_parts(parts, store, Workers(jobs, scheduler), advance, session.report)
    next(steps, None)  # lets the bar close
    results = assemble(work, done)
    write_outputs(out, work, done, results)
    session.out(results_markdown(results))
    session.say(f"wrote {out}")
    return results
