"""The correlation on cores: the shipped tracker at T = 15, its counts of 4 bits held by crossbars.

    python benchmarks/truenorth/run.py matching     (QUICK=1: two short sequences)

At its own T = 16 counts take 5 bits and the correlation stays on the host. What the read-out as
spikes costs is the golden level against the integer level, which correlates exactly.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import tracking
from figures import Figure, table
from tracker import CHECKPOINT, COMMAND, MODEL

from nmcompile.build.compiled import Options
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.evaluation.tracking import run_tracker
from nmcompile.passes.recipe import Recipe
from nmcompile.report.schema import Report
from nmcompile.report.text import value_text

TIMESTEPS = 15
LEVELS = ("integer", "golden")


def rows(quick: bool) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Build at T = 15, track at both levels; prints the tables."""
    sequences = common.sequences()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / MODEL
        options = Options(recipe=Recipe(timesteps=TIMESTEPS))
        deployment = build(BuildRequest(CHECKPOINT, "truenorth", folder, options)).deployment
        found = _build(deployment.report)
        print(table(("figure", "value"), [(r["name"], _text(r)) for r in found]))
        for level in LEVELS:
            executor = deployment.executor(level)
            for sequence in sequences:
                score = run_tracker(executor, level, sequence).score
                if score is not None:
                    row = tracking.row(MODEL, level, sequence.name, score)
                    found.append({"row": "tracking", **row})
                    print(row, file=sys.stderr, flush=True)
    tracked = [row for row in found if row["row"] == "tracking"]
    tracking.print_table(tracked, tuple(s.name for s in sequences))
    return _figures(found), found


def _build(report: Report) -> list[dict[str, Any]]:
    """What the build says about the correlation and the frame."""
    head = report.headline
    (lost,) = report.accuracy.partial_sums
    search = next(n for n in report.mapping.networks if n.network == lost.network)
    layer = next(row for row in search.layers if row.layer == lost.layer)
    writes = sum(
        count.count
        for step in report.host.steps
        for count in step.ops
        if count.name == "synapse_writes"
    )
    figures = (
        ("cores of the correlation", layer.cores, "1"),
        ("cores of both networks", head.cores, "1"),
        ("chips", head.chips, "1"),
        ("read-out neurons", lost.rails, "1"),
        ("largest unit of a spike", lost.unit_most, "1"),
        ("correlation of the response with the exact one", lost.correlation, "1"),
        ("relative error of the response", lost.relative_error, "1"),
        ("share of saturated neurons", lost.saturated, "1"),
        ("rows of cross-points written for a template", writes, "1"),
        ("share of the operations on cores", head.on_chip_share, "1"),
        ("frames per second", head.fps.value, head.fps.unit),
        ("energy per frame", head.energy_per_frame.value, head.energy_per_frame.unit),
    )
    return [{"row": "build", "name": n, "value": v, "unit": u} for n, v, u in figures]


def _text(row: dict[str, Any]) -> str:
    return value_text(row["value"], row["unit"])


def _figures(found: list[dict[str, Any]]) -> list[Figure]:
    prefix = f"{MODEL} T = {TIMESTEPS}"
    figures = []
    for row in found:
        if row["row"] == "build":
            name = f"{prefix}: {row['name']}"
            figures.append(Figure(name, row["value"], row["unit"], COMMAND))
        else:
            name = f"{prefix} {row['level']} {row['sequence']} mean IoU"
            figures.append(Figure(name, row["mean_iou"], "1", COMMAND))
    return figures
