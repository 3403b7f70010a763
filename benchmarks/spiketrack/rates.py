"""Mean counts of what layers read: published ones of a sister network, the small model's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from figures import QUICK, Figure, Rows, table
from workload import Layer, layers

from nmcompile.build.execute import ProgramExecutor, reference_executor
from nmcompile.datasets.sequence import open_sequence
from nmcompile.evaluation.ope import iou
from nmcompile.frontends.checkpoint import load_checkpoint
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir.membrane_ops import KeyValue
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.reference.float import channel_order
from nmcompile.reference.integer import IntegerRunner
from nmcompile.trackers.spiketrack.loop import SpikeTracker, best, hann
from nmcompile.trackers.spiketrack.program_engine import ProgramMemoryEngine, program_params

Rates = Mapping[str, tuple[float, float]]
"""Kind of layer -> mean count n of the first and of the last layer of the kind."""
ROOT = Path(__file__).resolve().parents[2]
CHECKPOINT = Path(os.environ.get("SPIKETRACK", ROOT / "models" / "spiketrack" / "spiketrack.pt"))
DATA = Path(os.environ.get("NMCOMPILE_DATA", ROOT.parent / "shared" / "data")) / "sequences"
FRAMES = 4 if QUICK else 12
COMMAND = "make bench-spiketrack"
_STEP = {
    "SepConv 1": (0.36, 0.26),
    "SepConv 2": (0.33, 0.15),
    "SepConv 3": (0.35, 0.12),
    "expand": (0.43, 0.20),
    "contract": (0.074, 0.013),
    "down": (0.26, 0.26),
    "attention in": (0.23, 0.23),
    "attention out": (0.45, 0.45),
    "reduce": (0.235, 0.235),
    "MLP 1": (0.215, 0.215),
    "MLP 2": (0.0095, 0.0095),
    "head": (0.105, 0.105),
    "queries x memory": (0.20, 0.20),
    "gate": (0.45, 0.45),
}
STAND_IN: Rates = {
    **{kind: (4 * first, 4 * last) for kind, (first, last) in _STEP.items()},
    "keys x values": (4 * 0.065 * 4 * 0.10,) * 2,
}
"""SpikeFET's published rates per micro-step (same blocks, D = 4, 320 event sequences; first to last
layer where both are known, else the middle of the range), times D. What a memory retrieval module
reads has no published rate: its layers take those of the attention that they resemble."""


def main() -> Rows:
    """Print what the trained model's layers read, and how close its integers come."""
    found = agreement()
    if found is None:
        return [], []
    cells = [(kind, f"{first:.3f}", f"{last:.3f}") for kind, (first, last) in measured_of(found)]
    print(table(("layers", "mean count of the first", "of the last"), cells))
    rows = found["frames"]
    names = ("score_correlation", "iou", "relative_error")
    means = {name: float(np.mean([row[name] for row in rows])) for name in names}
    print(table(("float against integer", "mean"), [(k, f"{v:.4f}") for k, v in means.items()]))
    text = f"float against integer network, {len(rows)} frames of real sequences: "
    figures = [Figure(text + k, round(v, 4), "1", COMMAND) for k, v in means.items()]
    return figures, [{"frames": rows, "rates": dict(measured_of(found))}]


def measured() -> Rates | None:
    """The small trained model's counts; None where it is not there."""
    found = agreement()
    return None if found is None else dict(measured_of(found))


def measured_of(found: dict[str, Any]) -> list[tuple[str, tuple[float, float]]]:
    """Mean counts of the first and last layer of every kind."""
    by_kind: dict[str, list[float]] = {}
    every: list[Layer] = found["layers"]
    for layer in every:
        if layer.kind != "first":
            by_kind.setdefault(layer.kind, []).append(found["counts"][layer.label])
    first_out = by_kind["attention out"]
    by_kind.setdefault("gate", first_out)
    return [(kind, (values[0], values[-1])) for kind, values in by_kind.items()]


@cache
def agreement() -> dict[str, Any] | None:
    """Float and integer network on the same crops: maps, boxes, and what the layers read."""
    if not CHECKPOINT.exists() or not DATA.exists():
        print(f"no trained model at {CHECKPOINT.name} or no sequences", file=sys.stderr)
        return None
    model = checkpoint_to_program(load_checkpoint(CHECKPOINT), "spiketrack")
    manager = PassManager((*pipelines.SPIKING, *pipelines.INTEGER))
    program = PassManager(pipelines.FLOAT).run(model, PassContext())
    integer = manager.run(program, PassContext(timesteps=1))
    every = layers(integer.network("search"))
    sums = {layer.label: 0.0 for layer in every}
    rows: list[dict[str, Any]] = []
    for folder in sorted(p for p in DATA.iterdir() if p.is_dir()):
        rows += _sequence(folder, program, integer, every, sums)
    counts = {label: total / len(rows) for label, total in sums.items()}
    return {"frames": rows, "counts": counts, "layers": every}


def _sequence(
    folder: Path, program: Program, integer: Program, every: list[Layer], sums: dict[str, float]
) -> list[dict[str, Any]]:
    video = open_sequence(folder).annotated()
    if video.boxes is None:
        return []
    upper, lower = (ProgramMemoryEngine(reference_executor(p)) for p in (program, integer))
    runner, executor = IntegerRunner(integer.network("search")), _executor(lower)
    params = program_params(program)
    window = hann(params.map_size)
    tracker = SpikeTracker(upper, params, video.frames[0], video.boxes[0].tolist())
    lower.set_templates(np.stack([tracker.crop(video.frames[0])] * params.templates))
    rows = []
    for index in range(1, min(FRAMES + 1, len(video))):
        image = video.frames[index]
        crop = tracker.crop(image)
        above = upper.maps(crop)
        pixels = channel_order(crop[None], integer.preprocess)[0]
        trace = runner.run(pixels, executor.slots, record=True)
        below = np.asarray(trace.output, np.float64)
        boxes = [_corners(best(maps, window).box) for maps in (above, below)]
        rows.append(
            {
                "sequence": folder.name,
                "frame": index,
                "score_correlation": float(np.corrcoef(above[0].ravel(), below[0].ravel())[0, 1]),
                "iou": float(iou(boxes[0][None], boxes[1][None])[0]),
                "relative_error": float(np.linalg.norm(above - below) / np.linalg.norm(above)),
            }
        )
        _add(every, trace.spikes, integer, sums)
        tracker.step(image)
    return rows


def _executor(engine: ProgramMemoryEngine) -> ProgramExecutor:
    return engine._executor


def _corners(box: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Centre and size as corner and size, in crops of 1000."""
    return np.concatenate([box[:2] - box[2:] / 2, box[2:]]) * 1000.0


def _add(
    every: list[Layer],
    spikes: Mapping[str, np.ndarray[Any, Any]],
    integer: Program,
    sums: dict[str, float],
) -> None:
    network = integer.network("search")
    for layer in every:
        means = []
        for name in layer.sources:
            source = network.by_name[name]
            part = slice(None)
            while source.name not in spikes and source.inputs:
                op = source.op
                if hasattr(op, "first"):
                    part = slice(op.first, op.first + op.count)
                source = network.by_name[source.inputs[0]]
            if source.name in spikes:
                means.append(float(spikes[source.name][:, part].mean()))
        if not means:
            continue
        pair = isinstance(_op(network, layer), KeyValue)
        sums[layer.label] += float(np.prod(means)) if pair else means[0]


def _op(network: Any, layer: Layer) -> Any:
    return next(n.op for n in network.nodes if n.label == layer.label)
