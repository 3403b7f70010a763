"""DashNet's Tables 2 to 4 with the shipped model: ANN, SNN and both, at the rate of the events.

make bench-dashnet            # QUICK=1: a few recordings
python benchmarks/dashnet/run.py [films] [real] [operations]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[1] / "models"))

import cv2  # noqa: E402
import operations  # noqa: E402
import recordings  # noqa: E402
import torch  # noqa: E402
import tracking  # noqa: E402
from figures import QUICK, Figure, write  # noqa: E402

from nmcompile.datasets.events.hybrid import HybridSequence  # noqa: E402
from nmcompile.trackers.dashnet.torch_engine import load_engine  # noqa: E402

CHECKPOINT = HERE.parents[1] / "models" / "dashnet" / "dashnet.pt"
PARTS = ("films", "real", "operations")


def main(parts: Sequence[str]) -> None:
    """Run the parts, print the tables, write result.json."""
    cv2.setNumThreads(0)
    films = list(recordings.films()) if "films" in parts or "operations" in parts else []
    real = list(recordings.real()) if "real" in parts else []
    report(parts, films, real)


def report(parts: Sequence[str], films: list[HybridSequence], real: list[HybridSequence]) -> None:
    """Track the recordings with the shipped model, count, write result.json."""
    torch.set_num_threads(1)
    engine, params = load_engine(CHECKPOINT)
    figures: list[Figure] = []
    rows: list[dict[str, Any]] = []
    tables = []
    if "films" in parts:
        tables.append(("invented films, 30 Hz", films))
        picture = HERE / ("hybrid-quick.svg" if QUICK else "hybrid.svg")
        tracking.draw(films[0], engine, params, picture)
    if "real" in parts:
        tables.append(("real sequences, 30 Hz", real))
        tables.append(("real sequences, 7.5 Hz", recordings.rare(real)))
    for title, chosen in tables:
        made = tracking.measure(title, chosen, engine, params)
        figures += made[0]
        rows += made[1]
    if "operations" in parts:
        figures += operations.measure(films, engine, params)
    if set(parts) == set(PARTS):
        write(HERE, figures, rows, "torch", "opencv-python-headless")


if __name__ == "__main__":
    main(sys.argv[1:] or PARTS)
