"""The folder layouts of four tracking benchmarks.

| kind | sequences | frames | boxes | attributes |
| --- | --- | --- | --- | --- |
| otb | every folder with a ground truth | `NAME/img/` | `NAME/groundtruth_rect.txt` | `attrs.txt` |
| vot | `list.txt`, else every folder | `NAME/color/` or `NAME/` | `groundtruth.txt` | `*.tag` |
| got10k | `list.txt`, else every folder | `NAME/` | `groundtruth.txt` | `meta_info.ini` |
| uav | `anno/UAV123/*.txt` | `data_seq/UAV123/NAME/` | `anno/UAV123/NAME.txt` | `att/` there |
"""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.boxes import Boxes, box_to_polygon, read_boxes, read_polygons
from nmcompile.datasets.frames import FrameFolder
from nmcompile.datasets.sequence import (
    VideoSequence,
    frames_of,
    open_sequence,
    truth_file,
    truth_origin,
    with_boxes,
)
from nmcompile.diagnostics import Diagnostic, NmError

__all__ = ["READERS", "Entry"]

Flags = npt.NDArray[np.bool_]

# OTB annotates these only from a later frame on (its frames are numbered from 1)
_OTB_STARTS: Final = {"David": 300}
# order of the columns of UAV123's attribute files
_UAV_ATTRIBUTES: Final = (
    *("SV", "ARC", "LR", "FM", "FOC", "POC"),
    *("OV", "BC", "IV", "VC", "CM", "SOB"),
)
_UAV_CONFIG: Final = re.compile(
    r"'name'\s*,\s*'(?P<name>[^']+)'\s*,\s*'path'\s*,\s*'(?P<path>[^']+)'"
    r"\s*,\s*'startFrame'\s*,\s*(?P<start>\d+)\s*,\s*'endFrame'\s*,\s*(?P<end>\d+)"
)


@dataclass(frozen=True)
class Entry:
    """One annotated sequence of a benchmark.

    Attributes:
        sequence: frames and boxes (NaN rows where the object is not to be seen).
        truth: its ground truth file.
        origin: coordinate of the first pixel in the benchmark's own files.
        attributes: of the whole sequence, sorted.
        tags: attribute of single frames -> `(frames,)`.
        polygons: `(frames, 8)` corners, or None when the truth is given by boxes only.
    """

    sequence: VideoSequence
    truth: Path
    origin: float = 0.0
    attributes: tuple[str, ...] = ()
    tags: Mapping[str, Flags] = field(default_factory=dict)
    polygons: npt.NDArray[np.float64] | None = None

    @property
    def name(self) -> str:
        """The sequence's name."""
        return self.sequence.name

    @property
    def boxes(self) -> Boxes:
        """Its boxes `(frames, 4)`; without ground truth all NaN."""
        known = self.sequence.boxes
        return np.full((len(self.sequence), 4), np.nan) if known is None else known

    @property
    def annotated_boxes(self) -> Boxes:
        """The boxes of the annotated part, from the first to the last known one."""
        known = np.flatnonzero(np.isfinite(self.boxes).all(axis=1))
        return self.boxes[known[0] : known[-1] + 1] if known.size else self.boxes[:0]

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the truth and of the frames' names and sizes, not of their pixels."""
        frames = self.sequence.frames
        paths = frames.paths if isinstance(frames, FrameFolder) else ()
        sizes = [(path.name, path.stat().st_size) for path in paths]
        state = hashlib.sha256(json.dumps(sizes).encode())
        state.update(self.boxes.tobytes())
        state.update(self.corners.tobytes())
        return state.hexdigest()

    def first(self, count: int) -> Entry:
        """The sequence up to the `count`-th frame of its annotated part."""
        end = (self.sequence.first_box or 0) + count
        return replace(
            self,
            sequence=VideoSequence(self.name, self.sequence.frames[:end], self.boxes[:end]),
            tags={name: flags[:end] for name, flags in self.tags.items()},
            polygons=None if self.polygons is None else self.polygons[:end],
        )

    @property
    def corners(self) -> npt.NDArray[np.float64]:
        """The true regions as polygons `(frames, 8)`."""
        if self.polygons is not None:
            return self.polygons
        return np.array([box_to_polygon(box) for box in self.boxes]).reshape(-1, 8)


def read_otb(folder: Path) -> tuple[Entry, ...]:
    """OTB: a folder per video; two targets in one video have numbered ground truths."""
    entries = []
    for path in _folders(folder):
        several = sorted(path.glob("groundtruth_rect.[0-9].txt"))
        attributes = _words(path / "attrs.txt")
        for truth in several:
            name = f"{path.name}-{truth.name.split('.')[1]}"
            boxes = read_boxes(truth, 1.0)
            sequence = with_boxes(name, frames_of(path), boxes, 0, truth)
            entries.append(Entry(sequence, truth, 1.0, attributes))
        single = truth_file(path)
        if single is None or several:
            continue
        start = _otb_start(path)
        origin = truth_origin(single)
        if start:
            boxes = read_boxes(single, origin)
            sequence = with_boxes(path.name, frames_of(path), boxes, start, single)
        else:
            sequence = open_sequence(path)
        entries.append(Entry(sequence, single, origin, attributes))
    return tuple(entries)


def read_vot(folder: Path) -> tuple[Entry, ...]:
    """VOT: polygons or rectangles, and one file of 0 and 1 per attribute of frames."""
    entries = []
    for path, truth, sequence in _annotated(folder):
        polygons = None
        if truth.name == "groundtruth.txt":
            given = read_polygons(truth)
            polygons = np.full((len(sequence), 8), np.nan)
            polygons[: len(given)] = given
        tags = {
            tag.stem: _flags(tag, len(sequence), at_most=True) for tag in sorted(path.glob("*.tag"))
        }
        attributes = tuple(name for name, frames in tags.items() if frames.any())
        entries.append(Entry(sequence, truth, 0.0, attributes, tags, polygons))
    return tuple(entries)


def read_got10k(folder: Path) -> tuple[Entry, ...]:
    """GOT-10k: frames in which the object is absent have no box and do not count."""
    entries = []
    for path, truth, sequence in _annotated(folder):
        absence = path / "absence.label"
        if absence.is_file() and sequence.boxes is not None:
            absent = _flags(absence, len(sequence))
            boxes = np.where(absent[:, None], np.nan, sequence.boxes)
            sequence = VideoSequence(sequence.name, sequence.frames, boxes)
        entries.append(Entry(sequence, truth, 0.0, _got10k_attributes(path / "meta_info.ini")))
    return tuple(entries)


def read_uav(folder: Path) -> tuple[Entry, ...]:
    """UAV123: annotations apart from frames; several may use parts of one video."""
    annotations = next(
        (p for p in (folder / "anno" / "UAV123", folder / "anno") if p.is_dir()), None
    )
    if annotations is None:
        return ()
    videos = next(
        (p for p in (folder / "data_seq" / "UAV123", folder / "data_seq") if p.is_dir()), folder
    )
    parts = _uav_parts(folder)
    entries = []
    for truth in sorted(annotations.glob("*.txt")):
        video, start, end = parts.get(truth.stem, (truth.stem, 1, None))
        path = videos / video
        if not path.is_dir():
            raise _missing(truth, path)
        frames = frames_of(path)[start - 1 : end]
        sequence = with_boxes(truth.stem, frames, read_boxes(truth, 1.0), 0, truth)
        attributes = _uav_attributes(annotations / "att" / truth.name)
        entries.append(Entry(sequence, truth, 1.0, attributes))
    return tuple(entries)


READERS: Final[dict[str, Callable[[Path], tuple[Entry, ...]]]] = {
    "otb": read_otb,
    "vot": read_vot,
    "got10k": read_got10k,
    "uav": read_uav,
}


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _annotated(folder: Path) -> Iterator[tuple[Path, Path, VideoSequence]]:
    """Folder, ground truth and sequence of every listed video that has a ground truth."""
    for path in _listed(folder):
        truth = truth_file(path)
        if truth is not None:
            yield path, truth, open_sequence(path)


def _listed(folder: Path) -> list[Path]:
    """The folders that `list.txt` names, else all.

    Raises:
        NmError: NM0535 when a listed sequence is missing.
    """
    names = folder / "list.txt"
    if not names.is_file():
        return _folders(folder)
    paths = [folder / line for line in names.read_text(encoding="utf-8-sig").split()]
    for path in paths:
        if not path.is_dir():
            raise _missing(names, path)
    return paths


def _missing(listed: Path, path: Path) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0535",
            message=f"the frames of the sequence `{path.name}` are missing",
            where=str(listed),
            found=f"no folder {path}",
            help=(
                "unpack the whole dataset, or remove the sequence from the list",
                "parts of one UAV123 video are told apart by the benchmark's configSeqs.m: "
                "put it beside anno/",
            ),
        )
    )


def _otb_start(folder: Path) -> int:
    """Index of the first annotated frame where the benchmark (or `frames.txt`) says so, else 0."""
    stated = folder / "frames.txt"
    if stated.is_file():
        numbers = re.findall(r"\d+", stated.read_text(encoding="utf-8-sig"))
        if not numbers or int(numbers[0]) < 1:
            raise _unreadable(stated, "expected `first,last`, counted from 1", " ".join(numbers))
        return int(numbers[0]) - 1
    if (folder / "cfg.json").is_file():
        return 0  # open_sequence reads it
    return _OTB_STARTS.get(folder.name, 1) - 1


def _words(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    return tuple(sorted({w for w in re.split(r"[,;\s]+", text) if w}))


def _flags(path: Path, frames: int, *, at_most: bool = False) -> Flags:
    """A file of one 0 or 1 per frame; short ones are filled up with 0 when `at_most`.

    Raises:
        NmError: NM0534 when the number of lines is wrong, NM0536 for other content.
    """
    words = path.read_text(encoding="utf-8-sig", errors="replace").split()
    if set(words) - {"0", "1"}:
        raise _unreadable(path, "expected one 0 or 1 per frame", sorted(set(words) - {"0", "1"})[0])
    if len(words) > frames or (len(words) < frames and not at_most):
        raise NmError(
            Diagnostic(
                code="NM0534",
                message="labels and frames do not match",
                where=str(path),
                limit=f"{frames} frames",
                found=f"{len(words)} labels",
                help=("unpack the sequence again: frames or labels are missing",),
            )
        )
    flags = np.zeros(frames, np.bool_)
    flags[: len(words)] = [word == "1" for word in words]
    return flags


def _unreadable(path: Path, message: str, found: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0536",
            message="a file of the dataset cannot be understood",
            where=str(path),
            limit=message,
            found=found[:60],
            help=("unpack the dataset again, or remove the file: it is optional",),
        )
    )


def _got10k_attributes(path: Path) -> tuple[str, ...]:
    """Motion and object class of a `meta_info.ini`."""
    if not path.is_file():
        return ()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise _unreadable(path, "an INI file", str(error).splitlines()[0]) from None
    values = {k: v for section in parser.sections() for k, v in parser[section].items()}
    found = (f"{k}={values[k]}" for k in ("motion_class", "major_class") if k in values)
    return tuple(sorted(found))


def _uav_parts(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Sequence -> (video folder, first frame, last frame), of the benchmark's configSeqs.m."""
    path = next(iter(sorted(folder.rglob("configSeqs.m"))), None)
    if path is None:
        return {}
    parts: dict[str, tuple[str, int, int]] = {}
    for match in _UAV_CONFIG.finditer(path.read_text(encoding="utf-8", errors="replace")):
        video = [p for p in re.split(r"[\\/]", match["path"]) if p][-1]
        if "UAV123_10fps" not in match["path"] and "UAV20L" not in match["path"]:
            parts.setdefault(match["name"], (video, int(match["start"]), int(match["end"])))
    return parts


def _uav_attributes(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    words = re.split(r"[,;\s]+", path.read_text(encoding="utf-8-sig", errors="replace").strip())
    if len(words) != len(_UAV_ATTRIBUTES) or set(words) - {"0", "1"}:
        raise _unreadable(path, "twelve 0 or 1", " ".join(words))
    return tuple(sorted(a for a, w in zip(_UAV_ATTRIBUTES, words, strict=True) if w == "1"))
