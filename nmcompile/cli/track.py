"""``nmcompile track``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import BuildFolder, one_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from nmcompile.datasets.events.hybrid import HybridSequence
    from nmcompile.datasets.sequence import VideoSequence

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
    events: Annotated[
        Path | None,
        typer.Option(
            help="Events (.npz, .aedat4, .bin) or a folder of frames and events, for a deployment "
            "that reads events; --sequence adds frames to an event file.",
            show_default=False,
        ),
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
    """Track an object through a sequence on the mapped cores and say what a frame cost.

    With --events both networks of a hybrid deployment run, and every window gives a box.
    """
    from nmcompile.build.deployment import Deployment
    from nmcompile.evaluation.track_report import tracked_report, with_static_box, write_outputs
    from nmcompile.evaluation.tracking import run_tracker
    from nmcompile.report.terminal import render_plain

    box = _box(init)
    one_of(level, LEVELS, "--level")
    if events is not None and video is None:
        return _track_events(session, build, _recording(events, sequence), box, level, out)
    source = _source(sequence, video, events)
    deployment = Deployment.open(build)
    executor = deployment.executor(level)
    frames = source if box is not None else source.annotated()
    steps: Iterator[int] = session.progress(range(len(frames)), "frames")

    def tick() -> None:
        next(steps, None)

    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # refused now, not after the last frame
    result = run_tracker(executor, level, source, box, tick)
    report = with_static_box(tracked_report(deployment, result), frames.name, frames.boxes)
    if out is not None:
        write_outputs(out, report, result, frames, deployment.manifest)
        session.say(f"wrote {out}")
    session.out(render_plain(report))
    return {
        "sequence": result.sequence,
        "level": level,
        "frames": len(result.boxes),
        "mean_iou": None if result.score is None else result.score.mean_iou,
        "precision_20px": None if result.score is None else result.score.precision_20px,
        "headline": report.headline.model_dump(mode="json"),
        "boxes": _rounded(result.boxes),
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


def _track_events(
    session: Session,
    build: Path,
    recording: HybridSequence,
    box: tuple[float, ...] | None,
    level: str,
    out: Path | None,
) -> dict[str, Any]:
    """The same for frames and events: one box per window of events."""
    from nmcompile.build.deployment import Deployment
    from nmcompile.evaluation.hybrid import score
    from nmcompile.evaluation.hybrid_tracking import (
        hybrid_report,
        output_count,
        run_hybrid,
        write_hybrid_outputs,
    )
    from nmcompile.report.terminal import render_plain

    deployment = Deployment.open(build)
    executor = deployment.executor(level)
    outputs = output_count(executor, recording)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    steps: Iterator[int] = session.progress(range(outputs), "outputs")

    def tick() -> None:
        next(steps, None)

    track = run_hybrid(executor, recording, box, tick)
    report = hybrid_report(deployment, executor, level, track, recording)
    if out is not None:
        write_hybrid_outputs(out, report, executor, track, recording, deployment.manifest, box)
        session.say(f"wrote {out}")
    session.out(render_plain(report))
    found = score(track, recording)
    return {
        "sequence": track.sequence,
        "level": level,
        "outputs": len(track.boxes),
        "ann_runs": track.ann_runs,
        "snn_runs": track.snn_runs,
        "mean_iou": None if found is None else found.mean_iou,
        "precision_20px": None if found is None else found.precision_20px,
        "centre_error_px": None if found is None else found.centre_error_px,
        "headline": report.headline.model_dump(mode="json"),
        "times_us": track.times_us.tolist(),
        "boxes": _rounded(track.boxes),
    }


def _recording(events: Path, sequence: Path | None) -> HybridSequence:
    from nmcompile.datasets.events.archive import with_frames
    from nmcompile.datasets.events.readers import open_events
    from nmcompile.datasets.sequence import open_sequence

    recording = open_events(events)
    if sequence is None:
        return recording
    return with_frames(recording, open_sequence(sequence).frames, sequence)


def _source(sequence: Path | None, video: Path | None, events: Path | None) -> VideoSequence:
    from nmcompile.datasets.sequence import open_sequence
    from nmcompile.diagnostics import Diagnostic, NmError

    path = sequence or video
    if path is None or (sequence and video) or events:
        raise NmError(
            Diagnostic(
                code="NM0001",
                message="give exactly one of --sequence, --video and --events",
                where="nmcompile track",
            )
        )
    return open_sequence(path)


def _rounded(boxes: npt.NDArray[np.float64]) -> list[list[float]]:
    return [[round(float(v), 3) for v in box] for box in boxes]
