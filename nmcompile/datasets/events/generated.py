"""Invented DAVIS films with exact boxes: textured objects over a textured background, seeded.

The film is rendered at `substeps` pictures per frame, so that nothing has to be interpolated; the
simulator of DashNet makes events of every picture and the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

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
from nmcompile.datasets.film import FilmOptions, render_film
from nmcompile.datasets.frames import Image

__all__ = ["GeneratedOptions", "generated_hybrid", "textures"]


@dataclass(frozen=True, slots=True)
class GeneratedOptions:
    """What is filmed.

    Attributes:
        frames: frames of the film.
        frame_rate_hz: frames per second.
        substeps: pictures rendered per frame; boxes and events have this rate times the frame
            rate. 8 at 30 Hz is 240 Hz, as in DashNet's NFS data.
        width: of the sensor, pixels.
        height: of the sensor, pixels.
        object_size: mean side of the object, pixels.
        speed: typical path length of the object per frame, pixels.
        distractors: similar objects in the scene.
        occluders: objects that pass in front.
        pan: standard deviation of the camera's position over the film, pixels.
        threshold: of the simulator, grey levels; lower than for real films, which are noisy.
    """

    frames: int = 16
    frame_rate_hz: float = 30.0
    substeps: int = 8
    width: int = 152
    height: int = 152
    object_size: float = 36.0
    speed: float = 5.0
    distractors: int = 0
    occluders: int = 0
    pan: float = 2.0
    threshold: float = 4.0


def generated_hybrid(
    seed: int,
    options: GeneratedOptions = GeneratedOptions(),
    photos: Sequence[Image] | None = None,
) -> HybridSequence:
    """Film one invented scene; the same arguments give the same film, bit for bit.

    Args:
        seed: of everything: scene, paths, times of events.
        options: lengths, sizes, speeds.
        photos: RGB photographs, uint8, at least 96 pixels on each side, out of which objects and
            background are cut; by default invented textures.

    Returns:
        Frames RGB uint8 (height, width, 3), `frames` of them; events between the first and the
        last; boxes for all (frames - 1) * substeps + 1 pictures, those of the frames among them.
    """
    rng = np.random.default_rng([seed, 0xD415])
    pictures = textures() if photos is None else tuple(photos)
    background = pictures[int(rng.integers(len(pictures)))]
    count = (options.frames - 1) * options.substeps + 1
    film = render_film(
        pictures,
        background,
        rng,
        FilmOptions(
            frames=count,
            width=options.width,
            height=options.height,
            object_size=options.object_size,
            speed=options.speed / options.substeps,
            distractors=options.distractors,
            occluders=options.occluders,
            noise=0.0,
            quality=0,
            pan=options.pan,
        ),
    )
    frames, greys, boxes = [], [], []
    for number, (picture, box) in enumerate(film):
        if number % options.substeps == 0:
            frames.append(picture)
        greys.append(grey_of(picture))
        boxes.append(box)
    times = frame_times(options.frames, options.frame_rate_hz, options.substeps - 1)
    simulator = SimulatorOptions(threshold=options.threshold, seed=seed)
    return HybridSequence(
        name=f"generated-{seed}",
        frames=tuple(frames),
        frame_times_us=np.array(times[:: options.substeps], np.int64),
        events=events_of_film(greys, times, simulator),
        boxes=np.array(boxes, np.float64),
        box_times_us=np.array(times, np.int64),
    )


@lru_cache(maxsize=1)
def textures(count: int = 24, side: int = 256) -> tuple[Image, ...]:
    """Invented pictures to cut objects and backgrounds from: clouds of colour with hard shapes."""
    return tuple(_texture(np.random.default_rng([0x7E87, k]), side) for k in range(count))


def _texture(rng: np.random.Generator, side: int) -> Image:
    """Noise of many scales, then polygons filled with other noise: both gradients and edges."""
    picture, filling = _clouds(rng, side), _clouds(rng, side)
    for _ in range(int(rng.integers(6, 40))):
        middle = rng.uniform(0, side, size=2)
        angle = np.sort(rng.uniform(0.0, 2.0 * np.pi, size=int(rng.integers(3, 8))))
        radius = np.exp(rng.uniform(np.log(6.0), np.log(70.0))) * rng.uniform(0.6, 1.0, len(angle))
        points = middle + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        mask = np.zeros((side, side), np.uint8)
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], (1,), cv2.LINE_8)
        colour = rng.uniform(0, 255) + rng.uniform(-40, 40, size=3)
        inside = mask > 0
        picture[inside] = 0.7 * colour + 0.3 * filling[inside]
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _clouds(rng: np.random.Generator, side: int) -> npt.NDArray[np.float32]:
    total = np.zeros((side, side, 3), np.float32)
    for cells in (3, 6, 12, 24, 48, 96):
        grey, colour = rng.normal(size=(cells, cells, 1)), rng.normal(size=(cells, cells, 3))
        grid = (grey + 0.4 * colour).astype(np.float32)  # events come from the grey level alone
        fine = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
        total += np.asarray(fine, np.float32) * np.float32(cells**-0.55)
    total *= np.float32(rng.uniform(35.0, 70.0) / total.std())
    total += (rng.uniform(70.0, 185.0) + rng.uniform(-30, 30, size=3)).astype(np.float32)
    return np.clip(total, 0, 255)
