"""Go on with a trained tracker: more pictures, a teacher, then spikes, few bits and sparsity.

    python models/siamsnn/finetune.py --from models/siamsnn/siamsnn.pt --minutes 80 \\
        --photos photos --teacher FDSiamfc_30.pth --out siamsnn.pt

The first part trains the float network, the rest the spiking one that it will be converted to,
simulated step by step, with a number of timesteps drawn for every batch.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.trainer import Settings, train

from nmcompile.architectures.siamfc import SiamFCConfig
from nmcompile.frontends.checkpoint import load_checkpoint


def main() -> None:
    """Fine-tune for the given time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="start", type=Path, required=True, help="checkpoint")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--minutes", type=float, default=80.0, help="time to train")
    parser.add_argument("--seed", type=int, default=0, help="seed of the pairs")
    parser.add_argument("--photos", type=Path, help="folder that fetch_photos.py wrote")
    parser.add_argument("--teacher", type=Path, help="weights of a tracker to imitate")
    parser.add_argument("--spiking-from", type=float, default=0.5, help="part of the time")
    parser.add_argument("--timesteps", type=int, nargs=2, default=(5, 20), help="range of T")
    parser.add_argument("--weight-bits", type=int, default=8, help="of every layer; 2 is ternary")
    parser.add_argument(
        "--simulated", type=float, default=0.35, help="share of spiking batches done step by step"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--batch", type=int, default=16, help="pairs per update")
    parser.add_argument(
        "--operations", type=float, default=80e6, help="synaptic operations of a crop at T = 16"
    )
    args = parser.parse_args()
    config = SiamFCConfig.from_mapping(load_checkpoint(args.start).config)
    train(
        Settings(
            config=config,
            weight_bits=(8,) + (args.weight_bits,) * (config.layers - 1),
            minutes=args.minutes,
            ternary_from=0.1,
            spiking_from=args.spiking_from,
            out=args.out,
            start=args.start,
            teacher=args.teacher,
            fetched=args.photos,
            seed=args.seed,
            rate=args.rate,
            simulated=args.simulated,
            batch=args.batch,
            timesteps=tuple(args.timesteps),
            operations=args.operations,
        )
    )


if __name__ == "__main__":
    main()
