"""The folder that `explore` writes.

| file | what |
| --- | --- |
| explore.json | everything, see `explore.schema.json` |
| explore.csv | one line per point |
| pareto.png, pareto.svg | energy against accuracy, cores against FPS |
| points/ | finished points: they are never computed again |
| parts/ | finished sequences of points that are not finished |
| builds/ | the builds; may be deleted when all points are finished |
"""

from __future__ import annotations

import csv
import json
import os
from io import StringIO
from pathlib import Path
from typing import Final

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.explore.measures import MEASURES
from nmcompile.explore.schema import Accuracy, Exploration, Row

__all__ = ["BUILDS", "PARTS", "POINTS", "check_folder", "csv_text", "write_tables"]

TABLE: Final = "explore.json"
POINTS: Final = "points"
PARTS: Final = "parts"
BUILDS: Final = "builds"


def check_folder(folder: Path) -> None:
    """Make the folder, or accept one that an earlier exploration wrote.

    Raises:
        NmError: NM0560 when it holds something else.
    """
    if folder.is_dir() and any(folder.iterdir()):
        if any((folder / name).exists() for name in (TABLE, POINTS, PARTS)):
            return
    elif not folder.exists() or folder.is_dir():
        (folder / POINTS).mkdir(parents=True, exist_ok=True)
        return
    raise NmError(
        Diagnostic(
            code="NM0560",
            message="the output path exists and holds no exploration",
            where=str(folder),
            help=("choose another path with -o, or remove it yourself",),
        )
    )


def write_tables(folder: Path, found: Exploration) -> None:
    """explore.json and explore.csv, each whole or not at all."""
    # sorted, as stored rows are: a resumed exploration writes the same bytes
    text = json.dumps(found.model_dump(mode="json"), indent=1, sort_keys=True, allow_nan=False)
    _replace(folder / TABLE, text + "\n")
    _replace(folder / "explore.csv", csv_text(found))


def csv_text(found: Exploration) -> str:
    """One line per point; an empty cell is a figure that nobody knows."""
    out = StringIO()
    lines = csv.writer(out, lineterminator="\n")
    names = list(MEASURES)
    lines.writerow(
        [
            *("point", "target", *found.axes, "status", "code", "message", "verdict"),
            *("accuracy", "accuracy_mean", "accuracy_standard_error", "sequences", "samples"),
            *(c for name in names for c in (name, f"{name}_bound")),
            *("energy_low_j", "energy_high_j", "front_energy_accuracy", "front_cores_fps"),
            "folder",
        ]
    )
    for row in found.rows:
        lines.writerow(_cells(found, row, names))
    return out.getvalue()


def _cells(found: Exploration, row: Row, names: list[str]) -> list[object]:
    failure = row.failures[0] if row.failures else None
    figures = [c for n in names for c in (row.figures.get(n), row.bounds.get(n, ""))]
    return [
        *(row.point, row.target, *(row.choices.get(name) for name in found.axes), row.status),
        *(("", "") if failure is None else (failure.code, failure.text)),
        row.verdict,
        *_accuracy(row.accuracy),
        *figures,
        *(row.energy_low_j, row.energy_high_j),
        *(int(row.point in front) for front in found.fronts.model_dump().values()),
        row.folder,
    ]


def _accuracy(one: Accuracy | None) -> tuple[object, ...]:
    if one is None:
        return ("", "", "", "", "")
    return (one.measure, one.mean, one.standard_error, one.sequences, one.samples)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
