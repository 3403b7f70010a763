"""The parts of an evaluation: one configuration, one protocol, one sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nmcompile import __version__
from nmcompile.datasets.frames import FrameFolder
from nmcompile.datasets.layouts import Entry
from nmcompile.evaluation.fidelity import crops_of, observe
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.evaluation.restart import SEGMENT_FRAMES, follow_segments, segments_of
from nmcompile.evaluation.tasks import Result, Tick, digest_of
from nmcompile.evaluation.variants import Tally, Variant, executor_of, tracker_of
from nmcompile.evaluation.vot import follow

__all__ = ["Part", "Protocol", "run_part"]

Protocol = Literal["ope", "restart", "vot", "fidelity"]
PIXEL_DIGITS = 4


@dataclass(frozen=True)
class Part:
    """One piece of work.

    Attributes:
        variant: what is evaluated.
        protocol: how.
        entry: on which sequence.
        crops: of this sequence. seed: of their jitter (fidelity only).
    """

    variant: Variant
    protocol: Protocol
    entry: Entry
    crops: int = 0
    seed: int = 0

    @property
    def steps(self) -> int:
        """How often `run_part` ticks."""
        if self.protocol == "fidelity":
            return self.crops
        boxes = self.entry.annotated_boxes
        if self.protocol == "restart":
            return sum(s.last - s.first for s in segments_of(boxes))
        return len(boxes)

    @cached_property
    def key(self) -> dict[str, object]:
        """Everything that decides the result."""
        options: dict[str, object] = {}
        if self.protocol == "fidelity":
            options = {"crops": self.crops, "seed": self.seed}
        if self.protocol == "restart":
            options = {"segment": SEGMENT_FRAMES}
        return {
            "nmcompile": __version__,
            "protocol": self.protocol,
            "options": options,
            "sequence": self.entry.name,
            "data": self.entry.digest,
            **self.variant.identity,
        }

    @cached_property
    def digest(self) -> str:
        """sha256 of the key (hex)."""
        return digest_of(self.key)

    @property
    def label(self) -> str:
        """Protocol, level and sequence."""
        return f"{self.protocol}-{self.variant.level}-{self.entry.name}"

    @property
    def needs(self) -> tuple[Path, ...]:
        """The build and the frames."""
        frames = self.entry.sequence.frames
        first = frames.paths[:1] if isinstance(frames, FrameFolder) else ()
        return (Path(self.variant.build), self.entry.truth, *first)


def run_part(part: Part, tick: Tick = lambda: None) -> Result:
    """Do one piece of work; the result is JSON."""
    return _RUNNERS[part.protocol](part, tick)


def as_json(values: npt.NDArray[np.float64], digits: int | None = None) -> list[Any]:
    """Nested lists with None for NaN."""
    rounded = values if digits is None else np.round(values, digits)
    boxed = rounded.astype(object)
    boxed[np.isnan(values)] = None
    return list(boxed.tolist())


def from_json(values: list[Any]) -> npt.NDArray[np.float64]:
    """What `as_json` wrote."""
    return np.array(values, np.float64)


def _ope(part: Part, tick: Tick) -> Result:
    tally = Tally()
    start = tracker_of(part.variant, tally)
    sequence = part.entry.sequence.annotated()
    step = None
    found = []
    for index, image in enumerate(sequence.frames):
        if step is None:
            first = part.entry.annotated_boxes[index]
            step = start(image, first)
            found.append(first)
        else:
            found.append(step(image))
        tick()
    return {"boxes": as_json(np.stack(found), PIXEL_DIGITS), **_cost(tally)}


def _restart(part: Part, tick: Tick) -> Result:
    tally = Tally()
    start = tracker_of(part.variant, tally)
    frames = part.entry.sequence.annotated().frames
    found = follow_segments(start, frames, part.entry.annotated_boxes, tick=tick)
    return {"boxes": as_json(found, PIXEL_DIGITS), **_cost(tally)}


def _vot(part: Part, tick: Tick) -> Result:
    tally = Tally()
    start = tracker_of(part.variant, tally)
    first = part.entry.sequence.first_box or 0
    frames = part.entry.sequence.annotated().frames
    run = follow(start, frames, part.entry.corners[first : first + len(frames)], tick)
    return {
        "states": run.states.tolist(),
        "boxes": as_json(run.boxes, PIXEL_DIGITS),
        "overlaps": as_json(run.overlaps),
        **_cost(tally),
    }


def _fidelity(part: Part, tick: Tick) -> Result:
    executor = executor_of(part.variant)
    params = tracker_params(executor.program)
    sequence = part.entry.sequence.annotated()
    crops = tuple(crops_of(sequence, params, part.crops, part.seed))
    seen = observe(executor, crops, tick)
    executor.counted.clear()
    return {
        "responses": seen.responses.tolist(),
        "hits": seen.hits.tolist(),
        "sops": None if seen.sops is None else seen.sops.tolist(),
        "macs": None if seen.macs is None else seen.macs.tolist(),
    }


_RUNNERS: Mapping[str, Callable[[Part, Tick], Result]] = {
    "ope": _ope,
    "restart": _restart,
    "vot": _vot,
    "fidelity": _fidelity,
}


def _cost(tally: Tally) -> Result:
    known = tally.counts and tally.frames > 0
    return {
        "tracked": tally.frames,
        "sops": tally.sops if known else None,
        "macs": tally.macs if known else None,
    }
