"""Objects cut out of photographs: an irregular soft mask over a recoloured, composed patch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.photometric import Image, recolour, to_grey

__all__ = [
    "MIN_CONTRAST",
    "SPRITE_SIZE",
    "Pose",
    "Sprite",
    "cut_patch",
    "make_sprite",
    "paste",
    "similar_sprite",
]

SPRITE_SIZE: Final = 96
# A patch with less contrast than this (standard deviation of luma) is sky or wall: no object.
MIN_CONTRAST: Final = 14.0


@dataclass(frozen=True)
class Sprite:
    """An object of unit size: it fills its box.

    Attributes:
        image: RGB, (96, 96, 3).
        alpha: Opacity 0..1, float32 (96, 96); touches all four sides.
    """

    image: Image
    alpha: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Where an object is: centre x, y, width, height in pixels, rotation in radians."""

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0


def cut_patch(photos: Sequence[Image], rng: np.random.Generator) -> Image:
    """Cut a textured square patch of random size from a random photograph."""
    patch: Image = np.zeros((SPRITE_SIZE, SPRITE_SIZE, 3), np.uint8)
    for _ in range(6):
        photo = photos[int(rng.integers(len(photos)))]
        height, width = photo.shape[:2]
        side = np.exp(rng.uniform(np.log(36.0), np.log(0.55 * min(height, width))))
        stretch = np.exp(rng.uniform(-0.5, 0.5))
        cut_w = max(16, min(width, int(side * stretch)))
        cut_h = max(16, min(height, int(side / stretch)))
        left = int(rng.integers(0, width - cut_w + 1))
        top = int(rng.integers(0, height - cut_h + 1))
        cut = photo[top : top + cut_h, left : left + cut_w]
        patch = np.asarray(
            cv2.resize(cut, (SPRITE_SIZE, SPRITE_SIZE), interpolation=cv2.INTER_AREA), np.uint8
        )
        if patch.std() > MIN_CONTRAST:
            break
    if rng.random() < 0.5:
        patch = np.ascontiguousarray(patch[:, ::-1])
    return patch


def _blob(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A filled outline whose radius is a random Fourier series of the angle."""
    theta = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
    radius = np.ones_like(theta)
    for k in range(2, 7):
        radius += rng.normal(0.0, 0.28 / k) * np.cos(k * theta + rng.uniform(0.0, 2.0 * np.pi))
    radius = np.maximum(radius, 0.25)
    points = np.stack([radius * np.cos(theta), radius * np.sin(theta)], axis=1)
    points -= points.min(axis=0)
    points *= (SPRITE_SIZE - 1) / points.max(axis=0)
    mask = np.zeros((SPRITE_SIZE, SPRITE_SIZE), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], (255,))
    return mask


def _figure(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A head over a body over two legs: the outline of someone standing, roughly."""
    size = SPRITE_SIZE
    mask = np.zeros((size, size), np.uint8)
    neck, waist = int(rng.uniform(0.15, 0.28) * size), int(rng.uniform(0.5, 0.65) * size)
    head = int(rng.uniform(0.14, 0.24) * size)
    middle = int(rng.uniform(0.4, 0.6) * size)
    cv2.ellipse(mask, (middle, neck // 2), (head, neck // 2 + 3), 0, 0, 360, (255,), -1)
    cv2.rectangle(mask, (0, neck), (size - 1, waist), (255,), -1)
    gap = int(rng.uniform(0.0, 0.25) * size)
    inset = int(rng.uniform(0.0, 0.2) * size)
    cv2.rectangle(mask, (inset, waist), (middle - gap // 2, size - 1), (255,), -1)
    cv2.rectangle(mask, (middle + gap // 2, waist), (size - 1 - inset, size - 1), (255,), -1)
    return mask


def _mask(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """A soft mask: blob, standing figure, or a nearly full rectangle."""
    kind = rng.random()
    if kind < 0.55:
        hard = _blob(rng)
    elif kind < 0.8:
        hard = _figure(rng)
    else:
        hard = np.full((SPRITE_SIZE, SPRITE_SIZE), 255, np.uint8)
    soft = cv2.GaussianBlur(hard, (0, 0), rng.uniform(0.6, 2.0))
    return np.asarray(soft, np.float32) / np.float32(255.0)


def make_sprite(photos: Sequence[Image], rng: np.random.Generator) -> Sprite:
    """Compose an object: one photograph patch, or two joined along a line, recoloured, masked."""
    image = cut_patch(photos, rng)
    if rng.random() < 0.7:
        image = recolour(image, rng)
    if rng.random() < 0.4:
        other = recolour(cut_patch(photos, rng), rng)
        if rng.random() < 0.3:  # a nearly plain part, as clothes and car bodies are
            other = np.asarray(cv2.GaussianBlur(other, (0, 0), 12.0), np.uint8)
        line = int(rng.uniform(0.25, 0.75) * SPRITE_SIZE)
        image = image.copy()
        if rng.random() < 0.7:
            image[line:] = other[line:]
        else:
            image[:, line:] = other[:, line:]
    return Sprite(image, _mask(rng))


def similar_sprite(sprite: Sprite, photos: Sequence[Image], rng: np.random.Generator) -> Sprite:
    """A distractor: the same outline with other contents, or the same contents changed."""
    kind = rng.random()
    if kind < 0.35:
        return Sprite(cut_patch(photos, rng), sprite.alpha)
    if kind < 0.7:
        return Sprite(recolour(sprite.image, rng), _mask(rng))
    turned = np.ascontiguousarray(np.rot90(sprite.image, int(rng.integers(1, 4))))
    changed = to_grey(turned) if rng.random() < 0.2 else turned
    return Sprite(changed, _mask(rng))


def _bend(sprite: Sprite, amount: float, rng: np.random.Generator) -> Sprite:
    """Bend a sprite smoothly: a 4 x 4 grid of displacements, `amount` in parts of its size."""
    grid = rng.normal(0.0, amount * SPRITE_SIZE, size=(4, 4, 2)).astype(np.float32)
    shift = np.asarray(cv2.resize(grid, (SPRITE_SIZE,) * 2, interpolation=cv2.INTER_CUBIC))
    base = np.arange(SPRITE_SIZE, dtype=np.float32)
    map_x = (shift[..., 0] + base[None]).astype(np.float32)
    map_y = (shift[..., 1] + base[:, None]).astype(np.float32)
    image = cv2.remap(sprite.image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    alpha = cv2.remap(sprite.alpha, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return Sprite(np.asarray(image, np.uint8), np.asarray(alpha, np.float32))


def paste(
    canvas: Image,
    sprite: Sprite,
    pose: Pose,
    bend: float = 0.0,
    rng: np.random.Generator | None = None,
) -> None:
    """Draw `sprite` at `pose` onto `canvas`, in place; parts outside the canvas are cut off.

    Args:
        canvas: RGB (H, W, 3), changed.
        sprite: What to draw.
        pose: Where; the sprite fills the box before it is turned.
        bend: Standard deviation of a smooth deformation, in parts of the sprite's size.
        rng: Needed when `bend` is positive.
    """
    if bend > 0.0 and rng is not None:
        sprite = _bend(sprite, bend, rng)
    radius = 0.5 * np.hypot(pose.width, pose.height) + 2.0
    height, width = canvas.shape[:2]
    left, right = max(0, int(pose.x - radius)), min(width, int(pose.x + radius) + 1)
    top, bottom = max(0, int(pose.y - radius)), min(height, int(pose.y + radius) + 1)
    if right - left < 2 or bottom - top < 2:
        return
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    scale_x, scale_y = pose.width / SPRITE_SIZE, pose.height / SPRITE_SIZE
    linear = np.array([[cos * scale_x, -sin * scale_y], [sin * scale_x, cos * scale_y]])
    middle = np.array([pose.x - left, pose.y - top])
    offset = middle - linear @ np.full(2, (SPRITE_SIZE - 1) / 2.0)
    forward = np.hstack([linear, offset[:, None]])
    size = (right - left, bottom - top)
    image = cv2.warpAffine(sprite.image, forward, size, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(sprite.alpha, forward, size, borderMode=cv2.BORDER_CONSTANT)
    region = canvas[top:bottom, left:right]
    canvas[top:bottom, left:right] = cv2.blendLinear(
        np.asarray(image, np.uint8),
        np.ascontiguousarray(region),
        np.asarray(alpha, np.float32),
        np.asarray(1.0 - np.asarray(alpha), np.float32),
    )
