"""Synthetic tracking data from a few photographs: training pairs and whole sequences.

An object (a patch with an irregular soft mask) moves over another photograph, with distractors,
occluders and the photometric changes of a cheap camera. Photographs are arguments: this module
brings none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.photometric import (
    Image,
    add_noise,
    compress,
    down_and_up,
    illuminate,
    motion_blur,
    noise_field,
    recolour,
    to_grey,
)
from nmcompile.datasets.sprites import (
    MIN_CONTRAST,
    Pose,
    Sprite,
    make_sprite,
    paste,
    similar_sprite,
)

__all__ = ["Pair", "PairRenderer", "View", "collage", "look", "random_view"]


@dataclass(frozen=True)
class Pair:
    """One training example.

    Attributes:
        exemplar: RGB crop, (127, 127, 3), the object in its middle.
        search: RGB crop, (255, 255, 3).
        offset: Position of the object's centre from the search crop's middle: x, y in pixels.
        size: Width and height of the object in the search crop, pixels; None where it is a part
            of a photograph, without an outline.
    """

    exemplar: Image
    search: Image
    offset: tuple[float, float]
    size: tuple[float, float] | None


@dataclass(frozen=True)
class View:
    """How a canvas looks at a photograph: point shown in the middle, zoom, rotation."""

    x: float
    y: float
    zoom: float
    angle: float

    def matrix(self, size: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Photograph -> canvas of (width, height) `size`, as OpenCV's 2 x 3 matrix."""
        cos, sin = self.zoom * np.cos(self.angle), self.zoom * np.sin(self.angle)
        linear = np.array([[cos, -sin], [sin, cos]])
        offset = (np.array(size) - 1) / 2.0 - linear @ np.array([self.x, self.y])
        return np.hstack([linear, offset[:, None]])

    def moved(self, rng: np.random.Generator, shift: float, turn: float, zoom: float) -> View:
        """The view after a random move: shift in canvas pixels, turn in radians, log zoom."""
        dx, dy = rng.normal(0.0, shift, size=2) / self.zoom
        return View(
            self.x + dx,
            self.y + dy,
            self.zoom * float(np.exp(rng.normal(0.0, zoom))),
            self.angle + rng.normal(0.0, turn),
        )


def look(photo: Image, view: View, size: tuple[int, int]) -> Image:
    """Show a photograph through a view; it is mirrored at its borders."""
    return np.asarray(
        cv2.warpAffine(
            photo,
            view.matrix(size),
            size,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        ),
        np.uint8,
    )


def random_view(photo: Image, rng: np.random.Generator) -> View:
    """A random place, zoom and slight turn."""
    height, width = photo.shape[:2]
    return View(
        rng.uniform(0.15, 0.85) * width,
        rng.uniform(0.15, 0.85) * height,
        float(np.exp(rng.uniform(np.log(0.55), np.log(2.2)))),
        rng.normal(0.0, 0.15),
    )


def collage(
    photos: Sequence[Image], rng: np.random.Generator, size: tuple[int, int] = (480, 400)
) -> Image:
    """A cluttered picture: many recoloured objects over a photograph ("dead leaves")."""
    photo = photos[int(rng.integers(len(photos)))]
    canvas = recolour(look(photo, random_view(photo, rng), size), rng)
    for _ in range(int(rng.integers(10, 60))):
        side = float(np.exp(rng.uniform(np.log(16.0), np.log(170.0))))
        stretch = float(np.exp(rng.normal(0.0, 0.4)))
        pose = Pose(
            rng.uniform(0, size[0]),
            rng.uniform(0, size[1]),
            side * stretch,
            side / stretch,
            rng.uniform(-0.6, 0.6),
        )
        paste(canvas, make_sprite(photos, rng), pose)
    return canvas


class PairRenderer:
    """Renders exemplar and search crops as two frames of an invented video.

    Args:
        photos: RGB photographs, uint8, at least 96 pixels on each side.
        exemplar_size: Side of the exemplar crop, pixels.
        search_size: Side of the search crop, pixels.
        max_shift: Largest displacement of the object in the search crop, pixels per axis.
        scale_spread: Standard deviation of how an object's size and shape change, log.
    """

    def __init__(
        self,
        photos: Sequence[Image],
        exemplar_size: int = 127,
        search_size: int = 255,
        max_shift: float = 48.0,
        scale_spread: float = 0.05,
    ) -> None:
        self.photos = tuple(photos)
        self.exemplar_size = exemplar_size
        self.search_size = search_size
        self.max_shift = max_shift
        self.scale_spread = scale_spread
        self._noise = noise_field(512, np.random.default_rng(0))

    def render(self, rng: np.random.Generator) -> Pair:
        """Render one pair."""
        offset = rng.uniform(-self.max_shift, self.max_shift, size=2)
        size = None
        if rng.random() < 0.3:
            frames = self._camera_frames(rng, offset)
        else:
            frames, pose = self._object_frames(rng, offset)
            size = _extent(pose)
        exemplar, search = self._film(frames, rng)
        return Pair(exemplar, search, (float(offset[0]), float(offset[1])), size)

    def _object_size(self, rng: np.random.Generator) -> tuple[float, float]:
        """Width and height whose context region (half the mean side around) is the exemplar."""
        stretch = float(np.exp(rng.uniform(-0.6, 0.6)))  # square root of the aspect ratio
        mean = (stretch + 1.0 / stretch) / 2.0
        side = self.exemplar_size / np.sqrt(1.0 + 3.0 * mean * mean)
        return float(side * stretch), float(side / stretch)

    def _camera_frames(
        self, rng: np.random.Generator, offset: npt.NDArray[np.float64]
    ) -> tuple[Image, Image]:
        """The object is a region of a photograph; object and surroundings move together."""
        for _ in range(4):
            photo = self.photos[int(rng.integers(len(self.photos)))]
            view = random_view(photo, rng)
            exemplar = look(photo, view, (self.exemplar_size,) * 2)
            if exemplar[32:-32, 32:-32].std() > MIN_CONTRAST:  # not just sky
                break
        turned = view.moved(rng, 0.0, 0.12, 0.06)
        # The photograph's point in the exemplar's middle has to appear at `offset`.
        back = np.linalg.inv(turned.matrix((2, 2))[:, :2]) @ offset
        shifted = View(turned.x - back[0], turned.y - back[1], turned.zoom, turned.angle)
        search = look(photo, shifted, (self.search_size,) * 2)
        if rng.random() < 0.5:
            changed = recolour(np.vstack([_pad(exemplar, self.search_size), search]), rng)
            exemplar = changed[: self.exemplar_size, : self.exemplar_size]
            search = changed[self.exemplar_size :]
        return np.ascontiguousarray(exemplar), np.ascontiguousarray(search)

    def _object_frames(
        self, rng: np.random.Generator, offset: npt.NDArray[np.float64]
    ) -> tuple[tuple[Image, Image], Pose]:
        """The object is pasted and moves independently of what is behind it; its last pose."""
        sprite = make_sprite(self.photos, rng)
        photo = self.photos[int(rng.integers(len(self.photos)))]
        view = random_view(photo, rng)
        exemplar = look(photo, view, (self.exemplar_size,) * 2)
        if rng.random() < 0.25:
            photo = self.photos[int(rng.integers(len(self.photos)))]
            view = random_view(photo, rng)
        search = look(photo, view.moved(rng, 30.0, 0.05, 0.05), (self.search_size,) * 2)
        if rng.random() < 0.4:  # at most one frame of clutter: objects on both sides of the target
            self._distract(search, sprite, offset, rng)
        width, height = self._object_size(rng)
        middle = (self.exemplar_size - 1) / 2.0
        paste(exemplar, sprite, Pose(middle, middle, width, height))
        scale, stretch = np.exp(rng.normal(0.0, self.scale_spread, size=2))
        middle = (self.search_size - 1) / 2.0
        pose = Pose(
            middle + offset[0],
            middle + offset[1],
            float(width * scale * stretch),
            float(height * scale / stretch),
            rng.normal(0.0, 0.12),
        )
        paste(search, sprite, pose, bend=abs(rng.normal(0.0, 0.025)), rng=rng)
        if rng.random() < 0.2:
            self._occlude(search, pose, rng)
        return (exemplar, search), pose

    def _distract(
        self,
        search: Image,
        sprite: Sprite,
        offset: npt.NDArray[np.float64],
        rng: np.random.Generator,
    ) -> None:
        """Put one to three similar objects into the search crop, clear of the target."""
        middle = (self.search_size - 1) / 2.0
        for _ in range(int(rng.integers(1, 4))):
            place = rng.uniform(0.0, self.search_size, size=2)
            if np.abs(place - middle - offset).max() < 45.0:
                continue
            width, height = self._object_size(rng)
            pose = Pose(place[0], place[1], width, height, rng.normal(0.0, 0.2))
            paste(search, similar_sprite(sprite, self.photos, rng), pose)

    def _occlude(self, search: Image, pose: Pose, rng: np.random.Generator) -> None:
        """Cover a side of the object, at most two fifths of it."""
        angle = rng.uniform(0.0, 2.0 * np.pi)
        size = rng.uniform(0.5, 1.0) * max(pose.width, pose.height)
        distance = 0.5 * size + rng.uniform(0.1, 0.5) * min(pose.width, pose.height)
        place = Pose(
            pose.x + distance * np.cos(angle), pose.y + distance * np.sin(angle), size, size, angle
        )
        paste(search, make_sprite(self.photos, rng), place)

    def _film(
        self, frames: Sequence[Image], rng: np.random.Generator, scale: float = 1.0
    ) -> tuple[Image, ...]:
        """Take all frames with the same cheap camera under changing light.

        Frames that show things `scale` as large get as much less blur.
        """
        grey = rng.random() < 0.2
        blur = 1.0 + scale * rng.uniform(0.0, 3.0) if rng.random() < 0.5 else 1.0
        sigma = rng.uniform(1.0, 12.0) if rng.random() < 0.4 else 0.0
        quality = int(rng.integers(25, 90)) if rng.random() < 0.3 else 0
        base = rng.integers(1 << 32)
        taken = []
        for index, frame in enumerate(frames):
            image = illuminate(frame, np.random.default_rng(base), 1.0)  # the scene's own light
            image = illuminate(image, rng, 0.5)
            if index and rng.random() < 0.2:
                length = max(2, round(scale * int(rng.integers(3, 12))))
                image = motion_blur(image, length, rng.uniform(0.0, np.pi))
            if blur > 1.1:
                image = down_and_up(image, blur)
            if sigma:
                image = add_noise(image, self._noise, sigma, rng)
            if quality:
                image = compress(image, quality)
            if grey:
                image = to_grey(image)
            if rng.random() < 0.12:
                image = _border(image, rng)
            taken.append(image)
        return tuple(taken)


def _extent(pose: Pose) -> tuple[float, float]:
    """Width and height of an oval of that pose: most outlines are rounder than their box."""
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    return (
        float(np.hypot(pose.width * cos, pose.height * sin)),
        float(np.hypot(pose.width * sin, pose.height * cos)),
    )


def _pad(image: Image, width: int) -> Image:
    """The image with black to its right."""
    padded = np.zeros((image.shape[0], width, 3), np.uint8)
    padded[:, : image.shape[1]] = image
    return padded


def _border(image: Image, rng: np.random.Generator) -> Image:
    """Fill a band at one side with the mean colour, as a crop at the frame's border shows."""
    image = image.copy()
    side = image.shape[0]
    band = int(rng.uniform(0.05, 0.27) * side)
    mean = image.mean(axis=(0, 1))
    edge = int(rng.integers(4))
    if edge == 0:
        image[:band] = mean
    elif edge == 1:
        image[side - band :] = mean
    elif edge == 2:
        image[:, :band] = mean
    else:
        image[:, side - band :] = mean
    return image
