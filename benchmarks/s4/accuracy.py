"""Accuracy at T = 3, 2 and 1, with the distillation losses, and the two baselines.

One pass from the first true box over five real sequences; restarts every 25 frames, where one early
error cannot decide all; rendered pairs from photographs that no stage saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
import programs
import stages
from figures import QUICK, Figure, Rows, table
from training.s4_pairs import Batch, held_out
from training.s4_trainer import Answers, answers, measure
from workers import each

from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.estimates import over_sequences, paired, series_error
from nmcompile.evaluation.ope import OpeResult, center_error, evaluate, iou, static_boxes
from nmcompile.evaluation.restart import follow_segments, score_segments

PAIRS = 64 if QUICK else 1024
SEEDS = (0, 1, 2)
STATIC, RANDOM, UNTAUGHT = "static box", "random weights", "T = 1"
COMMAND = "make bench-s4"
OUTCOME = dict[str, Any]


class Starter(Protocol):
    """Something that tracks."""

    def start(self, image: Any, box: Any) -> Any:
        """A new track: a function from the next frame to its box."""


def main() -> Rows:
    """Measure every stage, print the tables."""
    names = [v.name for v in stages.sequences()]
    floats = each(of_stage, stages.CHECKPOINTS)
    held = dict(zip(stages.CHECKPOINTS, (judged for _, judged in floats), strict=True))
    rows = [row for row, _ in floats]
    rows += [*each(of_integers, stages.ON_CORES), *each(of_baseline, (STATIC, RANDOM))]
    add_differences(rows, held)
    print_tables(rows, names)
    programs.print_fidelity(rows)
    return figures_of(rows), rows


def of_stage(name: str) -> tuple[OUTCOME, Answers]:
    """The row of a float network, and its answers to held-out pairs."""
    net = stages.network(stages.CHECKPOINTS[name])
    judged = answers(net.model, pairs())
    return {"name": name, **tracked([net], stages.sequences()), "pairs": measure(judged)}, judged


@cache
def pairs() -> Batch:
    """Rendered once in every process: all networks see crops of the same sizes."""
    return held_out(stages.network(stages.CHECKPOINTS[stages.REFERENCE]).model.config, PAIRS)


def of_integers(name: str) -> OUTCOME:
    """The row of a shipped network's integer program."""
    made, videos = programs.lowered(name), stages.sequences()
    row = {"name": programs.row_name(name), **tracked([made], videos)}
    return {**row, "fidelity": made.faithful(videos)}


def of_baseline(name: str) -> OUTCOME:
    """The box that never moves, or shuffled weights."""
    path, seeds = stages.CHECKPOINTS[UNTAUGHT], SEEDS if name == RANDOM else ()
    nets = [stages.network(path, seed) for seed in seeds]
    return {"name": name, **tracked(nets, stages.sequences())}


def tracked(nets: Sequence[Starter], videos: list[VideoSequence]) -> OUTCOME:
    """Both protocols; several networks are averaged, none is the box that never moves."""
    passes = [[one_pass(net, v) for net in nets or [None]] for v in videos]
    restarts = [restarted(net, videos) for net in nets or [None]]
    overlaps = [np.mean([p["overlaps"] for p in runs], axis=0) for runs in passes]
    whole = over_sequences(overlaps, series_error)
    return {
        "sequences": {
            v.name: _mean([p["score"] for p in r]) for v, r in zip(videos, passes, strict=True)
        },
        "mean_iou": round(whole.mean, 4),
        "within": round(whole.within or 0.0, 4),
        "between": round(whole.between or 0.0, 4),
        "precision_20px": round(float(np.mean([p["near"] for r in passes for p in r])), 4),
        "segments": [round(float(s), 4) for s in np.mean(restarts, axis=0)],
    }


def one_pass(net: Starter | None, video: VideoSequence) -> OUTCOME:
    """From the first true box to the end."""
    assert video.boxes is not None
    found = static_boxes(video.boxes)
    if net is not None:
        step = net.start(video.frames[0], video.boxes[0])
        found = np.stack([video.boxes[0], *(step(f) for f in list(video.frames)[1:])])
    known = np.isfinite(video.boxes).all(axis=1)
    errors = center_error(found[known], video.boxes[known])
    return {
        "overlaps": iou(found[known], video.boxes[known]),
        "near": float((errors <= 20.0).mean()),
        "score": evaluate(found, video.boxes),
    }


def restarted(net: Starter | None, videos: list[VideoSequence]) -> list[float]:
    """Mean overlap of every segment."""
    start = net.start if net is not None else (lambda _, box: lambda _: box)
    found: list[float] = []
    for video in videos:
        assert video.boxes is not None
        boxes = follow_segments(start, video.frames, video.boxes)
        found += [s.mean_iou for s in score_segments(boxes, video.boxes)]
    return found


def add_differences(rows: list[OUTCOME], held: dict[str, Answers]) -> None:
    """Paired differences: of restarts to T = 3, of held-out pairs to T = 1 without a teacher."""
    (reference,) = (r for r in rows if r["name"] == stages.REFERENCE)
    for row in rows:
        found = paired(np.array(reference["segments"]), np.array(row["segments"]))
        row["difference"] = round(found.difference, 4)
        row["difference_error"] = round(found.standard_error or 0.0, 4)
        if row["name"] in held:
            mine, plain = (held[n].overlap.double().numpy() for n in (row["name"], UNTAUGHT))
            found = paired(plain, mine)
            row["pairs"]["difference"] = round(found.difference, 4)
            row["pairs"]["difference_error"] = round(found.standard_error or 0.0, 4)


def _mean(scores: list[OpeResult]) -> OUTCOME:
    """Mean of several runs; the error is that within and between them."""
    overlap = np.array([s.mean_iou for s in scores])
    within = float(np.mean([s.iou_standard_error for s in scores]))
    between = float(overlap.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else 0.0
    return {
        "mean_iou": round(float(overlap.mean()), 4),
        "standard_error": round(float(np.hypot(within, between)), 4),
        "precision_20px": round(float(np.mean([s.precision_20px for s in scores])), 4),
    }


def print_tables(rows: list[OUTCOME], names: list[str]) -> None:
    """One pass; restarts and pairs."""
    cells = []
    for row in rows:
        each = [row["sequences"][n] for n in names]
        found = [f"{s['mean_iou']:.3f}/{s['precision_20px']:.2f}" for s in each]
        mean = f"{row['mean_iou']:.3f} ± {row['within']:.3f}/{row['precision_20px']:.2f}"
        cells.append((row["name"], *found, mean))
    print("One pass, mean IoU / precision at 20 pixels (± on these videos):\n")
    print(table(("network", *names, "mean"), cells))
    head = (f"restarts, mean IoU ({len(rows[0]['segments'])})", f"paired, to {stages.REFERENCE}")
    print(f"\nRestarts every 25 frames; {PAIRS} held-out pairs:\n")
    pairs = ("pairs, within 16 px", "pairs, IoU", f"paired, to {UNTAUGHT}")
    print(table(("network", *head, *pairs), map(_cells, rows)))


def _cells(row: OUTCOME) -> tuple[object, ...]:
    """Restarts and pairs of one network."""
    segments, own = np.array(row["segments"]), row.get("pairs")
    held = [""] * 3
    if own is not None:
        held = [f"{own[k]:.3f} ± {own[f'{k}_se']:.3f}" for k in ("hit16", "iou")]
        held.append("" if row["name"] == UNTAUGHT else _difference(own))
    same = row["name"] == stages.REFERENCE
    return (row["name"], f"{segments.mean():.3f}", "" if same else _difference(row), *held)


def _difference(found: OUTCOME) -> str:
    return f"{found['difference']:+.3f} ± {found['difference_error']:.3f}"


def figures_of(rows: list[OUTCOME]) -> list[Figure]:
    """Every figure of the tables."""
    found = []
    for row in rows:
        name = row["name"]
        found.append(Figure(f"{name}: mean IoU of five sequences", row["mean_iou"], "1", COMMAND))
        restarts = round(float(np.mean(row["segments"])), 4)
        found.append(Figure(f"{name}: mean IoU of restarts", restarts, "1", COMMAND))
        if "fidelity" in row:
            value = round(row["fidelity"]["correlation"]["mean"], 4)
            found.append(Figure(f"{name}: correlation with the float maps", value, "1", COMMAND))
        if "pairs" in row:
            overlap = row["pairs"]["iou"]
            found.append(Figure(f"{name}: IoU of held-out pairs", overlap, "1", COMMAND))
    return found
