"""Track a recording of frames and events with a deployment at any level, and its report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from nmcompile.build.deployment import Deployment
from nmcompile.build.execute import ProgramExecutor
from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.render import event_picture
from nmcompile.datasets.frames import Image
from nmcompile.evaluation.hybrid import compare, score
from nmcompile.evaluation.hybrid_plot import write_hybrid_plot
from nmcompile.evaluation.ope import evaluate
from nmcompile.evaluation.track_report import tracked_report, with_static_box
from nmcompile.evaluation.tracking import TrackResult
from nmcompile.report.schema import Report
from nmcompile.report.serialise import report_to_json
from nmcompile.trackers.dashnet.loop import HybridTrack, Tick, output_times, track_hybrid
from nmcompile.trackers.dashnet.program_engine import ProgramHybridEngine, hybrid_params

__all__ = [
    "hybrid_report",
    "output_count",
    "run_hybrid",
    "write_hybrid_outputs",
]

STRIP_PICTURES: Final = 6


def output_count(executor: ProgramExecutor, recording: HybridSequence) -> int:
    """How many boxes a track of `recording` gives.

    Raises:
        NmError: NM0518 when the program does not track events.
    """
    return len(output_times(recording, hybrid_params(executor.program)))


def run_hybrid(
    executor: ProgramExecutor,
    recording: HybridSequence,
    init_box: Sequence[float] | None = None,
    tick: Tick = lambda: None,
) -> HybridTrack:
    """Track with both networks; the executor's counters are those of this track.

    Raises:
        NmError: NM0518 when the program does not track events, NM0519 without a first box.
    """
    engine = ProgramHybridEngine(executor)
    executor.counted.clear()
    return track_hybrid(engine, recording, hybrid_params(executor.program), init_box, tick=tick)


def hybrid_report(
    deployment: Deployment,
    executor: ProgramExecutor,
    level: str,
    track: HybridTrack,
    recording: HybridSequence,
) -> Report:
    """The build's report with the activity of this recording, and the box that never moves."""
    truth = recording.boxes_at(track.times_us)
    known = bool(np.isfinite(truth).all(axis=1).any())
    found = evaluate(track.boxes, truth) if known else None
    result = TrackResult(recording.name, level, track.boxes, found, dict(executor.counted))
    report = tracked_report(deployment, result)
    return with_static_box(report, recording.name, truth if known else None)


def write_hybrid_outputs(
    folder: Path,
    report: Report,
    executor: ProgramExecutor,
    track: HybridTrack,
    recording: HybridSequence,
    manifest: Mapping[str, Any],
    init_box: Sequence[float] | None = None,
) -> None:
    """track.mp4, hybrid.svg, tracks.json, boxes.txt, report.json and report.html in `folder`.

    ANN and SNN are tracked alone for the plot: the same networks, each without the other.
    boxes.txt has a row for every output: time in microseconds, x, y, w, h.
    """
    from nmcompile.report.html import Picture, render_html
    from nmcompile.trackers import render

    folder.mkdir(parents=True, exist_ok=True)
    engine = ProgramHybridEngine(executor)
    tracks = compare(engine, recording, hybrid_params(executor.program), init_box, ("snn", "ann"))
    tracks = {"hybrid": track, **tracks}
    write_hybrid_plot(tracks, recording, folder / "hybrid.svg")
    scores = {mode: score(t, recording) for mode, t in tracks.items()}
    body = {mode: None if s is None else asdict(s) for mode, s in scores.items()}
    (folder / "tracks.json").write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    rows = np.column_stack([track.times_us, track.boxes])
    np.savetxt(folder / "boxes.txt", rows, fmt=["%d", *["%.3f"] * 4], delimiter=",")
    pictures = _pictures(track, recording)
    render.write_video(folder / "track.mp4", pictures)
    (folder / "report.json").write_text(report_to_json(report), encoding="utf-8")
    chosen = np.linspace(0, len(pictures) - 1, STRIP_PICTURES).astype(int)
    shown = [
        Picture(render.jpeg_bytes(pictures[k]), f"{track.times_us[k] / 1e3:.1f} ms", "image/jpeg")
        for k in chosen
    ]
    page = render_html(report, shown, manifest=manifest)
    (folder / "report.html").write_text(page, encoding="utf-8")


def _pictures(track: HybridTrack, recording: HybridSequence) -> list[Image]:
    """One picture per output: the events since the last one over the newest frame, both boxes."""
    from nmcompile.trackers import render

    truth = recording.boxes_at(track.times_us)
    found: list[Image] = []
    before = 0
    for time_us, box, true in zip(track.times_us.tolist(), track.boxes, truth, strict=True):
        newest = recording.frame_before(time_us) if len(recording) else None
        underlay = None if newest is None else recording.frames[newest]
        picture = event_picture(recording.events.between(before, time_us), underlay)
        found.append(render.annotate(picture, box, true, f"{time_us / 1e3:.1f} ms"))
        before = time_us
    return found
