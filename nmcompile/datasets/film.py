"""Whole synthetic sequences with true boxes: one object through one scene, filmed smoothly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.photometric import (
    Image,
    add_noise,
    compress,
    illuminate,
    motion_blur,
    noise_field,
)
from nmcompile.datasets.sprites import Pose, Sprite, make_sprite, paste, similar_sprite
from nmcompile.datasets.synthetic import View, look

__all__ = ["FilmOptions", "render_film"]

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FilmOptions:
    """What is filmed and how.

    Attributes:
        frames: Number of frames.
        width: Frame width, pixels.
        height: Frame height, pixels.
        object_size: Mean side of the object, pixels.
        speed: Typical path length of the object per frame, pixels.
        growth: Standard deviation of the log size over the sequence.
        turn: Standard deviation of the object's rotation, radians.
        distractors: Similar objects in the scene.
        occluders: Other objects that pass in front.
        noise: Standard deviation of the camera's noise, grey levels.
        quality: JPEG quality of the camera, 0 for none.
        pan: Standard deviation of the camera's position over the sequence, pixels.
    """

    frames: int = 60
    width: int = 320
    height: int = 240
    object_size: float = 44.0
    speed: float = 3.5
    growth: float = 0.2
    turn: float = 0.1
    distractors: int = 2
    occluders: int = 1
    noise: float = 3.0
    quality: int = 75
    pan: float = 8.0


def _smooth(rng: np.random.Generator, frames: int, knots: int) -> Curve:
    """A smooth random curve of unit scale: a cosine series of `knots` terms."""
    time = np.linspace(0.0, 1.0, frames)
    terms = np.arange(1, knots + 1)
    amplitude = rng.normal(0.0, 1.0, size=knots) / terms
    phase = rng.uniform(0.0, 2.0 * np.pi, size=knots)
    curve: Curve = (amplitude * np.cos(np.pi * terms * time[:, None] + phase)).sum(axis=1)
    return curve


def _path(rng: np.random.Generator, options: FilmOptions, speed: float) -> Curve:
    """Centres (frames, 2) of a smooth path that stays inside the frame and has a given speed."""
    middle = np.array([options.width, options.height]) / 2.0
    room = middle - 0.75 * options.object_size
    curve = np.stack([_smooth(rng, options.frames, 5) for _ in range(2)], axis=1)
    curve = curve - (curve.max(axis=0) + curve.min(axis=0)) / 2.0
    length = np.hypot(*np.diff(curve, axis=0).T).mean()
    curve = curve * min(speed / length, float((room / np.abs(curve).max(axis=0)).min()))
    slack = room - np.abs(curve).max(axis=0)
    path: Curve = middle + curve + rng.uniform(-1.0, 1.0, size=2) * slack
    return path


@dataclass(frozen=True)
class _Actor:
    """An object with a pose for every frame."""

    sprite: Sprite
    poses: tuple[Pose, ...]


def _actor(sprite: Sprite, rng: np.random.Generator, options: FilmOptions, speed: float) -> _Actor:
    path = _path(rng, options, speed)
    size = options.object_size * np.exp(options.growth * _smooth(rng, options.frames, 2))
    stretch = np.exp(rng.uniform(-0.35, 0.35))
    angle = options.turn * _smooth(rng, options.frames, 3)
    return _Actor(
        sprite,
        tuple(
            Pose(float(x), float(y), float(s * stretch), float(s / stretch), float(a))
            for (x, y), s, a in zip(path, size, angle, strict=True)
        ),
    )


def render_film(
    photos: Sequence[Image],
    background: Image,
    rng: np.random.Generator,
    options: FilmOptions,
    sprite: Sprite | None = None,
) -> Iterator[tuple[Image, tuple[float, float, float, float]]]:
    """Render a sequence.

    Args:
        photos: RGB photographs to cut objects from.
        background: RGB photograph in front of which they move; the camera pans over it slowly.
        rng: Source of all choices.
        options: Length, sizes, speeds.
        sprite: The object; by default one is cut from `photos`.

    Yields:
        Frame, RGB uint8 (height, width, 3), and the object's box x, y, w, h counted from 0.
    """
    target = _actor(sprite or make_sprite(photos, rng), rng, options, options.speed)
    others = [
        _actor(similar_sprite(target.sprite, photos, rng), rng, options, options.speed)
        for _ in range(options.distractors)
    ]
    in_front = [
        _actor(make_sprite(photos, rng), rng, options, 1.5 * options.speed)
        for _ in range(options.occluders)
    ]
    height, width = background.shape[:2]
    zoom = 1.15 * max(options.width / width, options.height / height)
    pan = np.stack([_smooth(rng, options.frames, 2) for _ in range(2)], axis=1) * options.pan / zoom
    light = rng.integers(1 << 32)
    field = noise_field(max(options.width, options.height) + 64, rng)
    before = target.poses[0]
    for number, pose in enumerate(target.poses):
        view = View(width / 2.0 + pan[number, 0], height / 2.0 + pan[number, 1], zoom, 0.0)
        frame = look(background, view, (options.width, options.height))
        for actor in others:
            paste(frame, actor.sprite, actor.poses[number])
        paste(frame, target.sprite, pose)
        for actor in in_front:
            small = actor.poses[number]
            paste(frame, actor.sprite, Pose(small.x, small.y, 0.5 * small.width, small.height))
        frame = illuminate(frame, np.random.default_rng(light), 0.4)
        moved = np.hypot(pose.x - before.x, pose.y - before.y)
        if moved > 5.0:
            angle = float(np.arctan2(pose.y - before.y, pose.x - before.x))
            frame = motion_blur(frame, 3, angle)
        before = pose
        if options.noise:
            frame = add_noise(frame, field, options.noise, rng)
        if options.quality:
            frame = compress(frame, options.quality)
        yield frame, _bounds(target.sprite, pose)


def _bounds(sprite: Sprite, pose: Pose) -> tuple[float, float, float, float]:
    """Axis-aligned bounds of the visible part of a turned sprite."""
    rows, columns = np.nonzero(sprite.alpha > 0.5)
    side = sprite.alpha.shape[0] - 1
    points = np.stack([columns / side - 0.5, rows / side - 0.5]) * [[pose.width], [pose.height]]
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    turned = np.array([[cos, -sin], [sin, cos]]) @ points
    low, high = turned.min(axis=1), turned.max(axis=1)
    return (
        float(pose.x + low[0]),
        float(pose.y + low[1]),
        float(high[0] - low[0]),
        float(high[1] - low[1]),
    )
