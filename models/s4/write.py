"""Write the state of a stage as a checkpoint.

python models/s4/write.py states/s4.state models/s4/s4.pt
python models/s4/write.py states/t2.state benchmarks/s4/stages/t2.pt --half
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from training.s4_checkpoint import write


def main() -> None:
    """Write one checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path, help="that train.py wrote")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--half", action="store_true", help="small: half precision, no crops")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write(args.state, args.out, half=args.half)


if __name__ == "__main__":
    main()
