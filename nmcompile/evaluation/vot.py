"""Accuracy, robustness and expected average overlap by the supervised protocol of VOT.

Sources: Kristan et al., "A novel performance evaluation methodology for single-target trackers",
TPAMI 38(11), 2016 (protocol, accuracy, robustness); Kristan et al., "The visual object tracking
VOT2015 challenge results", ICCVW 2015, section 3 (expected average overlap); Kristan et al., "The
visual object tracking VOT2016 challenge results", ECCVW 2016 (interval of sequence lengths).

* The tracker starts from the box of the first frame. When its overlap with the truth is zero it
  has failed; it starts anew five frames later.
* Accuracy is the mean overlap of the frames in which it tracked, without the ten frames from each
  start on: they are biased towards the truth.
* Robustness is the number of failures F of N frames, and exp(-S F / N), the probability of
  following for S = 30 frames more.
* The expected average overlap curve: what a tracker without restart is expected to score on
  average over the first n frames. Every stretch between a start and a failure is taken as such a
  run, continued with overlap 0; the stretch that the sequence's end cuts off counts for its own
  length only. EAO is the mean of the curve over the lengths 108 to 371, the interval that VOT2016
  found typical of its sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.boxes import polygon_to_box
from nmcompile.evaluation.polygons import overlap

__all__ = ["Run", "VotResult", "expected_overlap_curve", "follow", "score"]

Image = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]
Start = Callable[[Image, Values], Callable[[Image], Values]]

SKIPPED, STARTED, FAILED = 0, 1, 2
"""What stands for a box in the toolkit's result files; TRACKED has a box of its own."""
TRACKED: Final = 3

RESTART_AFTER: Final = 5
BURN_IN: Final = 10
SENSITIVITY: Final = 30
INTERVAL: Final = (108, 371)


@dataclass(frozen=True)
class Run:
    """A supervised run over one sequence.

    Attributes:
        states: `(frames,)` SKIPPED, STARTED, FAILED or TRACKED.
        boxes: `(frames, 4)` x, y, w, h; the true one where it started, NaN where skipped.
        overlaps: `(frames,)` with the true region; 1 at a start, 0 at a failure, NaN where skipped
            or where the truth is not known.
    """

    states: npt.NDArray[np.int64]
    boxes: Values
    overlaps: Values


@dataclass(frozen=True)
class VotResult:
    """What a set of runs scored.

    Attributes:
        accuracy: mean overlap over all counted frames; NaN when none counts.
        failures: of all runs together.
        frames: of all runs together.
        robustness: exp(-30 failures / frames).
        eao: mean of the expected average overlap curve over `interval`.
        interval: first and last length, frames after the start.
        published_interval: whether that is the published 108 to 371. Shorter sequences reach only
            a part of it: then the interval ends with the longest run and begins at 108 or half of
            it, whichever is less, and the figure compares with no published one.
    """

    accuracy: float
    failures: int
    frames: int
    robustness: float
    eao: float
    interval: tuple[int, int]
    published_interval: bool


def follow(
    start: Start, frames: Sequence[Image], polygons: Values, tick: Callable[[], None] = lambda: None
) -> Run:
    """Track one sequence under supervision.

    Args:
        start: first frame and box -> a function from the next frame to its box.
        frames: RGB.
        polygons: `(frames, 8)` true corners; NaN rows neither start nor judge the tracker.
        tick: called after every frame.
    """
    count = len(frames)
    states = np.full(count, SKIPPED)
    boxes, overlaps = np.full((count, 4), np.nan), np.full(count, np.nan)
    step: Callable[[Image], Values] | None = None
    wait = 0
    for index, image in enumerate(frames):
        tick()
        if step is None:
            wait -= 1
            if wait >= 0 or np.isnan(polygons[index]).any():
                continue
            boxes[index] = polygon_to_box(polygons[index])
            states[index], overlaps[index] = STARTED, 1.0
            step = start(image, boxes[index])
            continue
        boxes[index] = step(image)
        found = overlap(polygons[index], boxes[index], (image.shape[1], image.shape[0]))
        states[index], overlaps[index] = TRACKED, found
        if found == 0.0:
            states[index], step, wait = FAILED, None, RESTART_AFTER - 1
    return Run(states, boxes, overlaps)


def counted_overlaps(run: Run) -> Values:
    """The overlaps that accuracy is the mean of: tracked frames after the burn-in."""
    since = np.full(len(run.states), BURN_IN)
    age = BURN_IN
    for index, state in enumerate(run.states):
        age = 0 if state == STARTED else age + 1
        since[index] = age
    counted = (run.states == TRACKED) & (since >= BURN_IN) & np.isfinite(run.overlaps)
    return np.asarray(run.overlaps[counted], np.float64)


def expected_overlap_curve(runs: Sequence[Run]) -> Values:
    """Expected average overlap after 1, 2, ... frames; NaN where no run is that long."""
    longest = max(len(run.states) for run in runs)
    sums, counts = np.zeros(longest - 1), np.zeros(longest - 1)
    for run in runs:
        for overlaps, failed in _stretches(run):
            values = np.zeros(longest - 1)
            length = min(len(overlaps), longest - 1)
            values[:length] = overlaps[:length]
            reach = longest - 1 if failed else length
            averages = np.cumsum(values) / np.arange(1, longest)
            sums[:reach] += averages[:reach]
            counts[:reach] += 1
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts, np.float64)


def score(runs: Sequence[Run]) -> VotResult:
    """Accuracy, robustness and EAO of runs over several sequences, all frames pooled."""
    counted = np.concatenate([counted_overlaps(run) for run in runs])
    failures = sum(int((run.states == FAILED).sum()) for run in runs)
    frames = sum(len(run.states) for run in runs)
    curve = expected_overlap_curve(runs)
    reached = int(np.isfinite(curve).sum())
    published = reached >= INTERVAL[1]
    interval = INTERVAL if published else (max(min(INTERVAL[0], reached // 2), 1), max(reached, 1))
    part = curve[interval[0] - 1 : interval[1]]
    return VotResult(
        accuracy=float(counted.mean()) if len(counted) else float("nan"),
        failures=failures,
        frames=frames,
        robustness=float(np.exp(-SENSITIVITY * failures / frames)),
        eao=float(np.nanmean(part)) if np.isfinite(part).any() else float("nan"),
        interval=interval,
        published_interval=published,
    )


def _stretches(run: Run) -> list[tuple[Values, bool]]:
    """Overlaps of the frames after each start (not known ones as 0), and whether they failed."""
    found = []
    starts = np.flatnonzero(run.states == STARTED)
    for begin, end in zip(starts, [*starts[1:], len(run.states)], strict=True):
        part = slice(int(begin) + 1, int(end))
        failures = np.flatnonzero(run.states[part] == FAILED)
        overlaps = np.nan_to_num(run.overlaps[part])
        if failures.size:
            overlaps = overlaps[: int(failures[0]) + 1]
        found.append((overlaps, bool(failures.size)))
    return found
