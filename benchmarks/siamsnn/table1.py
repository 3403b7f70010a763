"""SiamSNN's Table I beside ours: four configurations of matching and coding against float.

The paper reports the average overlap of one pass over OTB-100. Here: five sequences, the tracker
restarted from the true box every 25 frames, so that differences can be told from chance: paired
differences over segments with their standard error. The network is FDSiamfc_15 (SiamFC's AlexNet
with fewer channels), converted as the paper says, and by nmcompile's default recipe.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import common
import numpy as np

from nmcompile.build.execute import ProgramExecutor, reference_executor
from nmcompile.datasets.sequence import VideoSequence
from nmcompile.evaluation.estimates import paired
from nmcompile.evaluation.fidelity import DEFAULT_CROPS, compare, observe, sample_crops
from nmcompile.evaluation.response_maps import tracker_params
from nmcompile.evaluation.restart import SegmentScore, follow_segments, score_segments
from nmcompile.evaluation.variants import Tally, started_by
from nmcompile.passes.presets import PRESETS
from nmcompile.passes.recipe import Recipe

MODEL = "fdsiamfc_15"
PAPER = {"float": 67.2, "PSM": 59.6, "TSM": 60.4, "HSM": 60.5, "HSM + TS": 61.7}
"""Mean overlap in percent, ALL column of table I (OTB-100)."""

RECIPES: dict[str, Recipe] = {
    "PSM": PRESETS["siamsnn-psm"],
    "TSM": PRESETS["siamsnn-tsm"],
    "HSM": PRESETS["siamsnn-hsm"],
    "HSM + TS": PRESETS["siamsnn-paper"],
    "nmcompile default": Recipe(timesteps=20),
}
CROPS = 10 if common.QUICK else DEFAULT_CROPS


def restarted(executor: ProgramExecutor, sequences: list[VideoSequence]) -> list[SegmentScore]:
    """Scores of all segments of all sequences, in order."""
    scores: list[SegmentScore] = []
    for sequence in sequences:
        part = sequence.annotated()
        if part.boxes is not None:
            found = follow_segments(started_by(executor, Tally()), part.frames, part.boxes)
            scores += score_segments(found, part.boxes)
    return scores


def main() -> None:
    """Print the table, write table1.json."""
    sequences = common.sequences()
    with TemporaryDirectory() as scratch:
        path = common.checkpoint(MODEL, Path(scratch))
        floats = reference_executor(common.programs(path, Recipe())["float"])
        params = tracker_params(floats.program)
        crops = sample_crops(sequences, params, CROPS)
        answers = observe(floats, crops)
        reference = restarted(floats, sequences)
        rows = [row("float", reference, reference, None)]
        for name, recipe in RECIPES.items():
            executor = reference_executor(common.programs(path, recipe)["integer"])
            found = compare(answers, observe(executor, crops))
            scores = restarted(executor, sequences)
            rows.append(row(name, reference, scores, found))
            print(rows[-1], flush=True)
    print(table(rows))
    common.write_result("table1", figures_of(rows), rows)


def row(name: str, reference: list[SegmentScore], scores: list[SegmentScore], found: Any) -> Any:
    """One configuration: mean overlap of the segments, and the paired difference to float."""
    overlap, base = (np.array([s.mean_iou for s in group]) for group in (scores, reference))
    near, near_base = (np.array([s.precision_20px for s in group]) for group in (scores, reference))
    iou, precision = paired(base, overlap), paired(near_base, near)
    return {
        "configuration": name,
        "paper_overlap": PAPER.get(name),
        "segments": len(scores),
        "mean_iou": round(float(overlap.mean()), 4),
        "iou_difference": round(iou.difference, 4),
        "iou_standard_error": round(iou.standard_error or 0.0, 4),
        "precision_20px": round(float(near.mean()), 4),
        "precision_difference": round(precision.difference, 4),
        "precision_standard_error": round(precision.standard_error or 0.0, 4),
        "fidelity": None if found is None else round(found.correlation.mean, 4),
        "fidelity_error": None if found is None else round(found.correlation.within or 0.0, 4),
        "sops_per_crop": None if found is None else found.sops_per_crop,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The paper's column first, then ours."""
    header = (
        *("configuration", "paper, OTB-100", "paper, difference", "mean IoU"),
        *("difference to float", "P20 difference", "fidelity", "SOPs / crop"),
    )
    body = []
    for r in rows:
        printed = r["paper_overlap"]
        measured = r["fidelity"] is not None
        body.append(
            (
                r["configuration"],
                "" if printed is None else f"{printed / 100:.3f}",
                "" if printed is None else f"{(printed - PAPER['float']) / 100:+.3f}",
                f"{r['mean_iou']:.3f}",
                f"{r['iou_difference']:+.3f} ± {r['iou_standard_error']:.3f}" if measured else "",
                f"{r['precision_difference']:+.3f} ± {r['precision_standard_error']:.3f}"
                if measured
                else "",
                f"{r['fidelity']:.3f} ± {r['fidelity_error']:.3f}" if measured else "",
                f"{r['sops_per_crop']:.2e}" if measured else "",
            )
        )
    return common.markdown(header, iter(body))


def figures_of(rows: list[dict[str, Any]]) -> list[dict[str, object]]:
    """Overlap differences beside the paper's."""
    return [
        common.figure(
            f"{MODEL} {r['configuration']} restart IoU difference to float",
            r["iou_difference"],
            "1",
            goal=-0.01 if r["configuration"] == "nmcompile default" else None,
            peer="SiamSNN table I" if r["paper_overlap"] else None,
            peer_value=round((r["paper_overlap"] - PAPER["float"]) / 100, 4)
            if r["paper_overlap"]
            else None,
        )
        for r in rows[1:]
    ]


if __name__ == "__main__":
    main()
