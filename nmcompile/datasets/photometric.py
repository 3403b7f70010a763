"""What a camera does to a picture: colour, light, blur, noise and compression, seeded."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

__all__ = [
    "Image",
    "add_noise",
    "compress",
    "down_and_up",
    "illuminate",
    "motion_blur",
    "noise_field",
    "recolour",
    "to_grey",
]

Image = npt.NDArray[np.uint8]


def to_grey(image: Image) -> Image:
    """Luma of an RGB image, repeated in three channels."""
    return _u8(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def recolour(image: Image, rng: np.random.Generator) -> Image:
    """Give an RGB image other colours: channel order, gains, offsets, now and then a negative.

    A handful of photographs holds few colours; this makes the learnt features rely on structure
    and on relative colour.
    """
    matrix = np.eye(3)[rng.permutation(3) if rng.random() < 0.4 else np.arange(3)]
    mix = rng.uniform(0.0, 0.35) if rng.random() < 0.4 else 0.0
    matrix = (1.0 - mix) * matrix + mix / 3.0
    gain = rng.uniform(0.6, 1.4, size=3)
    offset = rng.uniform(-35.0, 35.0, size=3) + 127.5 * (1.0 - gain)
    if rng.random() < 0.15:
        gain, offset = -gain, 255.0 - offset
    affine = np.hstack([matrix * gain[:, None], offset[:, None]])
    return _u8(cv2.transform(image, affine))


def illuminate(image: Image, rng: np.random.Generator, strength: float) -> Image:
    """Change exposure, gamma and white balance, and sometimes lay a linear shade over the image.

    Args:
        image: RGB.
        rng: Source of the choices.
        strength: 0 changes nothing, 1 is a change that a viewer calls strong.
    """
    ramp = np.linspace(0.0, 1.0, 256)
    gamma = float(np.exp(rng.normal(0.0, 0.25 * strength)))
    gains = np.exp(rng.normal(0.0, 0.12 * strength) + rng.normal(0.0, 0.05 * strength, size=3))
    table = 255.0 * ramp[:, None] ** gamma * gains + rng.normal(0.0, 12.0 * strength)
    lit = _u8(cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8)[None]))
    if rng.random() < 0.25 * strength:
        height, width = image.shape[:2]
        slope = rng.uniform(-0.4, 0.4, size=2)
        shade = 1.0 + slope[0] * np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        shade = shade + (slope[1] * np.linspace(-1, 1, width, dtype=np.float32))[None]
        factors = cv2.merge([shade.astype(np.float32)] * 3)
        lit = _u8(cv2.multiply(lit, factors, dtype=cv2.CV_8U))
    return lit


def down_and_up(image: Image, factor: float) -> Image:
    """Lose detail: shrink by `factor` and stretch back, as a small object in a crop looks."""
    height, width = image.shape[:2]
    small = (max(2, round(width / factor)), max(2, round(height / factor)))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return _u8(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_LINEAR))


def motion_blur(image: Image, length: int, angle: float) -> Image:
    """Average along a line of `length` pixels in direction `angle` (radians)."""
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2.0
    dx, dy = middle * np.cos(angle), middle * np.sin(angle)
    start = (round(middle - dx), round(middle - dy))
    end = (round(middle + dx), round(middle + dy))
    cv2.line(kernel, start, end, (1.0,))
    return _u8(cv2.filter2D(image, -1, kernel / kernel.sum()))


def noise_field(side: int, rng: np.random.Generator) -> npt.NDArray[np.int16]:
    """Gaussian noise of unit standard deviation x 32, (side, side, 3): drawn once, cut often."""
    field: npt.NDArray[np.int16] = np.round(rng.normal(0.0, 32.0, (side, side, 3))).astype(np.int16)
    return field


def add_noise(
    image: Image, field: npt.NDArray[np.int16], sigma: float, rng: np.random.Generator
) -> Image:
    """Add a random cut of `field`, scaled to standard deviation `sigma` grey levels."""
    height, width = image.shape[:2]
    top = int(rng.integers(0, field.shape[0] - height + 1))
    left = int(rng.integers(0, field.shape[1] - width + 1))
    cut = field[top : top + height, left : left + width]
    return _u8(cv2.addWeighted(image.astype(np.int16), 1.0, cut, sigma / 32.0, 0.0))


def compress(image: Image, quality: int) -> Image:
    """Encode and decode as JPEG of the given quality."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _u8(cv2.imdecode(data, cv2.IMREAD_COLOR))


def _u8(image: cv2.typing.MatLike) -> Image:
    """Clip to uint8; OpenCV's type stubs know no element types."""
    return np.asarray(image if image.dtype == np.uint8 else np.clip(image, 0, 255), np.uint8)
