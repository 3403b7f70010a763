"""``nmcompile events``: recordings of event cameras, made, described and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import one_of

if TYPE_CHECKING:
    from nmcompile.datasets.events.hybrid import HybridSequence

PIXELS = ("dashnet", "clean", "noisy")
PICTURES = (".mp4", ".png")

EventFile = Annotated[
    Path,
    typer.Argument(
        metavar="F",
        help="Events: .npz, .aedat4, .bin (N-MNIST), or a folder that `events simulate` wrote.",
        show_default=False,
    ),
]


@command
def simulate(
    session: Session,
    sequence: Annotated[
        Path,
        typer.Argument(
            help="Folder in OTB, VOT or GOT-10k layout, or a video file.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="File .npz with events and boxes, or a folder that holds the frames as well.",
            show_default=False,
        ),
    ],
    frame_rate: Annotated[
        float | None,
        typer.Option(help="Frames per second; 30, or what a video file says.", metavar="HZ"),
    ] = None,
    interpolated: Annotated[
        int, typer.Option(min=0, max=1000, help="Pictures put between two frames.")
    ] = 7,
    interpolation: Annotated[str, typer.Option(help="flow or linear.")] = "flow",
    threshold: Annotated[
        float | None,
        typer.Option(help="Change that fires an event of a dashnet pixel, grey levels of 255; 8."),
    ] = None,
    pixel: Annotated[
        str,
        typer.Option(help="dashnet (linear, no noise), or clean or noisy after v2e."),
    ] = "dashnet",
    seed: Annotated[int, typer.Option(help="Of random times and noise.")] = 0,
) -> dict[str, Any]:
    """Turn a sequence of frames into events, with boxes at the events' rate."""
    from dataclasses import replace

    from nmcompile.datasets.events.archive import save_archive, save_hybrid
    from nmcompile.datasets.events.pixel import CLEAN, NOISY
    from nmcompile.datasets.events.simulator import (
        DEFAULT_THRESHOLD,
        SimulatorOptions,
        simulate_hybrid,
    )
    from nmcompile.datasets.sequence import open_sequence
    from nmcompile.diagnostics import Diagnostic, NmError

    one_of(pixel, PIXELS, "--pixel")
    if threshold is not None and pixel != "dashnet":
        raise NmError(
            Diagnostic(
                code="NM0001",
                message="only a dashnet pixel has a threshold in grey levels",
                where="--threshold",
                found=f"--pixel {pixel}",
            )
        )
    level = DEFAULT_THRESHOLD if threshold is None else threshold
    options = SimulatorOptions(interpolated, interpolation, level, seed=seed)
    source = open_sequence(sequence)
    rate = frame_rate if frame_rate is not None else _rate_of(source.frames)
    model = {"clean": CLEAN, "noisy": NOISY}.get(pixel)
    recording = simulate_hybrid(
        source, rate, options, None if model is None else replace(model, seed=seed)
    )
    as_file = out.suffix.lower() == ".npz"
    if as_file:
        save_archive(out, recording)
    else:
        save_hybrid(out, recording)
    session.say(f"wrote {out}")
    described = description(recording)
    described["frame_rate_hz"] = rate
    session.out(_text(described))
    return described


@command
def info(session: Session, events: EventFile) -> dict[str, Any]:
    """Say what a recording holds: sensor, duration, rates, boxes."""
    from nmcompile.datasets.events.readers import open_events

    described = description(open_events(events))
    session.out(_text(described))
    return described


@command
def render(
    session: Session,
    events: EventFile,
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Video .mp4, or a strip of six pictures .png.",
            show_default=False,
        ),
    ],
    exposure: Annotated[
        float, typer.Option(min=0.001, help="Time that one picture shows, milliseconds.")
    ] = 10.0,
    frames: Annotated[
        Path | None,
        typer.Option(help="Sequence with the frames that belong to an .npz.", show_default=False),
    ] = None,
    underlay: Annotated[bool, typer.Option(help="Show the frames behind the events.")] = True,
    boxes: Annotated[bool, typer.Option(help="Draw the boxes, where they are known.")] = True,
) -> dict[str, Any]:
    """Show a recording: ON events orange, OFF events blue, 15 pictures a second."""
    from nmcompile.datasets.events.archive import with_frames
    from nmcompile.datasets.events.readers import open_events
    from nmcompile.datasets.events.render import event_pictures, picture_times
    from nmcompile.datasets.sequence import open_sequence
    from nmcompile.diagnostics import Diagnostic, NmError
    from nmcompile.trackers.render import strip, write_png, write_video

    if out.suffix.lower() not in PICTURES:
        raise NmError(
            Diagnostic(
                code="NM0001",
                message="the output is neither a video nor a picture",
                where="--output",
                limit=", ".join(PICTURES),
                found=out.name,
            )
        )
    recording = open_events(events)
    if frames is not None:
        recording = with_frames(recording, open_sequence(frames).frames, frames)
    exposure_us = max(1, round(exposure * 1000))
    times = picture_times(recording, exposure_us)
    if not times:
        raise NmError(
            Diagnostic(
                code="NM0550",
                message="the recording has no events to show",
                where=str(events),
                help=("a lower --threshold of `nmcompile events simulate` makes more events",),
            )
        )
    pictures = event_pictures(recording, exposure_us, underlay=underlay, boxes=boxes)
    shown = session.progress(pictures, "pictures", len(times))
    if out.suffix.lower() == ".mp4":
        write_video(out, shown)
    else:
        write_png(out, strip(list(shown)))
    session.say(f"wrote {out}")
    return {"output": str(out), "pictures": len(times), "exposure_us": exposure_us}


def description(recording: HybridSequence) -> dict[str, Any]:
    """What a recording holds, as JSON; None for what it does not tell."""
    events = recording.events
    seconds = events.duration_us * 1e-6
    pixels = events.width * events.height
    boxes = recording.boxes
    return {
        "name": recording.name,
        "width": events.width,
        "height": events.height,
        "events": len(events),
        "start_us": int(events.t_us[0]) if len(events) else None,
        "duration_s": seconds,
        "events_per_second": len(events) / seconds if seconds else None,
        "events_per_second_and_pixel": len(events) / seconds / pixels if seconds else None,
        "on_share": events.on_share,
        "active_pixel_share": float((events.counts().sum(axis=0) > 0).mean()),
        "frames": len(recording.frame_times_us) or None,
        "boxes": None if boxes is None else len(boxes),
        "digest": events.digest(),
    }


def _text(described: dict[str, Any]) -> str:
    width = max(len(name) for name in described)
    return "\n".join(f"{name:{width}}  {_value(value)}" for name, value in described.items())


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _rate_of(frames: object) -> float:
    """Frame rate of a video file, 30 for everything that does not tell."""
    return getattr(frames, "frames_per_second", None) or 30.0
