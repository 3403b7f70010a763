"""Events out of frames, as DashNet's hybrid data simulator makes them.

DashNet (arXiv 1909.12942), section 3.4. Between two frames lie `interpolated` frames (eq. 13;
`interpolation` says which). From one picture of that finer film to the next, a pixel whose
brightness changed by dI fires floor(|dI| / threshold) events of dI's sign (eq. 14), each at a
uniformly random slot of that sub-interval: t_f + floor(U(0, dt_f / (m dt_e))) dt_e. What is left
of dI below a threshold is forgotten, as printed; `pixel` is a model that remembers it.

Eq. 14 leaves the unit step at 0 open. Here a change of exactly one threshold fires, up or down.
The paper publishes neither threshold nor dt_e: both defaults are assumptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.interpolation import INTERPOLATIONS, Grey
from nmcompile.datasets.events.keyed import keyed_uniform
from nmcompile.datasets.events.pixel import PixelOptions, pixel_events
from nmcompile.datasets.events.placing import numbered, placed
from nmcompile.datasets.events.stream import EventStream, concatenated
from nmcompile.datasets.frames import Image
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = [
    "DEFAULT_THRESHOLD",
    "SimulatorOptions",
    "between_boxes",
    "events_between",
    "events_of_film",
    "fine_film",
    "frame_times",
    "grey_of",
    "simulate_hybrid",
]

DEFAULT_THRESHOLD: Final = 8.0
DEFAULT_RESOLUTION_US: Final = 1


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """How frames become events.

    Attributes:
        interpolated: frames put between two frames, n of DashNet's Table 1.
        interpolation: how they are made: linear or flow.
        threshold: theta, grey levels of 255; assumed.
        resolution_us: dt_e, microseconds; assumed (event cameras stamp microseconds).
        seed: of the random times.
    """

    interpolated: int = 7
    interpolation: str = "flow"
    threshold: float = DEFAULT_THRESHOLD
    resolution_us: int = DEFAULT_RESOLUTION_US
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            NmError: NM0546.
        """
        checks = (
            (self.interpolated >= 0, "interpolated", "at least 0", self.interpolated),
            (
                self.interpolation in INTERPOLATIONS,
                "interpolation",
                ", ".join(INTERPOLATIONS),
                self.interpolation,
            ),
            (
                0.0 < self.threshold <= 255.0,
                "threshold",
                "more than 0, at most 255 grey levels",
                self.threshold,
            ),
            (self.resolution_us >= 1, "resolution", "at least 1 microsecond", self.resolution_us),
        )
        for good, what, limit, found in checks:
            if not good:
                raise NmError(
                    Diagnostic(
                        code="NM0546",
                        message=f"the simulator's {what} is impossible",
                        where=what,
                        limit=limit,
                        found=str(found),
                    )
                )


def grey_of(image: Image) -> Grey:
    """Luma of an RGB or grey picture as float32 grey levels 0..255."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float32)


def events_between(
    before: Grey, after: Grey, start_us: int, end_us: int, options: SimulatorOptions
) -> EventStream:
    """The events from one picture to the next (eq. 14 and the event count).

    Every event's time depends on the seed, `start_us`, its pixel and its number at that pixel
    alone, so that pictures may be cut and simulated in any order.

    Args:
        before: (H, W) grey levels at `start_us`.
        after: (H, W) grey levels at `end_us`.
        start_us: the events' times are at least this.
        end_us: and less than this.
        options: threshold, resolution and seed.

    Raises:
        NmError: NM0546 when the interval is shorter than the resolution.
    """
    slots = (end_us - start_us) // options.resolution_us
    if slots < 1:
        raise NmError(
            Diagnostic(
                code="NM0546",
                message="the time between two pictures is shorter than the resolution of events",
                where="resolution",
                limit=f"{end_us - start_us} us between pictures",
                found=f"{options.resolution_us} us",
                help=("choose a finer resolution, or fewer interpolated frames",),
            )
        )
    height, width = before.shape
    change = after - before
    pixel, number = numbered(np.floor(np.abs(change) / np.float32(options.threshold)))
    y, x = np.divmod(pixel, width)
    uniform = keyed_uniform(options.seed, start_us, (y << 16) | x, number)
    slot = (uniform[: len(pixel)] * slots).astype(np.int64)
    t_us = start_us + slot * options.resolution_us
    return placed(t_us, pixel, change.ravel()[pixel] > 0, width, height)


def events_of_film(
    pictures: Iterable[Grey], times_us: Sequence[int], options: SimulatorOptions
) -> EventStream:
    """The events of a film that needs no interpolation: one picture for every time.

    Args:
        pictures: (H, W) grey levels each, at least one.
        times_us: increasing.
        options: threshold, resolution and seed.
    """
    films = iter(pictures)
    before = next(films)
    height, width = before.shape
    parts = []
    for (start_us, end_us), after in zip(pairwise(times_us), films, strict=True):
        parts.append(events_between(before, after, start_us, end_us, options))
        before = after
    return concatenated(parts, width, height)


def frame_times(count: int, frame_rate_hz: float, interpolated: int = 0) -> list[int]:
    """When the pictures of a film are taken, microseconds: frames and those between them.

    Args:
        count: frames.
        frame_rate_hz: frames per second.
        interpolated: pictures between two frames.
    """
    step = interpolated + 1
    return [round(k * 1e6 / (frame_rate_hz * step)) for k in range((count - 1) * step + 1)]


def simulate_hybrid(
    sequence: VideoSequence,
    frame_rate_hz: float = 30.0,
    options: SimulatorOptions = SimulatorOptions(),
    pixel: PixelOptions | None = None,
) -> HybridSequence:
    """A sequence as a DAVIS films it: the frames it has, the events between them.

    Args:
        sequence: at least two frames of one size; its boxes are interpolated to every picture of
            the finer film.
        frame_rate_hz: of the sequence.
        options: the simulator.
        pixel: model of the pixels; by default DashNet's, of which `options` says the rest.

    Raises:
        NmError: NM0547 for fewer than two frames or frames that differ in size, NM0546 for
            options that do not fit the frame rate.
    """
    if len(sequence) < 2:
        raise _unfit(sequence, "a sequence of one frame has no events", "at least 2 frames", "1")
    if not 0.0 < frame_rate_hz <= 1e6:
        raise NmError(
            Diagnostic(
                code="NM0546",
                message="the frame rate is impossible",
                where="frame rate",
                limit="more than 0, at most 1000000 per second",
                found=f"{frame_rate_hz:g}",
            )
        )
    step = options.interpolated + 1
    times = frame_times(len(sequence), frame_rate_hz, options.interpolated)
    film = fine_film(sequence, options)
    if pixel is None:
        events = events_of_film(film, times, options)
    else:
        events = pixel_events(film, times, pixel)
    return HybridSequence(
        name=sequence.name,
        frames=sequence.frames,
        frame_times_us=np.array(times[::step], np.int64),
        events=events,
        boxes=None if sequence.boxes is None else between_boxes(sequence.boxes, step),
        box_times_us=np.array(times, np.int64),
    )


def fine_film(sequence: VideoSequence, options: SimulatorOptions) -> Iterator[Grey]:
    """The frames of a sequence as grey levels, the interpolated ones between them.

    Raises:
        NmError: NM0547 for frames that differ in size.
    """
    between = INTERPOLATIONS[options.interpolation]
    before = grey_of(sequence.frames[0])
    yield before
    for index in range(1, len(sequence)):
        after = grey_of(sequence.frames[index])
        if after.shape != before.shape:
            raise _unfit(
                sequence,
                f"frame {index + 1} has another size",
                f"{before.shape[1]} x {before.shape[0]} pixels",
                f"{after.shape[1]} x {after.shape[0]} pixels",
            )
        yield from between(before, after, options.interpolated)
        yield after
        before = after


def between_boxes(boxes: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.float64]:
    """`step` boxes per frame on straight lines between the frames' boxes.

    NaN where one of the two neighbours has no box.
    """
    share = (np.arange(step) / step)[None, :, None]
    first, second = boxes[:-1, None], boxes[1:, None]
    fine = np.where(share == 0.0, first, first + share * (second - first))
    return np.concatenate([fine.reshape(-1, 4), boxes[-1:]])


def _unfit(sequence: VideoSequence, message: str, limit: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0547",
            message=message,
            where=sequence.name,
            limit=limit,
            found=found,
            help=("cut the sequence, or scale its frames to one size",),
        )
    )
