"""Crossbar cores: the simulator's speed, the mapped tracker, and what the full-size network takes.

make bench-truenorth          (QUICK=1: less of it)
python benchmarks/truenorth/run.py tracker       one part alone; writes nothing

Every part has `rows(quick)`, which measures, prints its tables and returns figures in the common
form with the rows that they come from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "siamsnn")]

import figures  # noqa: E402
import full_size  # noqa: E402
import matching  # noqa: E402
import ranc_exchange  # noqa: E402
import simulator  # noqa: E402
import tracker  # noqa: E402

PARTS: dict[str, Callable[[bool], figures.Rows]] = {
    "simulator": simulator.rows,
    "tracker": tracker.rows,
    "matching": matching.rows,
    "full_size": full_size.rows,
    "ranc_exchange": ranc_exchange.rows,
}


def main() -> None:
    """Measure the parts that the command line names; write when it was all of them."""
    parts = {name: partial(rows, figures.QUICK) for name, rows in PARTS.items()}
    figures.run_parts(HERE, parts, "torch")


if __name__ == "__main__":
    main()
