"""Cores, packets and hops of the mapped trackers, and the speed of the simulated cores.

make bench-loihi          (QUICK=1: less of both)
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import figures  # noqa: E402
import mapping  # noqa: E402
import speed  # noqa: E402


def main() -> None:
    """Measure, print, write."""
    mapped, mapping_rows = mapping.measure()
    timed, speed_rows = speed.measure()
    rows = {"mapping": mapping_rows, "speed": speed_rows}
    figures.write(HERE, [*mapped, *timed], rows, "lava-nc")


if __name__ == "__main__":
    main()
