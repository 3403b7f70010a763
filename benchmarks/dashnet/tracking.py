"""ANN, SNN and hybrid on the same recordings, with the two baselines beside them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import Figure, table

from nmcompile.datasets.events.hybrid import HybridSequence
from nmcompile.evaluation.hybrid import compare, score, static_track
from nmcompile.evaluation.hybrid_plot import write_hybrid_plot
from nmcompile.trackers.dashnet.filter import TIME_UNIT_S, complementary_filter
from nmcompile.trackers.dashnet.loop import HybridTrack, track_hybrid
from nmcompile.trackers.dashnet.params import HybridParams
from nmcompile.trackers.dashnet.torch_engine import TorchHybridEngine

COMMAND = "make bench-dashnet"
PEER = "DashNet, table 2, NFS-DAVIS (other data)"
PAPER_IOU = {
    "hybrid": 0.397,
    "SNN alone": 0.364,
    "ANN, held between frames": 0.363,
    "joined afterwards (eqs. 7-9)": 0.380,
    "at frames: ANN alone": 0.401,
    "at frames: ANN, fed back to": 0.412,
}
KEYS = ("mean_iou", "success_auc", "success_50", "centre_error_px", "lost")
HEAD = ("", "mean IoU", "above the first box", "success AUC", "IoU > .5", "centre error px", "lost")
RANDOM_SEEDS = (0, 1)
STILL = "first box, never moved"


def measure(
    title: str,
    recordings: Sequence[HybridSequence],
    engine: TorchHybridEngine,
    params: HybridParams,
) -> tuple[list[Figure], list[dict[str, Any]]]:
    """Track every recording in every way; prints the table."""
    rows: list[dict[str, Any]] = []
    for recording in recordings:
        for name, track in ways(recording, engine, params).items():
            found = score(track, recording)
            if found is not None:
                rows.append(
                    {"data": title, "way": name, "recording": recording.name, **asdict(found)}
                )
    names = list(dict.fromkeys(row["way"] for row in rows))
    outputs = sum(row["outputs"] for row in rows if row["way"] == "hybrid")
    print(f"\n{title}: {len(recordings)} recordings, {outputs} outputs\n")
    print(table(HEAD, (line(name, rows) for name in names)), flush=True)
    figures = [
        Figure(
            f"{title}, {name}, mean IoU",
            round(float(np.mean([r["mean_iou"] for r in rows if r["way"] == name])), 4),
            "",
            COMMAND,
            peer=PEER if name in PAPER_IOU else None,
            peer_value=PAPER_IOU.get(name),
        )
        for name in names
    ]
    still = {r["recording"]: r["mean_iou"] for r in rows if r["way"] == STILL}
    gained = [r["mean_iou"] - still[r["recording"]] for r in rows if r["way"] == "hybrid"]
    error = float(np.std(gained, ddof=1) / len(gained) ** 0.5)
    gain = round(float(np.mean(gained)), 4)
    name = f"{title}, hybrid above the first box, mean IoU"
    figures.append(Figure(name, gain, "", COMMAND, goal=f"above its standard error, {error:.4f}"))
    return figures, rows


def line(name: str, rows: Sequence[dict[str, Any]]) -> tuple[object, ...]:
    """Means over the recordings; the overlap, and what is gained in each, with standard errors."""
    own = [row for row in rows if row["way"] == name]
    still = {row["recording"]: row["mean_iou"] for row in rows if row["way"] == STILL}
    means = [np.mean([row[key] for row in own]) for key in KEYS]
    overlap = estimate([row["mean_iou"] for row in own])
    gained = estimate([row["mean_iou"] - still[row["recording"]] for row in own])
    rest = (f"{means[1]:.3f}", f"{means[2]:.3f}", f"{means[3]:.1f}", f"{means[4]:.3f}")
    return (name, overlap, "" if name == STILL else gained, *rest)


def estimate(values: Sequence[float]) -> str:
    """Mean and its standard error."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) / len(values) ** 0.5:.3f}"


def ways(
    recording: HybridSequence, engine: TorchHybridEngine, params: HybridParams
) -> dict[str, HybridTrack]:
    """Every way to track one recording, by the name of its row."""
    tracks = compare(engine, recording, params)
    hybrid, snn, ann = tracks["hybrid"], tracks["snn"], tracks["ann"]
    paper = replace(params, time_unit_s=TIME_UNIT_S)
    found = {
        "hybrid": hybrid,
        "hybrid, time in ms": track_hybrid(engine, recording, paper),
        "joined afterwards (eqs. 7-9)": joined(snn, ann, params),
        "SNN alone": snn,
        "ANN, held between frames": ann,
        STILL: static_track(hybrid, first_box(recording)),
        "at frames: ANN alone": at_frames(ann),
        "at frames: ANN, fed back to": at_frames(hybrid),
    }
    for seed in RANDOM_SEEDS:
        other = track_hybrid(shuffled(engine, seed), recording, params)
        found[f"random weights {seed}, hybrid"] = other
    return found


def first_box(recording: HybridSequence) -> np.ndarray:
    """The first true box."""
    assert recording.boxes is not None
    return recording.boxes[np.flatnonzero(np.isfinite(recording.boxes).all(axis=1))[0]]


def joined(snn: HybridTrack, ann: HybridTrack, params: HybridParams) -> HybridTrack:
    """Both networks tracked alone, then filtered, the nearest frame of all: eqs. 7 to 9."""
    boxes = complementary_filter(
        snn.boxes,
        snn.times_us * 1e-6,
        ann.ann_boxes,
        ann.frame_times_us * 1e-6,
        params.time_unit_s,
        causal=False,
    )
    return replace(snn, mode="hybrid", boxes=boxes)


def at_frames(track: HybridTrack) -> HybridTrack:
    """The ANN's own boxes at the times of its frames."""
    return replace(track, times_us=track.frame_times_us, boxes=track.ann_boxes)


def shuffled(engine: TorchHybridEngine, seed: int) -> TorchHybridEngine:
    """The same networks with the weights of every layer in random order; biases stay."""
    module = copy.deepcopy(engine.module)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                order = torch.randperm(parameter.numel(), generator=generator)
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return TorchHybridEngine(module)


def draw(
    recording: HybridSequence, engine: TorchHybridEngine, params: HybridParams, path: Path
) -> None:
    """ANN, SNN and hybrid of one recording against time."""
    write_hybrid_plot(compare(engine, recording, params), recording, path)
    print(f"\nwrote {path.name}")
