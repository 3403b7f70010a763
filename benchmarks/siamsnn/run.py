"""Everything about SiamSNN in one go: the paper's tables I and III, the curve, the tracking table.

make bench-siamsnn            # QUICK=1 for two short sequences and fewer crops
python benchmarks/siamsnn/run.py table3 curve      # some of the parts
"""

from __future__ import annotations

import sys

import curve
import table1
import table3
import tracking

PARTS = {
    "table3": table3.main,
    "curve": curve.main,
    "table1": table1.main,
    "tracking": tracking.main,
}


def main() -> None:
    """Run the parts that the command line names, else all of them."""
    for name in sys.argv[1:] or PARTS:
        if name not in PARTS:
            sys.exit(f"there is no part `{name}`: {', '.join(PARTS)}")
        print(f"\n## {name}\n", flush=True)
        PARTS[name]()


if __name__ == "__main__":
    main()
