"""Generated videos: a textured patch that moves over a textured ground."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]

SIZE = (16, 14)
"""Width and height of the patch."""


def moving_patch(count: int, seed: int = 0) -> tuple[list[Image], Boxes]:
    """RGB frames 96 x 72 and boxes x, y, w, h counted from 0."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(0, 256, (12, 16, 3)).astype(np.uint8), (96, 72))
    patch = rng.integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    frames, boxes = [], []
    for index in range(count):
        x, y = 20 + 2 * index % 50, 20 + index % 30
        frame = ground.copy()
        frame[y : y + SIZE[1], x : x + SIZE[0]] = patch
        frames.append(np.asarray(frame, np.uint8))
        boxes.append([x, y, *SIZE])
    return frames, np.array(boxes, np.float64)


def counted_from_one(boxes: Boxes) -> Boxes:
    """Boxes as OTB and UAV123 write them."""
    return boxes + np.array([1.0, 1.0, 0.0, 0.0])


def write_frames(folder: Path, frames: list[Image], pattern: str = "{:04d}.png") -> None:
    """Pictures numbered from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, 1):
        cv2.imwrite(str(folder / pattern.format(number)), frame[..., ::-1])


def write_lines(path: Path, rows: npt.NDArray[np.float64]) -> None:
    """Numbers with commas, one row per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(f"{v:g}" for v in row) + "\n" for row in rows))


def otb_folder(root: Path, counts: dict[str, int], attributes: str = "SV, BC") -> Path:
    """An OTB dataset with one folder per name and that many frames."""
    for seed, (name, count) in enumerate(counts.items()):
        frames, boxes = moving_patch(count, seed)
        write_frames(root / name / "img", frames)
        write_lines(root / name / "groundtruth_rect.txt", counted_from_one(boxes))
        (root / name / "attrs.txt").write_text(attributes)
    return root
