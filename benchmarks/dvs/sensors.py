"""DashNet's simulator beside a DVS pixel with memory (after v2e) on the same films."""

from __future__ import annotations

from typing import Any

import numpy as np
from figures import Figure, table

from nmcompile.datasets.events.interpolation import Grey
from nmcompile.datasets.events.pixel import CLEAN, NOISY, pixel_events
from nmcompile.datasets.events.simulator import (
    SimulatorOptions,
    events_of_film,
    fine_film,
    frame_times,
)
from nmcompile.datasets.events.stream import EventStream
from nmcompile.datasets.sequence import VideoSequence

COMMAND = "make bench-dvs"
FRAME_RATE_HZ = 30.0
FRAMES = 60
QUICK_FRAMES = 12
THRESHOLDS = (4.0, 8.0, 16.0)
OPTIONS = SimulatorOptions()
BIN_US = 10_000


def described(events: EventStream, clean: EventStream, duration_us: int) -> dict[str, Any]:
    """What is compared, against the clean pixel model's events of the same film."""
    counts, others = events.counts().sum(axis=0), clean.counts().sum(axis=0)
    bins = np.arange(0, duration_us + BIN_US, BIN_US)
    rates = [np.histogram(stream.t_us, bins)[0] for stream in (events, clean)]
    signed = [np.subtract(*stream.counts()[::-1]) for stream in (events, clean)]
    return {
        "events": len(events),
        "events_per_second_and_pixel": len(events) / (duration_us * 1e-6) / counts.size,
        "on_share": events.on_share,
        "active_pixel_share": float((counts > 0).mean()),
        "count_correlation": _correlation(counts, others),
        "signed_correlation": _correlation(*signed),
        "rate_correlation": _correlation(*rates),
    }


def _correlation(first: Any, second: Any) -> float:
    return float(np.corrcoef(np.ravel(first), np.ravel(second))[0, 1])


def measured(sequence: VideoSequence, frames: int) -> list[dict[str, Any]]:
    """Every model on the beginning of one sequence."""
    part = VideoSequence(sequence.name, sequence.frames[:frames], None)
    film: list[Grey] = list(fine_film(part, OPTIONS))
    times = frame_times(len(part), FRAME_RATE_HZ, OPTIONS.interpolated)
    clean = pixel_events(film, times, CLEAN)
    models = {
        f"dashnet, {threshold:g} levels": events_of_film(
            film, times, SimulatorOptions(threshold=threshold)
        )
        for threshold in THRESHOLDS
    }
    models |= {"clean": clean, "noisy": pixel_events(film, times, NOISY)}
    return [
        {"sequence": sequence.name, "model": name, **described(events, clean, times[-1])}
        for name, events in models.items()
    ]


def rows(sequences: list[VideoSequence], quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """All sequences, and means over them."""
    done = []
    for sequence in sequences:
        done += measured(sequence, QUICK_FRAMES if quick else FRAMES)
    keys = [key for key in done[0] if key not in ("sequence", "model")]
    for model in dict.fromkeys(row["model"] for row in done):
        same = [row for row in done if row["model"] == model]
        done.append(
            {
                "sequence": "mean",
                "model": model,
                **{key: float(np.mean([row[key] for row in same])) for key in keys},
            }
        )
    head = ("sequence", "model", "events", "events/s/pixel", "ON share", "active pixels")
    head += ("correlation of counts", "of ON - OFF", "of rates (10 ms)")
    print(
        table(
            head,
            (
                (
                    row["sequence"],
                    row["model"],
                    f"{row['events']:,.0f}",
                    *(f"{row[key]:.3f}" for key in keys if key != "events"),
                )
                for row in done
            ),
        )
    )
    means = {row["model"]: row for row in done if row["sequence"] == "mean"}
    reference = means["clean"]
    found = [
        Figure(
            f"{model}: {key}",
            round(row[key], 4),
            key.replace("_", " "),
            COMMAND,
            peer="pixel model with memory, v2e's clean setting",
            peer_value=round(reference[key], 4),
        )
        for model, row in means.items()
        for key in keys
        if model != "clean"
    ]
    return found, done
