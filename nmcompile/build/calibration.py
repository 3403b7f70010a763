"""Calibration data for a build: a folder of images, the checkpoint's own, or synthetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.passes.context import Calibration

SYNTHETIC = "synthetic"
SYNTHETIC_COUNT = 4
SEED = 7
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp"}


def choose(
    option: str | None, stored: Calibration | None, size: tuple[int, int]
) -> Calibration | None:
    """The calibration that a build uses.

    Args:
        option: the user's `--calibrate`: a folder, "synthetic", or None.
        stored: what the checkpoint carries.
        size: (height, width) of the network's frame input.

    Raises:
        NmError: NM0525 when the folder has no readable images.
    """
    if option == SYNTHETIC:
        return Calibration(SYNTHETIC, synthetic_images(size))
    if option is not None:
        return Calibration(Path(option).name, folder_images(Path(option), size))
    return stored


def folder_images(folder: Path, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Every image of `folder` in name order, resized: uint8 RGB `(N, H, W, 3)`."""
    import cv2

    paths = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    images = [cv2.imread(str(p), cv2.IMREAD_COLOR) for p in paths]
    readable = [cv2.resize(i[..., ::-1], size[::-1]) for i in images if i is not None]
    if not readable:
        raise NmError(
            Diagnostic(
                code="NM0525",
                message="the calibration folder has no readable images",
                where=str(folder),
                found=f"{len(paths)} files that end in {', '.join(sorted(SUFFIXES))}",
                help=("give crops of the size that the network sees",),
            )
        )
    return np.stack(readable).astype(np.uint8)


def synthetic_images(size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Seeded images with the 1/f spectrum of photographs; a stopgap, marked in the report."""
    rng = np.random.default_rng(SEED)
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None])
    amplitude = 1.0 / np.maximum(frequency, 1.0 / max(size))
    made = []
    for _ in range(SYNTHETIC_COUNT):
        noise = np.fft.fft2(rng.standard_normal((3, *size)))
        pixels = np.fft.ifft2(noise * amplitude).real
        pixels = (pixels - pixels.mean()) / pixels.std() * 50 + 128
        made.append(np.clip(np.rint(pixels), 0, 255).astype(np.uint8).transpose(1, 2, 0))
    return np.stack(made)
