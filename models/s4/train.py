"""Train SiamFC++ in stages: the ANN, spiking at T = 3, 2, 1, and T = 1 with a teacher.

    python models/s4/train.py --photos photos --states states --pairs pairs

Every stage starts from the state of the one before and keeps its weights, leaks and thresholds
(initialise and retrain). `--only` names the stages to run; one that is over is not repeated, one
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.s4_losses import NOTHING, Distillation
from training.s4_pairs import render
from training.s4_trainer import Stage, train

from nmcompile.architectures.siamfcpp import SiamFCppConfig

CONFIG: Final = SiamFCppConfig(
    channels=(16, 24, 32, 40, 32),
    head=32,
    exemplar_size=95,
    search_size=207,
    kernels=(5, 3, 3, 3, 3),
)
TEACHER: Final = "ann"
EVERYTHING: Final = Distillation(feature=1.0, response=1.0, box=1.0)


@dataclass(frozen=True)
class Part:
    """A stage of this training.

    Attributes:
        timesteps: T, 0 for the ANN. start: stage before. updates: to make.
        rate: peak learning rate. distillation: what the ANN teaches.
    """

    timesteps: int
    start: str | None
    updates: int
    rate: float
    distillation: Distillation = NOTHING


SHORT: Final = 700
"""Updates of every stage that is compared with another."""

PARTS: Final = {
    TEACHER: Part(0, None, 7000, 2e-3),
    "t3": Part(3, TEACHER, 1600, 1e-3),
    "t2": Part(2, "t3", SHORT, 5e-4),
    "t1": Part(1, "t2", SHORT, 5e-4),
    "t1-kd": Part(1, "t2", SHORT, 5e-4, EVERYTHING),
    "t1-feature": Part(1, "t2", SHORT, 5e-4, Distillation(feature=1.0)),
    "t1-response": Part(1, "t2", SHORT, 5e-4, Distillation(response=1.0)),
    "t1-box": Part(1, "t2", SHORT, 5e-4, Distillation(box=1.0)),
    "s4": Part(1, "t1-kd", 2000, 5e-4, EVERYTHING),
}


def main() -> None:
    """Run the stages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--states", type=Path, required=True, help="folder of the stages' states")
    parser.add_argument("--pairs", type=Path, required=True, help="folder for rendered pairs")
    parser.add_argument("--photos", type=Path, required=True, help="that fetch_photos.py wrote")
    parser.add_argument("--count", type=int, default=16000, help="pairs to render")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="stages")
    parser.add_argument("--updates", type=int, help="of each stage instead of its own number")
    parser.add_argument("--minutes", type=float, help="of each stage instead of updates")
    parser.add_argument("--seed", type=int, default=0, help="of pairs, weights and batches")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    args.states.mkdir(parents=True, exist_ok=True)
    render(args.pairs, CONFIG, args.count, args.seed, args.photos)
    for name in args.only:
        part = PARTS[name]
        train(
            Stage(
                config=replace(CONFIG, timesteps=part.timesteps),
                state=args.states / f"{name}.state",
                pairs=args.pairs,
                updates=None if args.minutes else args.updates or part.updates,
                minutes=args.minutes,
                start=args.states / f"{part.start}.state" if part.start else None,
                teacher=args.states / f"{TEACHER}.state",
                distillation=part.distillation,
                rate=part.rate,
                seed=args.seed,
            )
        )


if __name__ == "__main__":
    main()
