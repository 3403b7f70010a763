"""The frame-to-DVS simulator: interpolation against held-out frames, and beside a pixel model.

make bench-dvs                             (QUICK=1: fewer frames)
python benchmarks/dvs/run.py sensors       one part alone; writes nothing

Needs the real sequences (`NMCOMPILE_DATA`). Every part has `rows(quick)`, which measures, prints
its tables and returns figures in the common form with the rows that they come from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import figures  # noqa: E402
import held_out  # noqa: E402
import sensors  # noqa: E402

from nmcompile.datasets.sequence import VideoSequence, open_sequence  # noqa: E402

DATA = Path(os.environ.get("NMCOMPILE_DATA", HERE.parents[2] / "shared" / "data"))
NAMES = ("Crossing", "Couple", "Dog", "Football1", "vot15_bag")
QUICK_NAMES = ("Crossing", "Dog")

PARTS: dict[str, Callable[[list[VideoSequence], bool], figures.Rows]] = {
    "held_out": held_out.rows,
    "sensors": sensors.rows,
}


def main() -> None:
    """Measure the parts that the command line names; write when it was all of them."""
    if not (DATA / "sequences").is_dir():
        sys.exit(f"the real sequences are not at {DATA}: set NMCOMPILE_DATA")
    names = QUICK_NAMES if figures.QUICK else NAMES
    sequences = [open_sequence(DATA / "sequences" / name) for name in names]
    parts = {name: partial(rows, sequences, figures.QUICK) for name, rows in PARTS.items()}
    figures.run_parts(HERE, parts, "opencv-python-headless")


if __name__ == "__main__":
    main()
