"""Train the shipped SpikeTrack from nothing, on a CPU.

    python models/spiketrack/train.py --minutes 90 --state spiketrack.state --photos photos \\
        --out spiketrack.pt
    python models/spiketrack/train.py --templates 2 --start spiketrack.pt --minutes 40 \\
        --state two.state --photos photos --out two.pt

Template and search crops are rendered on the fly from the pictures in `models/photos.py`. The state
is rewritten every four minutes; the same command goes on from it. The checkpoint holds the weights
that did best on pictures kept out.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training import spiketrack_checkpoint as checkpoint
from training.spiketrack_trainer import Settings, train

from nmcompile.architectures.spiketrack.config import SpikeTrackConfig

CONFIG = SpikeTrackConfig(channels=(8, 24, 32, 48), blocks=(2, 1), head_width=48, size=128)


def main() -> None:
    """Train for the given time, write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--state", type=Path, required=True, help="file to go on from")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--minutes", type=float, default=90.0, help="time to train")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and examples")
    parser.add_argument("--templates", type=int, default=1, help="T")
    parser.add_argument("--photos", type=Path, help="folder that fetch_photos.py wrote")
    parser.add_argument(
        "--start", type=Path, help="checkpoint or state whose weights to begin with"
    )
    args = parser.parse_args()
    start = checkpoint.start(args.start) if args.start else None
    config = replace(CONFIG, steps=args.templates)
    settings = Settings(config, args.minutes, args.state, args.photos, start, args.seed)
    _, state = train(settings).best
    checkpoint.write(config, state, args.out)


if __name__ == "__main__":
    main()
