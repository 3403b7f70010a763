"""Event streams and hybrid sequences in files of this project's own: npz, no pickles.

An archive `.npz` holds `format`, `sensor` (width, height), `t_us`, `x`, `y`, `p`,
`frame_times_us`, `box_times_us` and, with ground truth, `boxes`; no frames. A hybrid sequence is a
folder with the frames in `img/00000001.png` ..., their boxes in `groundtruth.txt` (so that it is
also an ordinary sequence) and an archive `events.npz`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from nmcompile.datasets.events.damage import damaged, stream_of_columns
from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.datasets.frames import Image
from nmcompile.datasets.sequence import frames_of
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["load_archive", "open_hybrid", "save_archive", "save_hybrid", "with_frames"]

FORMAT: Final = "nmcompile-events/1"
EVENTS_FILE: Final = "events.npz"
_OWN_PICTURE: Final = re.compile(r"\d{8}\.png")
_NEEDED: Final = ("format", "sensor", "t_us", "x", "y", "p", "frame_times_us", "box_times_us")
# what numpy and zipfile raise for files that they cannot read
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)


def save_archive(path: Path, sequence: HybridSequence) -> None:
    """Write everything but the frames to one file; the same content gives the same bytes."""
    events = sequence.events
    content: dict[str, npt.NDArray[Any]] = {
        "format": np.array(FORMAT),
        "sensor": np.array([events.width, events.height], np.int64),
        "t_us": events.t_us,
        "x": events.x,
        "y": events.y,
        "p": events.p,
        "frame_times_us": sequence.frame_times_us,
        "box_times_us": sequence.box_times_us,
    }
    if sequence.boxes is not None:
        content["boxes"] = sequence.boxes
    with path.open("wb") as file:
        np.savez_compressed(file, **content)


def load_archive(path: Path) -> HybridSequence:
    """Read an archive: a hybrid sequence without frames.

    Raises:
        NmError: NM0543 when the file is cut off, damaged or something else, NM0544 for columns
            that are no event stream.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {name: file[name] for name in file.files}
    except _UNREADABLE:
        raise damaged(path, path.stat().st_size, "not a readable npz archive") from None
    missing = [name for name in _NEEDED if name not in content]
    if missing or str(content["format"]) != FORMAT or content["sensor"].shape != (2,):
        found = f"no {missing[0]}" if missing else str(content["format"])
        raise damaged(path, 0, found, f"an archive of format {FORMAT}")
    width, height = (int(v) for v in content["sensor"])
    columns = tuple(content[name] for name in ("t_us", "x", "y", "p"))
    boxes = content.get("boxes")
    times = {name: content[name] for name in ("frame_times_us", "box_times_us")}
    for name, column in times.items():
        if column.ndim != 1 or column.dtype != np.int64 or (np.diff(column) <= 0).any():
            raise damaged(path, 0, f"{name} {column.dtype} {column.shape}", "increasing times")
    if boxes is not None and (
        boxes.shape != (len(times["box_times_us"]), 4) or boxes.dtype != np.float64
    ):
        raise damaged(path, 0, f"boxes of shape {boxes.shape}", "a box x, y, w, h for every time")
    return HybridSequence(
        name=path.stem,
        frames=(),
        frame_times_us=times["frame_times_us"],
        events=stream_of_columns(path, columns, width, height, 0),
        boxes=boxes,
        box_times_us=times["box_times_us"],
    )


def save_hybrid(folder: Path, sequence: HybridSequence) -> None:
    """Write a hybrid sequence as a folder, in place of one that was written there before.

    Raises:
        NmError: NM0551 when the folder holds pictures of something else.
    """
    pictures = folder / "img"
    pictures.mkdir(parents=True, exist_ok=True)
    _clear(folder, pictures)
    for number, frame in enumerate(sequence.frames, start=1):
        bgr = frame[..., ::-1] if frame.ndim == 3 else frame
        cv2.imwrite(str(pictures / f"{number:08d}.png"), bgr)
    boxes = sequence.frame_boxes
    if boxes is not None:
        lines = (",".join(f"{v:.3f}" for v in box) for box in boxes)
        text = "".join(f"{line}\n" for line in lines)
        (folder / "groundtruth.txt").write_text(text, encoding="utf-8")
    save_archive(folder / EVENTS_FILE, sequence)


def _clear(folder: Path, pictures: Path) -> None:
    """Remove an earlier hybrid sequence; its archive goes first and is written last."""
    archive = folder / EVENTS_FILE
    others = [p for p in sorted(pictures.iterdir()) if not _OWN_PICTURE.fullmatch(p.name)]
    if others or (any(pictures.iterdir()) and not archive.is_file()):
        first = (others or sorted(pictures.iterdir()))[0]
        raise NmError(
            Diagnostic(
                code="NM0551",
                message="the folder already holds other pictures",
                where=str(folder),
                found=str(first),
                help=("give a new folder, or a file that ends in .npz for the events alone",),
            )
        )
    archive.unlink(missing_ok=True)
    for picture in pictures.iterdir():
        picture.unlink()


def open_hybrid(folder: str | Path) -> HybridSequence:
    """Open a folder that `save_hybrid` wrote; frames are read later.

    Raises:
        NmError: NM0549 when the folder is no hybrid sequence, NM0511 without frames, NM0543 and
            NM0544 for a bad archive.
    """
    folder = Path(folder)
    path = folder / EVENTS_FILE
    if not path.is_file():
        raise _no_hybrid(folder, f"no {EVENTS_FILE}")
    archive = replace(load_archive(path), name=folder.resolve().name)
    return with_frames(archive, frames_of(folder), folder)


def with_frames(
    archive: HybridSequence, frames: Sequence[Image], where: str | Path
) -> HybridSequence:
    """An archive and the frames that belong to it.

    Raises:
        NmError: NM0549 when there is not one frame for every time.
    """
    if len(archive.frame_times_us) != len(frames):
        raise _no_hybrid(where, f"{len(frames)} frames, {len(archive.frame_times_us)} times")
    return replace(archive, frames=frames)


def _no_hybrid(where: str | Path, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0549",
            message="frames and events do not make a hybrid sequence",
            where=str(where),
            limit=f"frames, and their times in {EVENTS_FILE}",
            found=found,
            help=("make one of any sequence: nmcompile events simulate SEQUENCE -o FOLDER",),
        )
    )
