"""Compare checkpoints and settings of SpikeTrack's loop on the same videos, in one run.

    python models/spiketrack/compare.py models/spiketrack/spiketrack.pt --films 12 \\
        --with update_frames=0 --with update_frames=25,update_confidence=0.3

Films are rendered from the pictures that training never sees; settings are chosen on them. Folders
of sequences may be given too. The first checkpoint with its own settings is what every other
checkpoint and setting is compared with, video by video.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import photos
from evaluate import follow, network

from nmcompile.datasets.film import FilmOptions, render_film
from nmcompile.datasets.sequence import VideoSequence, open_sequence
from nmcompile.evaluation.estimates import independent_error, paired
from nmcompile.frontends.checkpoint import Checkpoint, load_checkpoint

FRAMES: Final = 60
SIZES: Final = (20.0, 55.0)
"""Mean side of a film's object, pixels of 320 x 240."""
SPEEDS: Final = (1.5, 4.0)
"""Pixels per frame."""


class Trial(NamedTuple):
    """A checkpoint with the settings of its loop."""

    name: str
    checkpoint: Checkpoint
    tracker: Mapping[str, object]


def film(seed: int) -> VideoSequence:
    """A film of an object cut from some held-out pictures in front of another one."""
    pictures = photos.load(photos.HELD_OUT)
    names = list(pictures)
    behind = names[seed % len(names)]
    objects = [view for name in names if name != behind for view in pictures[name]]
    rng = np.random.default_rng((3, seed))
    options = FilmOptions(
        frames=FRAMES,
        object_size=float(rng.uniform(*SIZES)),
        speed=float(rng.uniform(*SPEEDS)),
    )
    frames, boxes = zip(*render_film(objects, pictures[behind][0], rng, options), strict=True)
    return VideoSequence(f"film {seed}", frames, np.array(boxes))


def setting(text: str) -> dict[str, object]:
    """`a=1,b=0.5` as a mapping."""
    pairs = (part.split("=", 1) for part in text.split(","))
    return {name: json.loads(value) for name, value in pairs}


def main() -> None:
    """Print one line per video, then per trial the mean and the paired difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", type=Path, nargs="+", help="checkpoints, *.pt")
    parser.add_argument("--sequences", type=Path, nargs="*", default=[], help="folders")
    parser.add_argument("--films", type=int, default=0, help="how many to render")
    parser.add_argument("--with", dest="settings", type=setting, action="append", default=[])
    args = parser.parse_args()
    torch.set_num_threads(1)
    trials = [
        Trial(f"{path.name} {changed or ''}".strip(), found, {**found.tracker, **changed})
        for path, found in ((path, load_checkpoint(path)) for path in args.checkpoints)
        for changed in ({}, *args.settings)
    ]
    rows, counts = [], []
    for clip in videos(args.sequences, args.films):
        told = [follow(network(t.checkpoint), t.checkpoint, clip, t.tracker) for t in trials]
        rows.append([score.mean_iou for score, _ in told])
        counts.append([updates for _, updates in told])
        cells = "  ".join(f"{v:.3f} ({u})" for v, u in zip(rows[-1], counts[-1], strict=True))
        print(f"{clip.name:12} {cells}", flush=True)
    values = np.array(rows)
    print("mean IoU +- standard error, difference from the first, updates of templates per video")
    for trial, column, updates in zip(trials, values.T, np.mean(counts, 0), strict=True):
        gain = paired(values[:, 0], column)
        print(
            f"{column.mean():.3f} +- {independent_error(column) or np.nan:.3f}  "
            f"{gain.difference:+.3f} +- {gain.standard_error or 0:.3f}  {updates:.1f}  {trial.name}"
        )


def videos(folders: list[Path], films: int) -> list[VideoSequence]:
    """Sequences, then films."""
    return [open_sequence(f).annotated() for f in folders] + [film(n) for n in range(films)]


if __name__ == "__main__":
    main()
