"""A tracked sequence as a report: the build's report with the activity of this sequence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from nmcompile.build.deployment import Deployment
from nmcompile.datasets.boxes import Boxes
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.ope import evaluate, static_boxes
from nmcompile.evaluation.tracking import TrackResult
from nmcompile.report.assemble import assemble
from nmcompile.report.schema import Report
from nmcompile.report.sections import TrackingRow
from nmcompile.report.serialise import report_to_json

STRIP_FRAMES: Final = 6


def tracked_report(deployment: Deployment, result: TrackResult) -> Report:
    """The build's report, with counters, energy and time measured while tracking.

    Levels that count nothing on cores (float) keep the build's own activity.
    """
    built = deployment.report
    rows = list(built.accuracy.tracking)
    if result.score is not None:
        rows.append(_row(result.sequence, result.level, result))
    accuracy = built.accuracy.model_copy(update={"tracking": tuple(rows)})
    if result.level != "mapped":
        return built.model_copy(update={"accuracy": accuracy})
    return assemble(
        model=built.model,
        target=deployment.target,
        program=deployment.golden,
        counted=result.counted,
        mapping=built.mapping,
        digests=built.program.digests,
        accuracy=accuracy,
        verification=built.verification,
        diagnostics=[m.diagnostic() for m in built.diagnostics],
        assumptions=[
            f"activity is the mean over {len(result.boxes)} frames of {result.sequence}",
            *(a for a in built.assumptions if not a.startswith("activity is the mean")),
        ],
        frames_per_init=len(result.boxes),
        provenance=built.provenance,
        manifest_digest=built.manifest_digest,
    )


def with_static_box(report: Report, name: str, truth: Boxes | None) -> Report:
    """The report with the row of the first box that never moves beside the tracker's.

    Args:
        report: of the sequence.
        name: of the sequence. truth: `(frames, 4)` its true boxes, None where nobody knows them.
    """
    if truth is None or not report.accuracy.tracking:
        return report
    score = evaluate(static_boxes(truth), truth)
    row = TrackingRow(
        sequence=name,
        level="static box",
        mean_iou=round(score.mean_iou, 6),
        precision=round(score.precision_20px, 6),
        frames=score.frames,
    )
    accuracy = report.accuracy.model_copy(update={"tracking": (*report.accuracy.tracking, row)})
    return report.model_copy(update={"accuracy": accuracy})


def write_outputs(
    folder: Path,
    report: Report,
    result: TrackResult,
    sequence: VideoSequence,
    manifest: Mapping[str, Any],
) -> None:
    """track.mp4, strip.png, boxes.txt, report.json and report.html in `folder`.

    Args:
        folder: where to write.
        report: of the sequence. result: boxes. sequence: frames.
        manifest: of the build that tracked.
    """
    from nmcompile.report.html import Picture, render_html
    from nmcompile.trackers import render

    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for index, (image, box) in enumerate(zip(sequence.frames, result.boxes, strict=True)):
        truth = None if sequence.boxes is None else sequence.boxes[index]
        pictures.append(render.annotate(image, box, truth, f"frame {index + 1}"))
    render.write_video(folder / "track.mp4", pictures)
    render.write_png(folder / "strip.png", render.strip(pictures, STRIP_FRAMES))
    np.savetxt(folder / "boxes.txt", result.boxes, fmt="%.3f", delimiter=",")
    (folder / "report.json").write_text(report_to_json(report), encoding="utf-8")
    chosen = np.linspace(0, len(pictures) - 1, STRIP_FRAMES).astype(int)
    shown = [
        Picture(render.jpeg_bytes(pictures[i]), f"frame {i + 1}", "image/jpeg") for i in chosen
    ]
    page = render_html(report, shown, manifest=manifest)
    (folder / "report.html").write_text(page, encoding="utf-8")


def _row(sequence: str, level: str, result: TrackResult) -> TrackingRow:
    if result.score is None:
        raise ValueError("a sequence without boxes has no score")
    return TrackingRow(
        sequence=sequence,
        level=level,
        mean_iou=round(result.score.mean_iou, 6),
        precision=round(result.score.precision_20px, 6),
        frames=result.score.frames,
    )
