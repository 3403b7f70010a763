"""Boxes in the formats of the got10k toolkit and of the VOT toolkit.

| dataset | file | line |
| --- | --- | --- |
| otb | `results/OTB/NAME/SEQ.txt` | x,y,w,h, counted from 1 as in the benchmark's own files |
| uav | `results/UAV123/NAME/SEQ.txt` | the same |
| got10k | `results/GOT-10k/NAME/SEQ/SEQ_001.txt` | x,y,w,h |
| vot | `results/VOT/NAME/baseline/SEQ/SEQ_001.txt` | 1 start, 2 failure, 0 skipped, or x,y,w,h |

GOT-10k's files of times (`SEQ_time.txt`) are not written: times are no property of the results.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nmcompile.datasets.layouts import Entry
from nmcompile.evaluation.parts import Part, from_json
from nmcompile.evaluation.run import Plan
from nmcompile.evaluation.tasks import Result
from nmcompile.evaluation.vot import TRACKED

__all__ = ["write_toolkit_results"]

Boxes = npt.NDArray[np.float64]

_PLACES = {
    "otb": "OTB/{name}/{sequence}.txt",
    "uav": "UAV123/{name}/{sequence}.txt",
    "got10k": "GOT-10k/{name}/{sequence}/{sequence}_001.txt",
    "vot": "VOT/{name}/{sequence}.txt",
}
_SUPERVISED = "VOT/{name}/baseline/{sequence}/{sequence}_{repetition:03d}.txt"


def write_toolkit_results(plan: Plan, results: Mapping[str, Result], folder: Path) -> None:
    """Write the boxes of every one-pass and supervised run below `folder`."""
    model = _word(plan.request.builds[0].resolve().name)
    for row in plan.rows:
        if row.protocol not in ("ope", "vot"):
            continue
        for parts in row.parts:
            for index, part in enumerate(parts, 1):
                name = f"{model}-{_word(part.variant.label)}"
                if len(parts) > 1 and row.protocol == "ope":
                    name += f"-{index}"
                place = _PLACES[plan.collection.kind] if row.protocol == "ope" else _SUPERVISED
                path = folder / place.format(name=name, sequence=part.entry.name, repetition=index)
                path.parent.mkdir(parents=True, exist_ok=True)
                lines = _lines(part, results[part.digest], plan.collection.kind)
                path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(part: Part, result: Result, kind: str) -> list[str]:
    boxes = from_json(result["boxes"])
    if part.protocol == "ope":
        return [_line(box, part.entry.origin) for box in _padded(boxes, part.entry, kind)]
    return [
        _line(box, 0.0) if state == TRACKED else str(state)
        for box, state in zip(boxes, result["states"], strict=True)
    ]


def _padded(boxes: Boxes, entry: Entry, kind: str) -> Boxes:
    """One box per line of the ground truth; frames around the annotated part repeat the nearest.

    OTB's ground truth has lines for the annotated part only.
    """
    if kind == "otb":
        return boxes
    before = entry.sequence.first_box or 0
    after = len(entry.sequence) - before - len(boxes)
    return np.pad(boxes, ((before, after), (0, 0)), mode="edge")


def _line(box: Boxes, origin: float) -> str:
    x, y, w, h = (float(v) for v in box)
    return f"{x + origin:.3f},{y + origin:.3f},{w:.3f},{h:.3f}"


def _word(text: str) -> str:
    """A name without spaces, for folders."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-")
