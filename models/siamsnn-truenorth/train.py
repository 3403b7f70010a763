"""Train the tracker for cores of 256 axons: ternary weights and spikes in the loop.

    python models/siamsnn-truenorth/train.py --minutes 75 --seed 0 --photos photos \\
        --teacher FDSiamfc_30.pth --out models/siamsnn-truenorth/siamsnn-truenorth.pt

No neuron has more than 128 inputs, so that two axons for each (one for +s, one for -s) fit into a
core. A 2x2 convolution of stride 2 and 1x1 convolutions need no copies of spikes, as their
windows do not overlap; 3x3 convolutions of four channels each look around.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.trainer import Settings, train
from training.weights import TERNARY

from nmcompile.architectures.siamfc import SiamFCConfig

CONFIG: Final = SiamFCConfig(
    channels=(32, 96, 96, 96, 96, 96, 96, 32),
    kernels=(7, 2, 3, 1, 3, 1, 3, 1),
    strides=(4, 2, 1, 1, 1, 1, 1, 1),
    groups=(1, 1, 24, 1, 24, 1, 24, 1),
    pools=(False,) * 8,
    batch_norm=(True,) * 8,
    relu=(True,) * 8,
)
HOST_BITS: Final = 8
"""conv1 turns pixels into spikes on the host."""


def main() -> None:
    """Train for the given time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--minutes", type=float, default=75.0, help="time to train")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and pairs")
    parser.add_argument("--photos", type=Path, help="folder that fetch_photos.py wrote")
    parser.add_argument("--teacher", type=Path, help="weights of a tracker to imitate")
    parser.add_argument("--from", dest="start", type=Path, help="checkpoint to go on from")
    parser.add_argument("--spiking-from", type=float, default=0.75, help="part of the time")
    parser.add_argument("--rate", type=float, default=2e-3, help="peak learning rate")
    args = parser.parse_args()
    train(
        Settings(
            config=CONFIG,
            weight_bits=(HOST_BITS,) + (TERNARY,) * (CONFIG.layers - 1),
            minutes=args.minutes,
            ternary_from=0.12 if args.start is None else 0.0,
            spiking_from=args.spiking_from,
            out=args.out,
            start=args.start,
            teacher=args.teacher,
            fetched=args.photos,
            seed=args.seed,
            rate=args.rate,
            timesteps=(8, 20),
            simulated=0.2,
            operations=30e6,
        )
    )


if __name__ == "__main__":
    main()
