"""SpikeTrack: sizes, work and energy of the published variants, and the small model on cores.

make bench-spiketrack            # QUICK=1: fewer frames, no placing
python benchmarks/spiketrack/run.py [rates] [energy] [placed]
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import energy  # noqa: E402
import placed  # noqa: E402
import rates  # noqa: E402
import torch  # noqa: E402
from figures import run_parts  # noqa: E402

if __name__ == "__main__":
    torch.set_num_threads(1)
    run_parts(HERE, {"rates": rates.main, "energy": energy.main, "placed": placed.main}, "torch")
