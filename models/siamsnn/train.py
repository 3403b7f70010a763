"""Train the shipped spiking Siamese tracker from nothing, on a CPU.

    python models/siamsnn/train.py --minutes 46 --seed 0 --out first.pt

Pairs are rendered on the fly from the pictures in `models/photos.py`. `finetune.py` goes on from
the result. The checkpoint is rewritten every minute; the last one is the result.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.trainer import Settings, train

from nmcompile.architectures.siamfc import SiamFCConfig


def main() -> None:
    """Train for the given time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--minutes", type=float, default=46.0, help="time to train")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and pairs")
    parser.add_argument("--photos", type=Path, help="folder that fetch_photos.py wrote")
    parser.add_argument("--teacher", type=Path, help="weights of a tracker to imitate")
    args = parser.parse_args()
    config = SiamFCConfig()
    train(
        Settings(
            config=config,
            weight_bits=(8,) * config.layers,
            minutes=args.minutes,
            ternary_from=1.0,
            spiking_from=0.66,
            out=args.out,
            teacher=args.teacher,
            fetched=args.photos,
            seed=args.seed,
        )
    )


if __name__ == "__main__":
    main()
