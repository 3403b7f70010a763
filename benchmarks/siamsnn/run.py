"""Do the mapped trackers follow? Float, integer and mapped on five real sequences.

For the shipped model and for FDSiamfc_15 (third-party weights): build for Loihi 2, then track
every sequence at every level from its first true box, once. Beside them the two baselines of
every tracking table: the first box that never moves, and the float network with its weights
shuffled within each layer. Needs the real sequences (NMCOMPILE_DATA); stops without them.

    python benchmarks/siamsnn/run.py            all five sequences, all levels
    QUICK=1 python benchmarks/siamsnn/run.py    the shipped model on the two shortest sequences
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from nmcompile.build.compiled import Options
from nmcompile.build.deployment import Deployment
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.datasets.sequence import VideoSequence, open_sequence
from nmcompile.evaluation.ope import OpeResult, evaluate, static_boxes
from nmcompile.evaluation.tracking import run_tracker, with_random_weights
from nmcompile.frontends.checkpoint import load_checkpoint, save_checkpoint
from nmcompile.frontends.wrap import wrap_state_dict
from nmcompile.passes.recipe import Recipe

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data"))
QUICK = os.environ.get("QUICK") == "1"
SEQUENCES = ("Crossing", "Couple", "Dog", "Football1", "vot15_bag")
SHORT = ("Football1", "Crossing")
REFERENCE = {
    "Crossing": 0.784,
    "Couple": 0.681,
    "Dog": 0.438,
    "Football1": 0.474,
    "vot15_bag": 0.713,
}
RANDOM_SEEDS = (0, 1, 2)


def main() -> None:
    """Build, track, print, write result.json."""
    if not (DATA / "sequences").is_dir():
        sys.exit(f"the real sequences are not at {DATA}: set NMCOMPILE_DATA")
    names = SHORT if QUICK else SEQUENCES
    sequences = [open_sequence(DATA / "sequences" / name) for name in names]
    rows: list[dict[str, object]] = []
    with TemporaryDirectory() as scratch:
        for model, path, timesteps in models(Path(scratch)):
            folder = Path(scratch) / model
            build(BuildRequest(path, "loihi2", folder, Options(Recipe(timesteps=timesteps))))
            rows += measure(model, Deployment.open(folder), sequences)
    print_table(rows, names)
    write_result(rows)


def models(scratch: Path) -> Iterator[tuple[str, Path, int]]:
    """(name, checkpoint, T) of the models compared; `MODELS=name` picks one.

    FDSiamfc_15 is calibrated on the crops that the shipped checkpoint carries, which come from
    none of the sequences; T = 20 as in SiamSNN.
    """
    chosen = os.environ.get("MODELS", "siamsnn" if QUICK else "siamsnn,fdsiamfc_15").split(",")
    shipped = ROOT / "models" / "siamsnn" / "siamsnn.pt"
    if "siamsnn" in chosen:
        yield "siamsnn", shipped, 16
    if "fdsiamfc_15" in chosen:
        wrapped = wrap_state_dict(DATA / "weights" / "FDSiamfc_15.pth")
        crops = load_checkpoint(shipped).images
        save_checkpoint(dataclasses.replace(wrapped, images=crops), scratch / "fdsiamfc_15.pt")
        yield "fdsiamfc_15", scratch / "fdsiamfc_15.pt", 20


def measure(
    model: str, deployment: Deployment, sequences: list[VideoSequence]
) -> list[dict[str, object]]:
    """One row per level and sequence."""
    rows: list[dict[str, object]] = []
    for level in ("float", "integer", "mapped"):
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


def write_result(rows: list[dict[str, object]]) -> None:
    """benchmarks/siamsnn/result.json: every figure, the reference beside FDSiamfc_15 float."""
    figures = []
    for record in rows:
        is_reference = record["model"] == "fdsiamfc_15" and record["level"] == "float"
        figures.append(
            {
                "name": f"{record['model']} {record['level']} {record['sequence']} mean IoU",
                "value": record["mean_iou"],
                "unit": "1",
                "goal": None,
                "peer": "reference figures of the weights" if is_reference else None,
                "peer_value": REFERENCE[str(record["sequence"])] if is_reference else None,
                "command": "make bench-siamsnn",
            }
        )
    packages = {name: version(name) for name in ("nmcompile", "numpy", "torch", "numba")}
    body = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version(), **packages},
        "figures": figures,
        "rows": rows,
    }
    name = os.environ.get("RESULT", "result-quick.json" if QUICK else "result.json")
    (HERE / name).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
