"""Where the frames of a sequence come from: a folder of pictures or a video file, read lazily."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, overload

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["IMAGE_SUFFIXES", "FrameFolder", "Image", "VideoFile"]

Image = npt.NDArray[np.uint8]

IMAGE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff"})


def _rgb(image: object) -> Image:
    return np.asarray(cv2.cvtColor(np.asarray(image, np.uint8), cv2.COLOR_BGR2RGB), np.uint8)


def _frame_order(path: Path) -> tuple[int, str]:
    """Sort 2.jpg before 10.jpg: by the last number in the name, then by the name."""
    numbers = re.findall(r"\d+", path.stem)
    return (int(numbers[-1]) if numbers else -1, path.name)


class FrameFolder(Sequence[Image]):
    """The pictures of a folder, in the order of their numbers; each is read when asked for.

    Args:
        paths: Picture files, already in order (see `in_folder`).
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)

    @classmethod
    def in_folder(cls, folder: Path) -> FrameFolder:
        """All pictures that lie directly in `folder`."""
        found = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
        return cls(sorted(found, key=_frame_order))

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> FrameFolder: ...
    def __getitem__(self, index: int | slice) -> Image | FrameFolder:
        """Frame as RGB uint8 (H, W, 3); NM0512 when the file is not a picture."""
        if isinstance(index, slice):
            return FrameFolder(self.paths[index])
        path = self.paths[index]
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise NmError(
                Diagnostic(
                    code="NM0512",
                    message="a frame cannot be read as a picture",
                    where=str(path),
                    help=("replace the file; it may be empty or cut off",),
                )
            )
        return _rgb(image)


class VideoFile(Sequence[Image]):
    """The frames of a video file; reading forwards is fast, going back decodes from the start.

    Args:
        path: Anything that OpenCV decodes.

    Raises:
        NmError: NM0515 when the file is no video that OpenCV decodes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._length: int | None = None
        self._capture = self._open()
        self._next = 0

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise NmError(
                Diagnostic(
                    code="NM0515",
                    message="the file cannot be opened as a video",
                    where=str(self.path),
                    help=("convert it, for instance: ffmpeg -i VIDEO frames/%08d.jpg",),
                )
            )
        return capture

    @property
    def frames_per_second(self) -> float | None:
        """Frame rate as the file states it, or None."""
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        return rate if rate > 0 else None

    def __len__(self) -> int:
        """Count the frames by decoding them once: containers often state a wrong number."""
        if self._length is None:
            capture, count = self._open(), 0
            while capture.grab():
                count += 1
            self._length = count
        return self._length

    def __iter__(self) -> Iterator[Image]:
        capture = self._open()
        while True:
            good, image = capture.read()
            if not good:
                return
            yield _rgb(image)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Image, ...]: ...
    def __getitem__(self, index: int | slice) -> Image | tuple[Image, ...]:
        """Frame as RGB uint8 (H, W, 3)."""
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        wanted = index if index >= 0 else index + len(self)
        if wanted < self._next:
            self._capture, self._next = self._open(), 0
        while wanted >= 0:
            good, image = self._capture.read()
            self._next += 1
            if not good:
                break
            if self._next == wanted + 1:
                return _rgb(image)
        raise IndexError(index)
