"""The shipped models on their chips: the deterministic figures of their builds, recorded.

A difference is a change of the compiler's results: look why, then record it again with

    python tests/golden/test_shipped_build.py
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from nmcompile.build.concerns import LEAST_SHARE
from nmcompile.build.deployment import Deployment
from nmcompile.build.pipeline import BuildRequest, build

pytestmark = [pytest.mark.torch, pytest.mark.slow]

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "models"
BUILDS = (
    *(("siamsnn", "loihi1"), ("siamsnn", "loihi2"), ("siamsnn", "tianjic")),
    *(("siamsnn-truenorth", "truenorth"), ("dashnet", "tianjic")),
    *(("s4", "tianjic"), ("spiketrack", "tianjic")),
)


def recorded(model: str, target: str) -> Path:
    return HERE / f"{model}_{target}.json"


def built(model: str, target: str, folder: Path) -> Deployment:
    build(BuildRequest(MODELS / model / f"{model}.pt", target, folder))
    return Deployment.open(folder)


def figures(deployment: Deployment) -> dict[str, Any]:
    """Integers and digests only: no float decides them on another machine."""
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


@pytest.mark.parametrize(("model", "target"), BUILDS)
def test_figures_are_the_recorded_ones(model: str, target: str, tmp_path: Path) -> None:
    wanted = json.loads(recorded(model, target).read_text(encoding="utf-8"))
    deployment = built(model, target, tmp_path / "out")
    found = figures(deployment)
    if os.environ.get("NMCOMPILE_REPORTS"):
        # `make gate` compares them with the budgets instead of building once more
        kept = Path(os.environ["NMCOMPILE_REPORTS"])
        kept.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / "out" / "report.json", kept / f"{model}-{target}.json")
    assert found == wanted
    share = deployment.report.headline.on_chip_share
    assert share is not None
    assert share >= LEAST_SHARE


if __name__ == "__main__":
    for names in BUILDS:
        with tempfile.TemporaryDirectory() as scratch:
            text = json.dumps(figures(built(*names, Path(scratch) / "out")), indent=1)
        recorded(*names).write_text(text + "\n", encoding="utf-8")
