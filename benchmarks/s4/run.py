"""S4 and Spiking SiamFC++: accuracy from T = 3 to T = 1 with and without a teacher, and energy.

make bench-s4            # QUICK=1: two short sequences, fewer pairs
python benchmarks/s4/run.py accuracy energy placed      # some of the parts
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[1] / "models"))

import accuracy  # noqa: E402
import energy  # noqa: E402
import placed  # noqa: E402
import workers  # noqa: E402
from figures import run_parts  # noqa: E402

PARTS = {"accuracy": accuracy.main, "energy": energy.main, "placed": placed.main}


if __name__ == "__main__":
    workers.one_thread()
    run_parts(HERE, PARTS, "torch", "opencv-python-headless")
