"""The shipped model on Loihi 2: the deterministic figures of its build, recorded.

A difference is a change of the compiler's results: look why, then record it again with

    python tests/golden/test_shipped_build.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from nmcompile.build.deployment import Deployment
from nmcompile.build.pipeline import BuildRequest, build

pytestmark = [pytest.mark.torch, pytest.mark.slow]

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "siamsnn_loihi2.json"
MODEL = HERE.parents[1] / "models" / "siamsnn" / "siamsnn.pt"


def figures(folder: Path) -> dict[str, Any]:
    """Integers and digests only: no float decides them on another machine."""
    build(BuildRequest(MODEL, "loihi2", folder))
    deployment = Deployment.open(folder)
    report = deployment.report
    return {
        "golden": deployment.manifest["programs"]["golden"],
        "cores": {n.network: n.cores for n in report.mapping.networks},
        "sops_per_frame": report.counters.sops_per_frame,
        "macs_per_frame": report.counters.macs_per_frame,
        "spikes_per_frame": report.counters.spikes_per_frame,
        "packets": {s.step: s.cores.packets for s in report.counters.steps if s.cores},
        "verdict": report.headline.verdict,
    }


def test_figures_are_the_recorded_ones(tmp_path: Path) -> None:
    assert figures(tmp_path / "out") == json.loads(RECORDED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        text = json.dumps(figures(Path(scratch) / "out"), indent=1)
    RECORDED.write_text(text + "\n", encoding="utf-8")
