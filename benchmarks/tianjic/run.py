"""Functional cores: DashNet's Table 4 beside ours, cores against phases, HSN, shipped models.

make bench-tianjic          (QUICK=1: one schedule, one frame)
python benchmarks/tianjic/run.py table4       one part alone; writes nothing

Every part has `rows(quick)`, which measures, prints its tables and returns figures in the common
form with the rows that they come from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import curves  # noqa: E402
import figures  # noqa: E402
import hsn  # noqa: E402
import shipped  # noqa: E402
import table4  # noqa: E402

PARTS: dict[str, Callable[[bool], figures.Rows]] = {
    "table4": table4.rows,
    "curves": curves.rows,
    "hsn": hsn.rows,
    "shipped": shipped.rows,
}


def main() -> None:
    """Measure the parts that the command line names; write when it was all of them."""
    parts = {name: partial(rows, figures.QUICK) for name, rows in PARTS.items()}
    figures.run_parts(HERE, parts, "torch")


if __name__ == "__main__":
    main()
