"""Pictures of a track: annotated frames, a strip of them, a video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float64]

FOUND: Final = (255, 196, 0)
TRUTH: Final = (0, 200, 120)
_STRIP_HEIGHT: Final = 180
_FPS: Final = 15


def annotate(image: Image, found: Box, truth: Box | None, label: str) -> Image:
    """A copy of an RGB frame with the found box, the true box (thin) and a label."""
    picture = np.ascontiguousarray(image)
    if picture is image:
        picture = image.copy()
    if truth is not None and np.isfinite(truth).all():
        _rectangle(picture, truth, TRUTH, 1)
    _rectangle(picture, found, FOUND, 2)
    cv2.putText(picture, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, label, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255,) * 3, 1, cv2.LINE_AA)
    return picture


def strip(pictures: Sequence[Image], count: int = 6) -> Image:
    """`count` evenly spaced pictures side by side, of one height."""
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, count).astype(int)]
    scaled = []
    for picture in chosen:
        width = round(picture.shape[1] * _STRIP_HEIGHT / picture.shape[0])
        scaled.append(cv2.resize(picture, (width, _STRIP_HEIGHT), interpolation=cv2.INTER_AREA))
    return np.asarray(np.concatenate(scaled, axis=1), np.uint8)


def write_png(path: Path, picture: Image) -> None:
    """Write an RGB picture."""
    cv2.imwrite(str(path), picture[..., ::-1])


def jpeg_bytes(picture: Image, quality: int = 80) -> bytes:
    """An RGB picture as JPEG."""
    _, encoded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return bytes(encoded.tobytes())


def write_video(path: Path, pictures: Iterable[Image]) -> None:
    """Write an H.264 video with the encoder that imageio-ffmpeg brings; sides become even."""
    import imageio_ffmpeg

    writer = None
    for picture in pictures:
        even = np.ascontiguousarray(
            picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
        )
        if writer is None:
            size = (even.shape[1], even.shape[0])
            writer = imageio_ffmpeg.write_frames(
                str(path), size, fps=_FPS, macro_block_size=2, quality=6
            )
            writer.send(None)
        writer.send(even.tobytes())
    if writer is not None:
        writer.close()


def _rectangle(picture: Image, box: Box, colour: tuple[int, int, int], width: int) -> None:
    x, y, w, h = (round(float(v)) for v in box)
    cv2.rectangle(picture, (x, y), (x + w, y + h), colour, width, cv2.LINE_AA)
