"""A video with boxes, whichever benchmark's folder layout it comes in.

| layout | frames | boxes |
| --- | --- | --- |
| OTB | `img/0001.jpg` ... | `groundtruth_rect.txt`: x,y,w,h counted from 1 |
| VOT | `00000001.jpg` ..., `imgs/`, `color/` | `groundtruth.txt`: x,y,w,h or four corners |
| GOT-10k | `00000001.jpg` ... in the folder itself | `groundtruth.txt`: x,y,w,h |
| video | any file that OpenCV decodes | none: give the first box yourself |
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from nmcompile.datasets.boxes import Boxes, read_boxes
from nmcompile.datasets.frames import FrameFolder, Image, VideoFile
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = [
    "VideoSequence",
    "check_init_box",
    "frames_of",
    "open_sequence",
    "truth_file",
    "with_boxes",
]

_FRAME_FOLDERS: Final = (".", "img", "imgs", "images", "frames", "color")
# name -> what the file calls the first pixel
_GROUND_TRUTH: Final = {"groundtruth_rect.txt": 1.0, "groundtruth.txt": 0.0}


@dataclass(frozen=True)
class VideoSequence:
    """Frames and boxes of one video.

    Iterating yields the frames, so that a sequence can be given wherever frames are expected.

    Attributes:
        name: The folder's or the file's name.
        frames: RGB uint8 (H, W, 3), read when asked for.
        boxes: (frames, 4) float64: x, y, w, h in pixels counted from 0, NaN rows for frames
            without a box; None when the sequence has no ground truth.
    """

    name: str
    frames: Sequence[Image]
    boxes: Boxes | None

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.frames)

    @property
    def first_box(self) -> int | None:
        """Index of the first frame that has a box, or None."""
        if self.boxes is None:
            return None
        known = np.flatnonzero(np.isfinite(self.boxes).all(axis=1))
        return int(known[0]) if known.size else None

    def annotated(self) -> VideoSequence:
        """The part from the first to the last frame that has a box; itself without boxes."""
        if self.boxes is None or self.first_box is None:
            return self
        known = np.flatnonzero(np.isfinite(self.boxes).all(axis=1))
        part = slice(int(known[0]), int(known[-1]) + 1)
        return VideoSequence(self.name, self.frames[part], self.boxes[part])


def open_sequence(path: str | Path) -> VideoSequence:
    """Open a benchmark folder or a video file; frames are read later, boxes now.

    Args:
        path: A folder in OTB, VOT or GOT-10k layout, a folder of pictures, or a video file.

    Raises:
        NmError: NM0510 (no such path), NM0511 (no frames), NM0513 (bad ground truth line),
            NM0514 (boxes and frames do not match), NM0515 (not a video).
    """
    path = Path(path)
    if path.is_file():
        return VideoSequence(path.stem, VideoFile(path), None)
    if not path.is_dir():
        raise NmError(
            Diagnostic(
                code="NM0510",
                message="there is no such sequence",
                where=str(path),
                help=("give a folder with frames, or a video file",),
            )
        )
    frames = frames_of(path)
    name = path.resolve().name
    truth = truth_file(path)
    if truth is None:
        return VideoSequence(name, frames, None)
    boxes = read_boxes(truth, truth_origin(truth))
    return with_boxes(name, frames, boxes, _first_frame(path), truth)


def truth_file(folder: Path) -> Path | None:
    """The ground truth file of a sequence's folder, None when there is none."""
    paths = (folder / name for name in _GROUND_TRUTH)
    return next((path for path in paths if path.is_file()), None)


def truth_origin(truth: Path) -> float:
    """What a ground truth file that `truth_file` found calls the first pixel."""
    return _GROUND_TRUTH[truth.name]


def frames_of(folder: Path) -> FrameFolder:
    """The pictures of a folder, or of the first of its usual sub-folders that has any.

    Raises:
        NmError: NM0511 when there are none.
    """
    for name in _FRAME_FOLDERS:
        candidate = folder / name
        if candidate.is_dir():
            frames = FrameFolder.in_folder(candidate)
            if frames:
                return frames
    raise NmError(
        Diagnostic(
            code="NM0511",
            message="the folder holds no frames",
            where=str(folder),
            help=(
                f"frames are looked for in {', '.join(_FRAME_FOLDERS)}",
                "they are pictures: jpg, png, bmp, ppm or tif",
            ),
        )
    )


def with_boxes(
    name: str, frames: Sequence[Image], boxes: Boxes, start: int, truth: Path
) -> VideoSequence:
    """A sequence whose first box belongs to frame `start` (counted from 0).

    Raises:
        NmError: NM0514 when there are no boxes, or more than frames from `start` on.
    """
    if start + len(boxes) > len(frames) or len(boxes) == 0:
        raise NmError(
            Diagnostic(
                code="NM0514",
                message="boxes and frames do not match",
                where=str(truth),
                limit=f"{len(frames)} frames",
                found=f"{len(boxes)} boxes from frame {start + 1} on",
                help=("look for missing frames, or remove the surplus lines",),
            )
        )
    rows = np.full((len(frames), 4), np.nan)
    rows[start : start + len(boxes)] = boxes
    return VideoSequence(name, frames, rows)


def _first_frame(folder: Path) -> int:
    """Index of the frame of the first box: OTB's `cfg.json` tells it, otherwise it is 0."""
    config = folder / "cfg.json"
    if not config.is_file():
        return 0
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        return 0
    start = content.get("startFrame", 1) if isinstance(content, dict) else 1
    return start - 1 if isinstance(start, int) and start >= 1 else 0


def check_init_box(box: Sequence[float], image: Image) -> tuple[float, float, float, float]:
    """Check a first box x, y, w, h against the first frame and return it.

    Raises:
        NmError: NM0516 when it is empty or lies outside the frame.
    """
    height, width = image.shape[:2]
    values = tuple(float(v) for v in box)
    good = len(values) == 4 and all(np.isfinite(values)) and values[2] > 0 and values[3] > 0
    if not good or not _overlaps(values, width, height):
        raise NmError(
            Diagnostic(
                code="NM0516",
                message="the first box is empty or lies outside the frame",
                where="init",
                limit=f"frame of {width} x {height} pixels",
                found=",".join(f"{v:g}" for v in values),
                help=("give x,y,w,h in pixels: left, top, width, height",),
            )
        )
    return values[0], values[1], values[2], values[3]


def _overlaps(box: tuple[float, ...], width: int, height: int) -> bool:
    x, y, w, h = box
    return x < width and y < height and x + w > 0 and y + h > 0
