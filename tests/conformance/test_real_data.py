"""Real videos and other people's graphs, from the file to the mapped cores."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from support.data import DATA, ROOT

from nmcompile.build.compiled import Options
from nmcompile.build.deployment import Deployment
from nmcompile.build.pipeline import BuildRequest, build
from nmcompile.build.rerun import rerun_cores, stimuli_of
from nmcompile.datasets.sequence import VideoSequence, open_sequence
from nmcompile.evaluation.ope import evaluate, static_boxes
from nmcompile.evaluation.tracking import run_tracker

pytestmark = [pytest.mark.data, pytest.mark.torch, pytest.mark.slow]

FRAMES = 30


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    out = tmp_path_factory.mktemp("real") / "out"
    build(BuildRequest(ROOT / "models" / "siamsnn" / "siamsnn.pt", "loihi", out))
    return Deployment.open(out)


def test_the_mapped_tracker_follows_a_real_video(deployment: Deployment) -> None:
    whole = open_sequence(DATA / "sequences" / "Crossing")
    assert whole.boxes is not None
    part = VideoSequence(whole.name, whole.frames[:FRAMES], whole.boxes[:FRAMES])
    mapped = run_tracker(deployment.executor("mapped"), "mapped", part)
    still = evaluate(static_boxes(whole.boxes[:FRAMES]), whole.boxes[:FRAMES])
    assert mapped.score is not None
    error = mapped.score.iou_standard_error + still.iou_standard_error
    assert mapped.score.mean_iou > still.mean_iou + error
    assert mapped.score.precision_20px > 0.9
    assert len(mapped.counted["search"]) == 3 * (FRAMES - 1)


def test_cores_equal_golden_on_real_frames(deployment: Deployment, tmp_path: Path) -> None:
    video = open_sequence(DATA / "sequences" / "Dog")
    for index in (0, 60):
        cv2.imwrite(str(tmp_path / f"{index:03d}.png"), video.frames[index][..., ::-1])
    stimuli = stimuli_of(deployment, tmp_path, 2)
    for name in deployment.chip_networks():
        result = rerun_cores(deployment, name, stimuli[name])
        assert result.equal, result.first_mismatch
        assert result.spikes > 10_000


@pytest.mark.parametrize("graph", ["cnn_sinabs.nir", "lif_norse.nir"])
def test_graphs_of_other_frameworks_map_and_verify(graph: str, tmp_path: Path) -> None:
    request = BuildRequest(DATA / "nir" / graph, "loihi2", tmp_path / "out", Options(frames=2))
    report = build(request).deployment.report
    assert report.headline.verdict == "verified"
    assert report.accuracy.stimulus == "seeded random input, not real data"
    assert report.verification[0].compared.spikes > 0
