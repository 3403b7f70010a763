"""Invented training examples of SpikeTrack: template crops, search crops, and the exact boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import photos
import torch
from torch.utils.data import IterableDataset

from nmcompile.datasets.photometric import Image
from nmcompile.datasets.sprites import (
    MIN_CONTRAST,
    Pose,
    Sprite,
    make_sprite,
    paste,
    similar_sprite,
)
from nmcompile.datasets.synthetic import PairRenderer, View, collage, look, random_view
from nmcompile.trackers.spiketrack.params import CROP_FACTOR
from training.pairs import CALIBRATION_CROPS, CALIBRATION_LICENCES

COLLAGES: Final = 48
CAMERA: Final = 0.25
"""Share of examples whose target is a region of a photograph, without an outline."""
DETAIL: Final = 0.5
"""Objects have half the pixels of those that the renderer was made for: so has all the rest."""
OTHERS: Final = (0.3, 0.8)
"""Share of template and search crops with one to three other objects beside the target.

Where there is none, whatever has an outline is the target, and a template teaches nothing.
"""
STOCK: Final = 200
"""Other objects kept ready."""
SIMILAR: Final = 0.4
"""Share of these that look like the target."""
SCALE: Final = 0.45
"""A search crop shows the target larger or smaller by up to exp of this."""
REACH: Final = 0.3
"""How far the target is from the middle of the search crop, per axis, in parts of the crop.

Everywhere alike: where most targets are near the middle, a network learns to answer the middle.
"""

LATER: Final = (0.03, 0.06)
"""Templates after the first are off the middle by this (standard deviation, parts of the crop),
and larger or smaller by exp of that: a tracker took them."""
REPEATED: Final = 0.25
"""Share of shots with the first template in all steps, as when a tracker starts."""

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
Offset = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shot:
    """One target.

    Attributes:
        templates: RGB crops (T, R, R, 3), the target in their middle.
        searches: RGB crops (K, R, R, 3).
        boxes: of the target in the search crops (K, 4): centre, width, height in parts of the crop.
        outlined: whether the target has an outline, so that its aspect can be seen.
    """

    templates: npt.NDArray[np.uint8]
    searches: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    outlined: bool


class ShotRenderer(PairRenderer):
    """Renders crops four times as large as their target, as SpikeTrack takes them.

    Args:
        pictures: RGB photographs, 192 pixels at least; views are of half the size.
        size: R. templates: T.
        searches: search crops per target.
    """

    def __init__(self, pictures: Sequence[Image], size: int, templates: int, searches: int) -> None:
        super().__init__([_smaller(p) for p in pictures], size, size)
        self.size, self.templates, self.searches = size, templates, searches
        self._stock: list[Sprite] = []

    def shot(self, rng: np.random.Generator) -> Shot:
        """Render one target."""
        places = [(np.zeros(2), 1.0), *(self._later(rng) for _ in range(1, self.templates))]
        places += [self._place(rng) for _ in range(self.searches)]
        camera = rng.random() < CAMERA
        frames, boxes = (self._regions if camera else self._objects)(places, rng)
        taken = np.stack([_edged(f, rng) for f in self._film(frames, rng, DETAIL)])
        if self.templates > 1 and rng.random() < REPEATED:
            taken[1 : self.templates] = taken[0]
        middle = (self.size - 1) / 2
        boxes[:, :2] += middle + 0.5
        return Shot(
            taken[: self.templates],
            taken[self.templates :],
            (boxes[self.templates :] / self.size).astype(np.float32),
            not camera,
        )

    def _place(self, rng: np.random.Generator) -> tuple[Offset, float]:
        reach = self.size * REACH
        return rng.uniform(-reach, reach, 2), float(np.exp(rng.uniform(-SCALE, SCALE)))

    def _later(self, rng: np.random.Generator) -> tuple[Offset, float]:
        away, grown = LATER
        return rng.normal(0, away * self.size, 2), float(np.exp(rng.normal(0, grown)))

    def _object_size(self, rng: np.random.Generator) -> tuple[float, float]:
        stretch = float(np.exp(rng.uniform(-0.6, 0.6)))  # square root of the aspect ratio
        side = self.size / CROP_FACTOR
        return side * stretch, side / stretch

    def _regions(
        self, places: Sequence[tuple[Offset, float]], rng: np.random.Generator
    ) -> tuple[list[Image], npt.NDArray[np.float64]]:
        """Views of one photograph; the target moves with all around it."""
        size, edge = (self.size,) * 2, self.size * 3 // 8
        seen = -1.0
        for _ in range(8):
            tried = self.photos[int(rng.integers(len(self.photos)))]
            looked = random_view(tried, rng)
            contrast = float(look(tried, looked, size)[edge:-edge, edge:-edge].std())
            if contrast > seen:
                photo, view, seen = tried, looked, contrast
            if seen > MIN_CONTRAST:
                break
        frames, boxes = [], []
        for number, (offset, scale) in enumerate(places):
            turn, zoom = (rng.normal(0, 0.12), rng.normal(0, 0.04)) if number else (0.0, 0.0)
            scale *= float(np.exp(zoom))
            turned = View(view.x, view.y, view.zoom * scale, view.angle + turn)
            back = np.linalg.inv(turned.matrix((2, 2))[:, :2]) @ offset
            shown = View(turned.x - back[0], turned.y - back[1], turned.zoom, turned.angle)
            frames.append(np.ascontiguousarray(look(photo, shown, size)))
            side = self.size / CROP_FACTOR * scale
            boxes.append([*offset, side, side])
        return frames, np.array(boxes)

    def _objects(
        self, places: Sequence[tuple[Offset, float]], rng: np.random.Generator
    ) -> tuple[list[Image], npt.NDArray[np.float64]]:
        """Views of a pasted object that moves independently of what is behind it."""
        sprite, (width, height) = make_sprite(self.photos, rng), self._object_size(rng)
        photo = self.photos[int(rng.integers(len(self.photos)))]
        view = random_view(photo, rng)
        middle, frames, boxes = (self.size - 1) / 2, [], []
        for number, (offset, scale) in enumerate(places):
            if number and rng.random() < 0.25:
                photo = self.photos[int(rng.integers(len(self.photos)))]
                view = random_view(photo, rng)
            zoomed = View(view.x, view.y, view.zoom * scale, view.angle)
            moved = zoomed.moved(rng, 15.0, 0.05, 0.05) if number else zoomed
            frame = np.ascontiguousarray(look(photo, moved, (self.size,) * 2))
            grown = scale * np.exp(rng.normal(0, [0.08, 0.08])) if number else np.ones(2) * scale
            angle = rng.normal(0, 0.1) if number else 0.0
            x, y = middle + offset
            pose = Pose(x, y, float(width * grown[0]), float(height * grown[1]), angle)
            if rng.random() < OTHERS[number >= self.templates]:
                self._beside(frame, sprite, pose, scale, rng)
            paste(frame, sprite, pose, bend=abs(rng.normal(0, 0.02)) if number else 0.0, rng=rng)
            if number >= self.templates and rng.random() < 0.15:
                self._occlude(frame, pose, rng)
            frames.append(frame)
            boxes.append([*offset, pose.width, pose.height])
        return frames, np.array(boxes)

    def _beside(
        self, frame: Image, sprite: Sprite, pose: Pose, scale: float, rng: np.random.Generator
    ) -> None:
        """Put one to three other objects into a crop, clear of the target."""
        clear = self.size / CROP_FACTOR
        for _ in range(int(rng.integers(1, 4))):
            x, y = rng.uniform(0, self.size, 2)
            if max(abs(x - pose.x), abs(y - pose.y)) < clear:
                continue
            width, height = self._object_size(rng)
            other = Pose(x, y, width * scale, height * scale, rng.normal(0, 0.2))
            alike = rng.random() < SIMILAR
            shown = similar_sprite(sprite, self.photos, rng) if alike else self._other(rng)
            paste(frame, shown, other)

    def _other(self, rng: np.random.Generator) -> Sprite:
        """An object from a stock: a new one takes the time of a whole crop."""
        if len(self._stock) < STOCK:
            self._stock.append(make_sprite(self.photos, rng))
        elif rng.random() < 0.1:
            self._stock[int(rng.integers(STOCK))] = make_sprite(self.photos, rng)
        return self._stock[int(rng.integers(len(self._stock)))]


def _smaller(picture: Image) -> Image:
    """The picture at `DETAIL` of its size."""
    small = cv2.resize(picture, None, fx=DETAIL, fy=DETAIL, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _edged(image: Image, rng: np.random.Generator) -> Image:
    """Now and then a black band at one side, as a crop at the frame's border shows."""
    if rng.random() < 0.9:
        return image
    image = image.copy()
    band = int(rng.uniform(0.05, 0.3) * len(image))
    side = int(rng.integers(4))
    np.rot90(image, side)[:band] = 0
    return image


class Shots(IterableDataset[Batch]):
    """Endless batches of shots, one stream per worker.

    Args:
        seed: of everything random. count: targets per batch. size: R. templates: T.
        searches: search crops per target. fetched: folder of the fetched pictures, or None.
    """

    def __init__(
        self,
        seed: int,
        count: int,
        size: int,
        templates: int,
        searches: int,
        fetched: Path | None,
    ) -> None:
        self.seed, self.count, self.fetched = seed, count, fetched
        self.size, self.templates, self.searches = size, templates, searches

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng((self.seed, info.id if info else 0))
        pictures = photos.flat(photos.TRAINING, self.fetched)
        scenes = [collage(pictures, rng) for _ in range(COLLAGES)]
        # as many views of photographs as of collages, or more
        pictures = pictures * max(1, round(COLLAGES / len(pictures))) + scenes
        renderer = ShotRenderer(pictures, self.size, self.templates, self.searches)
        while True:
            yield batch(renderer, rng, self.count)


def batch(renderer: ShotRenderer, rng: np.random.Generator, count: int) -> Batch:
    """Templates (T, N, 3, R, R) and searches (K, N, 3, R, R) uint8, boxes (K, N, 4), outlined (N,).

    Search crop k of target n belongs to template n.
    """
    shots = [renderer.shot(rng) for _ in range(count)]
    templates = torch.from_numpy(np.stack([s.templates for s in shots], 1))
    searches = torch.from_numpy(np.stack([s.searches for s in shots], 1))
    boxes = torch.from_numpy(np.stack([s.boxes for s in shots], 1))
    outlined = torch.tensor([s.outlined for s in shots])
    return templates.movedim(-1, 2), searches.movedim(-1, 2), boxes, outlined


def held_out(count: int, size: int, templates: int) -> Batch:
    """Shots from photographs that training never sees, always the same."""
    renderer = ShotRenderer(photos.flat(photos.HELD_OUT), size, templates, 1)
    return batch(renderer, np.random.default_rng(1), count)


def calibration(size: int) -> torch.Tensor:
    """Search crops (N, 3, R, R) uint8 that may be passed on: from photographs free to copy."""
    free = [p for p in photos.INSTALLED if p.licence.startswith(CALIBRATION_LICENCES)]
    renderer = ShotRenderer(photos.flat(free), size, 1, 1)
    return batch(renderer, np.random.default_rng(2), CALIBRATION_CROPS)[1][0]
