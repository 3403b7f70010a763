"""Functional cores: DashNet's Table 4 beside ours, cores against phases, HSN, shipped models.

make bench-tianjic          (QUICK=1: one schedule, one frame)
python benchmarks/tianjic/run.py table4       one part alone; writes nothing

Every part has `rows(quick)`, which measures, prints its tables and returns figures in the common
form with the rows that they come from.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import curves  # noqa: E402
import figures  # noqa: E402
import hsn  # noqa: E402
import shipped  # noqa: E402
import table4  # noqa: E402

Rows = tuple[list[figures.Figure], list[dict[str, Any]]]
PARTS: dict[str, Callable[[bool], Rows]] = {
    "table4": table4.rows,
    "curves": curves.rows,
    "hsn": hsn.rows,
    "shipped": shipped.rows,
}


def main() -> None:
    """Measure the parts that the command line names; write when it was all of them."""
    chosen = sys.argv[1:] or list(PARTS)
    found: list[figures.Figure] = []
    rows: dict[str, Any] = {}
    for name in chosen:
        if name not in PARTS:
            sys.exit(f"there is no part `{name}`: {', '.join(PARTS)}")
        print(f"\n## {name}\n", flush=True)
        part, rows[name] = PARTS[name](figures.QUICK)
        found += part
    if set(chosen) == set(PARTS):
        figures.write(HERE, found, rows, "torch")


if __name__ == "__main__":
    main()
