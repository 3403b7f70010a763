"""Invented DAVIS films for training: an object, a scene and a camera that all move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.events.simulator import (
    SimulatorOptions,
    events_of_film,
    frame_times,
    grey_of,
)
from nmcompile.datasets.events.stream import EventStream
from nmcompile.datasets.film import FilmOptions, render_film
from nmcompile.datasets.frames import Image

SUBSTEPS: Final = 8
"""Pictures, boxes and event bins per frame: 240 Hz beside frames at 30 Hz."""
FRAME_RATE_HZ: Final = 30.0
PICTURE_STEP: Final = 2
"""Substeps from one picture of a record to the next."""
WIDTH: Final = 240
HEIGHT: Final = 180
MARGIN: Final = 40
"""Scene beyond every side of the sensor, over which the camera moves, pixels."""


@dataclass(frozen=True)
class Scene:
    """What one film shows; sizes in pixels, speeds in pixels per frame.

    Attributes:
        object_size: of the object. speed: of the object. camera_speed: of the camera.
        distractors: similar objects. occluders: objects in front. threshold: of the events.
    """

    object_size: float
    speed: float
    camera_speed: float
    distractors: int
    occluders: int
    threshold: float


def draw_scene(rng: np.random.Generator) -> Scene:
    """A scene of the training's distribution."""
    return Scene(
        object_size=float(np.exp(rng.uniform(np.log(18.0), np.log(64.0)))),
        speed=float(np.exp(rng.uniform(np.log(3.0), np.log(30.0)))),
        camera_speed=0.0 if rng.random() < 0.4 else float(rng.uniform(0.5, 8.0)),
        distractors=int(rng.integers(0, 3)),
        occluders=int(rng.random() < 0.15),
        threshold=float(rng.uniform(6.0, 16.0)),
    )


def film(
    seed: int, photos: Sequence[Image], scene: Scene | None = None, frames: int = 16
) -> tuple[HybridSequence, npt.NDArray[np.uint8]]:
    """Film one invented scene; the same seed, pictures and scene give the same film.

    Args:
        seed: of everything. photos: what objects and backgrounds are cut from.
        scene: by default one is drawn. frames: of the film.

    Returns:
        The recording, grey frames repeated as RGB, boxes NaN where the object's centre has left
        the sensor, and the grey pictures of all substeps `(N, H, W)`.
    """
    rng = np.random.default_rng([seed, 0xDA5])
    chosen = draw_scene(rng) if scene is None else scene
    count = (frames - 1) * SUBSTEPS + 1
    options = FilmOptions(
        frames=count,
        width=WIDTH + 2 * MARGIN,
        height=HEIGHT + 2 * MARGIN,
        object_size=chosen.object_size,
        speed=chosen.speed / SUBSTEPS,
        distractors=chosen.distractors,
        occluders=chosen.occluders,
        noise=0.0,
        quality=0,
    )
    background = photos[int(rng.integers(len(photos)))]
    camera = _camera(rng, count, chosen.camera_speed / SUBSTEPS)
    greys, boxes = [], []
    for (picture, box), (left, top) in zip(
        render_film(photos, background, rng, options), camera, strict=True
    ):
        shift = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]])
        greys.append(cv2.warpAffine(grey_of(picture), shift, (WIDTH, HEIGHT)))
        boxes.append((box[0] - left, box[1] - top, box[2], box[3]))
    found = np.array(boxes)
    centre = found[:, :2] + found[:, 2:] / 2.0
    inside = ((centre > 4.0) & (centre < np.array([WIDTH, HEIGHT]) - 4.0)).all(axis=1)
    found[~inside] = np.nan
    times = frame_times(frames, FRAME_RATE_HZ, SUBSTEPS - 1)
    simulator = SimulatorOptions(threshold=chosen.threshold, seed=seed)
    pictures = np.rint(np.stack(greys)).astype(np.uint8)
    recording = HybridSequence(
        name=f"film-{seed}",
        frames=tuple(np.repeat(p[..., None], 3, axis=2) for p in pictures[::SUBSTEPS]),
        frame_times_us=np.array(times[::SUBSTEPS], np.int64),
        events=events_of_film(greys, times, simulator),
        boxes=found,
        box_times_us=np.array(times, np.int64),
    )
    return recording, pictures


def _camera(rng: np.random.Generator, count: int, speed: float) -> npt.NDArray[np.float64]:
    """Left upper corner of the sensor in the scene, `(count, 2)`: a smooth path."""
    time = np.linspace(0.0, 1.0, count)[:, None, None]
    terms = np.arange(1, 5)
    size = rng.normal(size=(2, 4)) / terms
    phase = rng.uniform(0.0, 2.0 * np.pi, size=(2, 4))
    path = (size * np.cos(np.pi * terms * time + phase)).sum(axis=2)
    path -= (path.max(axis=0) + path.min(axis=0)) / 2.0
    length = np.hypot(*np.diff(path, axis=0).T).mean()
    room = (MARGIN - 1.0) / np.abs(path).max()
    return np.asarray(MARGIN + path * min(speed / length, room))


@dataclass(frozen=True)
class Record:
    """A film as the training keeps it.

    Attributes:
        pictures: `(K, H, W)` uint8 grey, every `PICTURE_STEP`-th substep.
        boxes: `(N, 4)` at every substep; NaN where the object has left the sensor.
        places: uint32, every element (polarity, row, column) of every bin with an event, by bin.
        first: `(N,)` int64, where bin k starts in `places`; bin k lies between substeps k, k + 1.
    """

    pictures: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float64]
    places: npt.NDArray[np.uint32]
    first: npt.NDArray[np.int64]

    def window(self, end: int, timesteps: int) -> EventStream:
        """The bins before substep `end` as a stream whose microseconds are bins."""
        start = end - timesteps
        part = slice(int(self.first[start]), int(self.first[end]))
        rest, column = np.divmod(self.places[part], WIDTH)
        polarity, row = np.divmod(rest, HEIGHT)
        lengths = np.diff(self.first[start : end + 1])
        return EventStream(
            np.repeat(np.arange(start, end), lengths),
            column.astype(np.uint16),
            row.astype(np.uint16),
            polarity > 0,
            WIDTH,
            HEIGHT,
        )


def record(seed: int, photos: Sequence[Image]) -> Record:
    """Film a scene and keep what the training needs of it."""
    recording, pictures = film(seed, photos)
    assert recording.boxes is not None
    events = recording.events
    places = np.ravel_multi_index(
        (events.p.astype(np.intp), events.y, events.x), (2, HEIGHT, WIDTH)
    )
    bounds = np.searchsorted(events.t_us, recording.box_times_us)
    bins = [np.unique(places[a:b]).astype(np.uint32) for a, b in pairwise(bounds)]
    first = np.concatenate([[0], np.cumsum([len(b) for b in bins])])
    return Record(
        pictures[::PICTURE_STEP], recording.boxes, np.concatenate(bins), first.astype(np.int64)
    )


def records(
    folder: Path, count: int, seed: int, photos: Callable[[], Sequence[Image]]
) -> list[Record]:
    """Records of `count` scenes, filmed where `folder` does not hold them yet."""
    pictures: Sequence[Image] = ()
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(seed, seed + count):
        path = folder / f"{number}.npz"
        if not path.exists():
            pictures = pictures or photos()
            made = record(number, pictures)
            part = path.with_name(f"{number}.part.npz")
            np.savez(part, **{k: getattr(made, k) for k in Record.__dataclass_fields__})
            part.replace(path)
        with np.load(path) as stored:
            found.append(Record(**{k: stored[k] for k in Record.__dataclass_fields__}))
    return found
