"""``nmcompile track``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import BuildFolder, one_of

if TYPE_CHECKING:
    from nmcompile.datasets.sequence import VideoSequence
    from nmcompile.evaluation.tracking import TrackResult

LEVELS = ("mapped", "golden", "integer", "float")


@command
def track(
    session: Session,
    build: BuildFolder,
    sequence: Annotated[
        Path | None,
        typer.Option(help="Folder in OTB, VOT or GOT-10k layout.", show_default=False),
    ] = None,
    video: Annotated[
        Path | None, typer.Option(help="Video file; needs --init.", show_default=False)
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="First box in pixels, left top width height."),
    ] = None,
    level: Annotated[
        str, typer.Option(help="mapped (the cores), golden, integer or float.")
    ] = "mapped",
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for track.mp4, strip.png, boxes.txt, report.json and report.html.",
        ),
    ] = None,
) -> dict[str, Any]:
    """Track an object through a sequence on the mapped cores and say what a frame cost."""
    from nmcompile.build.deployment import Deployment
    from nmcompile.evaluation.track_report import tracked_report, with_static_box, write_outputs
    from nmcompile.evaluation.tracking import run_tracker
    from nmcompile.report.terminal import render_plain

    box = _box(init)
    source = _source(sequence, video)
    one_of(level, LEVELS, "--level")
    deployment = Deployment.open(build)
    executor = deployment.executor(level)
    frames = source if box is not None else source.annotated()
    steps: Iterator[int] = session.progress(range(len(frames)), "frames")

    def tick() -> None:
        next(steps, None)

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # refused now, not after the last frame
    result = run_tracker(executor, level, source, box, tick)
    report = with_static_box(tracked_report(deployment, result), frames)
    if out is not None:
        write_outputs(out, report, result, frames)
        session.say(f"wrote {out}")
    session.out(render_plain(report))
    return {
        "sequence": result.sequence,
        "level": level,
        "frames": len(result.boxes),
        "mean_iou": None if result.score is None else result.score.mean_iou,
        "precision_20px": None if result.score is None else result.score.precision_20px,
        "headline": report.headline.model_dump(mode="json"),
        "boxes": _rounded(result),
    }


def _box(text: str | None) -> tuple[float, ...] | None:
    from nmcompile.diagnostics import Diagnostic, NmError

    if text is None:
        return None
    try:
        box = tuple(float(part) for part in text.split(","))
        if len(box) == 4:
            return box
    except ValueError:
        pass
    raise NmError(
        Diagnostic(
            code="NM0001",
            message="the first box is not four numbers",
            where="--init",
            limit="X,Y,W,H",
            found=text,
        )
    )


def _source(sequence: Path | None, video: Path | None) -> VideoSequence:
    from nmcompile.datasets.sequence import open_sequence
    from nmcompile.diagnostics import Diagnostic, NmError

    path = sequence or video
    if path is None or (sequence and video):
        raise NmError(
            Diagnostic(
                code="NM0001",
                message="give exactly one of --sequence and --video",
                where="nmcompile track",
            )
        )
    return open_sequence(path)


def _rounded(result: TrackResult) -> list[list[float]]:
    return [[round(float(v), 3) for v in box] for box in result.boxes]
