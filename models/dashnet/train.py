"""Train the shipped DashNet from nothing, on a CPU: either network, then the checkpoint of both.

    python models/fetch_photos.py --to photos
    python models/dashnet/train.py --photos photos --films films --network ann --minutes 50
    python models/dashnet/train.py --photos photos --films films --network snn --minutes 50
    python models/dashnet/train.py --films films --out dashnet.pt

Scenes are filmed once into `--films`; the state of a training is written there too, and a training
that is started again goes on from it. The checkpoint gets, for either network, the weights that
did best on held-out scenes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import photos
from training.hybrid_films import FRAME_RATE_HZ, SUBSTEPS, records
from training.hybrid_pairs import Examples, Pool, Shape
from training.hybrid_trainer import Settings, train

from nmcompile.architectures.dashnet import DashNetConfig
from nmcompile.trackers.dashnet.params import HybridParams

BIN_S = 1.0 / (FRAME_RATE_HZ * SUBSTEPS)
CONFIG = DashNetConfig(
    input_size=76,
    ann_width=0.5,
    snn_width=0.25,
    timesteps=4,
    timestep_s=BIN_S,
    tau_s=2.0 * BIN_S,
)
TRACKER = HybridParams(
    timestep_s=BIN_S,
    period_s=BIN_S,
    frame_rate_hz=FRAME_RATE_HZ,
    time_unit_s=4e-3,
    sigma_px=19.0,
    ann_rate=1.0,
    ann_size_rate=0.1,
    snn_rate=0.6,
    snn_size_rate=0.03,
)
"""Rates and the filter's unit of time were chosen on films of held-out pictures (seeds 3,000,000
and up); sigma is a quarter of the view."""
HELD_OUT_SEED = 1_000_000
SHAPE = Shape(CONFIG.input_size, CONFIG.timesteps, TRACKER.sigma_px)


def main() -> None:
    """Film and train, or write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=("ann", "snn"), help="which one to train")
    parser.add_argument("--out", type=Path, help="checkpoint to write of both states")
    parser.add_argument("--films", type=Path, required=True, help="folder of scenes and states")
    parser.add_argument("--photos", type=Path, help="folder that fetch_photos.py wrote")
    parser.add_argument("--count", type=int, default=400, help="scenes to film")
    parser.add_argument("--pool", type=int, default=30000, help="examples to draw of them")
    parser.add_argument("--minutes", type=float, default=50.0, help="time to train")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and examples")
    parser.add_argument("--anew", action="store_true", help="begin the schedule of a state anew")
    args = parser.parse_args()
    cv2.setNumThreads(0)
    if args.network is not None:
        _train(args)
    if args.out is not None:
        from training.hybrid_checkpoint import write

        write(CONFIG, TRACKER, args.films, _held_out(args.films, 256, 0), args.out)


def _held_out(films: Path, frames: int, windows: int) -> Pool:
    scenes = records(films / "held_out", 40, HELD_OUT_SEED, lambda: photos.flat(photos.HELD_OUT))
    return Pool(Examples(scenes, SHAPE, HELD_OUT_SEED), frames, windows, 0)


def _train(args: argparse.Namespace) -> None:
    scenes = records(
        args.films / "train", args.count, 0, lambda: photos.flat(photos.TRAINING, args.photos)
    )
    ann = args.network == "ann"
    pool = Pool(
        Examples(scenes, SHAPE, args.seed),
        args.pool if ann else 0,
        0 if ann else args.pool,
        args.seed,
    )
    checked = _held_out(args.films, 1000 if ann else 0, 0 if ann else 1000)
    settings = Settings(
        config=CONFIG,
        network=args.network,
        minutes=args.minutes,
        state=args.films / f"{args.network}.state",
        seed=args.seed,
        anew=args.anew,
    )
    train(settings, pool, checked)


if __name__ == "__main__":
    main()
