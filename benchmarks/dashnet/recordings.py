"""What the benchmark tracks: invented films of held-out pictures, real sequences as events."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from figures import QUICK

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.simulator import SimulatorOptions, simulate_hybrid
from nmcompile.datasets.sequence import VideoSequence, open_sequence

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data"))
SEQUENCES = ("Football1",) if QUICK else ("Crossing", "Couple", "Dog", "Football1", "vot15_bag")
FILMS = 4 if QUICK else 24
FIRST_FILM = 4_000_000
"""Seeds from here on were neither trained on nor used to choose weights or parameters."""
SEEN = 0.75
"""Share of a film's time that its object is on the sensor, at least."""
SEGMENT_FRAMES = 25
FRAME_RATE_HZ = 30.0
INTERPOLATED = 7
RARE = 4
"""Frames of the sparse variant: every so-many-th, as where a fast camera is too dear."""


def films(first: int = FIRST_FILM, count: int = FILMS) -> Iterator[HybridSequence]:
    """Invented films of the pictures that no training saw, half a second each.

    Films whose object is not on the sensor at the start, or mostly not, are left out.
    """
    import photos
    from training.hybrid_films import film

    pictures = photos.flat(photos.HELD_OUT)
    made = (film(seed, pictures)[0] for seed in itertools.count(first))
    return itertools.islice((recording for recording in made if _seen(recording)), count)


def _seen(recording: HybridSequence) -> bool:
    assert recording.boxes is not None
    known = np.isfinite(recording.boxes).all(axis=1)
    return bool(known[0]) and float(known.mean()) >= SEEN


def real() -> Iterator[HybridSequence]:
    """Segments of the real sequences, each started at its first true box."""
    if not (DATA / "sequences").is_dir():
        sys.exit(f"the real sequences are not at {DATA}: set NMCOMPILE_DATA")
    for name in SEQUENCES:
        whole = open_sequence(DATA / "sequences" / name).annotated()
        for part in segments(whole)[: 2 if QUICK else None]:
            yield simulate_hybrid(part, FRAME_RATE_HZ, SimulatorOptions(interpolated=INTERPOLATED))


def segments(sequence: VideoSequence) -> list[VideoSequence]:
    """Parts of 25 frames and the one in which the next part starts; a short rest is left out."""
    found = []
    for first in range(0, len(sequence) - SEGMENT_FRAMES, SEGMENT_FRAMES):
        part = range(first, first + SEGMENT_FRAMES + 1)
        boxes = None if sequence.boxes is None else sequence.boxes[part.start : part.stop]
        frames = [sequence.frames[k] for k in part]
        found.append(VideoSequence(f"{sequence.name}:{first + 1}", frames, boxes))
    return found


def rare(recordings: Sequence[HybridSequence]) -> list[HybridSequence]:
    """The same recordings with one frame in `RARE`; events and boxes stay."""
    return [
        replace(
            r,
            frames=tuple(r.frames[k] for k in range(0, len(r), RARE)),
            frame_times_us=r.frame_times_us[::RARE],
        )
        for r in recordings
    ]
