"""The stages of a SiamFC++ training, one after the other, each from the state of another."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nmcompile.architectures.siamfcpp import SiamFCppConfig
from training.s4_losses import NOTHING, Distillation
from training.s4_pairs import render
from training.s4_trainer import Stage, train


@dataclass(frozen=True)
class Part:
    """A stage.

    Attributes:
        timesteps: T, 0 for the ANN. start: stage before. updates: to make.
        rate: peak learning rate. distillation: what the teacher teaches.
        ternary: whether the backbone's weights behind the first layer are ternary.
    """

    timesteps: int
    start: str | None
    updates: int
    rate: float
    distillation: Distillation = NOTHING
    ternary: bool = False


def run(
    description: str,
    config: SiamFCppConfig,
    parts: Mapping[str, Part],
    teacher: str,
) -> None:
    """Read the command line and run the stages that it names.

    Args:
        description: of the command. config: of the networks, without their timesteps.
        parts: the stages by their names. teacher: name of the state that teaches.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--states", type=Path, required=True, help="folder of the stages' states")
    parser.add_argument("--pairs", type=Path, required=True, help="folder for rendered pairs")
    parser.add_argument("--photos", type=Path, required=True, help="that fetch_photos.py wrote")
    parser.add_argument("--count", type=int, default=16000, help="pairs to render")
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts), help="stages")
    parser.add_argument("--updates", type=int, help="of each stage instead of its own number")
    parser.add_argument("--minutes", type=float, help="of each stage instead of updates")
    parser.add_argument("--seed", type=int, default=0, help="of pairs, weights and batches")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    args.states.mkdir(parents=True, exist_ok=True)
    render(args.pairs, config, args.count, args.seed, args.photos)
    for name in args.only:
        part = parts[name]
        train(
            Stage(
                config=replace(config, timesteps=part.timesteps),
                state=args.states / f"{name}.state",
                pairs=args.pairs,
                updates=None if args.minutes else args.updates or part.updates,
                minutes=args.minutes,
                start=args.states / f"{part.start}.state" if part.start else None,
                teacher=args.states / f"{teacher}.state",
                distillation=part.distillation,
                rate=part.rate,
                seed=args.seed,
                ternary=part.ternary,
            )
        )
