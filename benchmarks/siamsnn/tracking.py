"""Float, integer and mapped trackers on real sequences, with the two baselines beside them.

    make bench-siamsnn            # QUICK=1 for the shipped model on the two shortest sequences

One pass from the first true box, three scales. The sequences are research videos that do not come
with nmcompile; NMCOMPILE_DATA names the folder that has `sequences/` and `weights/`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import common
import numpy as np

from nmcompile.build.compiled import Options
from nmcompile.build.deployment import Deployment
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.ope import OpeResult, evaluate, static_boxes
from nmcompile.evaluation.tracking import run_tracker, with_random_weights
from nmcompile.passes.recipe import Recipe

TIMESTEPS = {"siamsnn": None, "fdsiamfc_15": 20}
"""The shipped model's own T; T = 20 as in SiamSNN for the third-party weights."""

REFERENCE = {
    "Crossing": 0.784,
    "Couple": 0.681,
    "Dog": 0.438,
    "Football1": 0.474,
    "vot15_bag": 0.713,
}
RANDOM_SEEDS = (0, 1, 2)


def main() -> None:
    """Build, track, print, write tracking.json; `MODELS=name` picks one model."""
    sequences = common.sequences()
    default = "siamsnn" if common.QUICK else ",".join(TIMESTEPS)
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as scratch:
        for model in os.environ.get("MODELS", default).split(","):
            path = common.checkpoint(model, Path(scratch))
            folder = Path(scratch) / model
            options = Options(Recipe(timesteps=TIMESTEPS[model]))
            build(BuildRequest(path, "loihi2", folder, options))
            rows += measure(model, Deployment.open(folder), sequences)
    print_table(rows, tuple(s.name for s in sequences))
    common.write_result("tracking", figures_of(rows), rows)


def measure(
    model: str,
    deployment: Deployment,
    sequences: list[VideoSequence],
    levels: tuple[str, ...] = ("float", "integer", "mapped"),
) -> list[dict[str, object]]:
    """One row per level and sequence."""
    rows: list[dict[str, object]] = []
    for level in levels:
        executor = deployment.executor(level)
        for sequence in sequences:
            result = run_tracker(executor, level, sequence)
            if result.score is not None:
                rows.append(row(model, level, sequence.name, result.score))
            print(rows[-1], file=sys.stderr, flush=True)
    floats = deployment.program("float")
    for sequence in sequences:
        part = sequence.annotated()
        if part.boxes is not None:
            static = evaluate(static_boxes(part.boxes), part.boxes)
            rows.append(row(model, "static box", sequence.name, static))
        scores = [
            run_tracker(with_random_weights(floats, seed), "random", sequence).score
            for seed in RANDOM_SEEDS
        ]
        rows.append(row(model, "random weights", sequence.name, mean_score(scores)))
    return rows


def mean_score(scores: list[OpeResult | None]) -> OpeResult:
    """The mean over seeds; the error is the standard error over seeds and frames together."""
    known = [s for s in scores if s is not None]
    overlaps = np.array([s.mean_iou for s in known])
    within = float(np.mean([s.iou_standard_error for s in known]))
    between = float(overlaps.std(ddof=1) / np.sqrt(len(known)))
    return OpeResult(
        known[0].frames,
        float(overlaps.mean()),
        float(np.hypot(within, between)),
        float(np.mean([s.success_auc for s in known])),
        float(np.mean([s.precision_20px for s in known])),
    )


def row(model: str, level: str, sequence: str, score: OpeResult) -> dict[str, object]:
    """One flat record."""
    return {
        "model": model,
        "level": level,
        "sequence": sequence,
        "frames": score.frames,
        "mean_iou": round(score.mean_iou, 4),
        "standard_error": round(score.iou_standard_error, 4),
        "precision_20px": round(score.precision_20px, 4),
    }


def print_table(rows: list[dict[str, object]], names: tuple[str, ...]) -> None:
    """mean IoU / precision at 20 px, one line per model and level."""
    keys = list(dict.fromkeys((r["model"], r["level"]) for r in rows))
    print("| model | level | " + " | ".join(names) + " | mean |")
    print("| --- | --- |" + " --- |" * (len(names) + 1))
    for model, level in keys:
        mine = {r["sequence"]: r for r in rows if (r["model"], r["level"]) == (model, level)}
        cells = [f"{mine[n]['mean_iou']:.3f}/{mine[n]['precision_20px']:.2f}" for n in names]
        overlap = np.mean([float(str(mine[n]["mean_iou"])) for n in names])
        precision = np.mean([float(str(mine[n]["precision_20px"])) for n in names])
        print(f"| {model} | {level} | " + " | ".join(cells) + f" | {overlap:.3f}/{precision:.2f} |")


def figures_of(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Every figure, the figures that came with the weights beside FDSiamfc_15's float tracker."""
    figures = []
    for record in rows:
        is_reference = record["model"] == "fdsiamfc_15" and record["level"] == "float"
        figures.append(
            common.figure(
                f"{record['model']} {record['level']} {record['sequence']} mean IoU",
                record["mean_iou"],
                "1",
                peer="reference figures of the weights" if is_reference else None,
                peer_value=REFERENCE[str(record["sequence"])] if is_reference else None,
            )
        )
    return figures


if __name__ == "__main__":
    main()
