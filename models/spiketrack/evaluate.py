"""Mean IoU and precision of a SpikeTrack checkpoint, float, beside two baselines.

    python models/spiketrack/evaluate.py models/spiketrack/spiketrack.pt SEQUENCES/*

One pass from the first true box. The baselines are the box that never moves, and the same network
with its weights shuffled within each tensor (three seeds).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch

from nmcompile.architectures.spiketrack.network import SpikeTrack, build
from nmcompile.datasets.sequence import VideoSequence, open_sequence
from nmcompile.evaluation.ope import OpeResult, evaluate, static_boxes
from nmcompile.frontends.checkpoint import Checkpoint, load_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.trackers.spiketrack.loop import SpikeTracker
from nmcompile.trackers.spiketrack.torch_engine import TorchMemoryEngine, torch_params

SEEDS: Final = (0, 1, 2)


def network(checkpoint: Checkpoint, seed: int | None = None) -> SpikeTrack:
    """The checkpoint's network; with a seed, its weights are shuffled within each tensor."""
    model = build(checkpoint.config)
    load_state(model, checkpoint)
    if seed is not None:
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in (p for p in model.parameters() if p.ndim > 1):
                order = torch.randperm(weight.numel(), generator=random)
                weight.copy_(weight.flatten()[order].reshape(weight.shape))
    return model


def follow(
    model: SpikeTrack, checkpoint: Checkpoint, part: VideoSequence, tracker: Mapping[str, object]
) -> tuple[OpeResult, int]:
    """The score on an annotated sequence, and how often the template was renewed."""
    assert part.boxes is not None
    engine = TorchMemoryEngine(model, checkpoint.preprocess)
    params = torch_params(model, tracker)
    first, *frames = part
    loop = SpikeTracker(engine, params, first, part.boxes[0])
    boxes = np.stack([part.boxes[0], *(loop.step(frame) for frame in frames)])
    return evaluate(boxes, part.boxes), loop.updates


def main() -> None:
    """Print one line per sequence and kind of tracker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("sequences", type=Path, nargs="+", help="folders of frames and boxes")
    parser.add_argument("--update-frames", type=int, help="instead of the checkpoint's own")
    parser.add_argument("--update-confidence", type=float, help="instead of the checkpoint's own")
    parser.add_argument("--no-baselines", action="store_true", help="the checkpoint alone")
    args = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(args.checkpoint)
    changed = {"update_frames": args.update_frames, "update_confidence": args.update_confidence}
    tracker = {**checkpoint.tracker, **{k: v for k, v in changed.items() if v is not None}}
    trackers: dict[str, int | None] = {"float": None}
    if not args.no_baselines:
        trackers |= {f"random weights, seed {seed}": seed for seed in SEEDS}
    for folder in args.sequences:
        part = open_sequence(folder).annotated()
        if part.boxes is None:
            raise SystemExit(f"{folder} has no boxes")
        if not args.no_baselines:
            tell(folder.name, "static box", evaluate(static_boxes(part.boxes), part.boxes), 0)
        for name, seed in trackers.items():
            tell(folder.name, name, *follow(network(checkpoint, seed), checkpoint, part, tracker))


def tell(sequence: str, name: str, score: OpeResult, updates: int) -> None:
    """One line."""
    error = score.iou_standard_error
    print(
        f"{sequence:12} {name:24} mean IoU {score.mean_iou:.4f} +- {error:.4f}  "
        f"precision at 20 px {score.precision_20px:.4f}  {score.frames} frames, "
        f"{updates} template updates",
        flush=True,
    )


if __name__ == "__main__":
    main()
