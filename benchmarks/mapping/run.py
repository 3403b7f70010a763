"""Placement and partitioning beside baselines, bounds and other people's partitioners.

make bench-mapping          (QUICK=1: less of both)
python benchmarks/mapping/run.py placement|partition
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import figures  # noqa: E402
import partition  # noqa: E402
import placement  # noqa: E402

if __name__ == "__main__":
    parts = {"placement": placement.measure, "partition": partition.measure}
    figures.run_parts(HERE, parts, "pymetis", "mtkahypar")
