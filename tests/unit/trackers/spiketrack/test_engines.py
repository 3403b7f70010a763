"""The compiled program answers SpikeTrack's loop with what the checkpoint's network says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nmcompile.architectures.spiketrack.config import SpikeTrackConfig
from nmcompile.architectures.spiketrack.layers import FrozenBN
from nmcompile.architectures.spiketrack.network import SpikeTrack
from nmcompile.build.execute import reference_executor
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.ir.program import Preprocess
from nmcompile.passes.context import PassContext
from nmcompile.passes.fold_preprocess import fold_preprocess
from nmcompile.trackers.loops import loop_of
from nmcompile.trackers.spiketrack.loop import SpikeTracker
from nmcompile.trackers.spiketrack.program_engine import ProgramMemoryEngine, program_params
from nmcompile.trackers.spiketrack.torch_engine import TorchMemoryEngine, torch_params

pytestmark = pytest.mark.torch


def lively(steps: int) -> SpikeTrack:
    """A network whose neurons spike at every depth."""
    torch.manual_seed(steps)
    config = SpikeTrackConfig((8, 8, 16, 16), (1, 1), head_width=16, size=64, steps=steps)
    model = SpikeTrack(config)
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=-0.9)
        if isinstance(layer, nn.BatchNorm2d | FrozenBN):
            nn.init.constant_(layer.bias, 0.7)
            nn.init.constant_(layer.weight, 3)
    return model.double()


@pytest.fixture(scope="module", params=[1, 2])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = lively(request.param)
    path = tmp_path_factory.mktemp("spiketrack") / "model.pt"
    tracker: dict[str, Any] = {"update_frames": 2, "update_confidence": 0.0}
    how = Preprocess("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    save_checkpoint(
        Checkpoint("spiketrack", model.config.to_mapping(), state, how, tracker=tracker), path
    )
    return path


def test_both_engines_follow_alike(saved: Path) -> None:
    checkpoint = load_checkpoint(saved)
    config = SpikeTrackConfig.from_mapping(checkpoint.config)
    model = SpikeTrack(config).double()
    load_state(model, checkpoint)
    program = load(saved).program
    params = torch_params(model, checkpoint.tracker)
    assert program_params(program) == params
    assert (params.crop_size, params.map_size, params.templates) == (64, 4, config.steps)
    executor = reference_executor(fold_preprocess(program, PassContext()))
    frames = np.random.default_rng(0).integers(0, 256, (4, 90, 120, 3), dtype=np.uint8)
    box = (40.0, 30.0, 20.0, 24.0)
    first = SpikeTracker(TorchMemoryEngine(model, checkpoint.preprocess), params, frames[0], box)
    second = SpikeTracker(ProgramMemoryEngine(executor), params, frames[0], box)
    for frame in frames[1:]:
        np.testing.assert_allclose(second.step(frame), first.step(frame), atol=1e-6)
        assert second.confidence == pytest.approx(first.confidence, abs=1e-9)
    assert first.updates == second.updates == 1


def test_the_loop_is_known_by_its_name(saved: Path) -> None:
    program = load(saved).program
    executor = reference_executor(fold_preprocess(program, PassContext()))
    frames = np.random.default_rng(1).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8)
    boxes = list(loop_of(program).boxes(executor, frames, (40.0, 30.0, 20.0, 24.0)))
    assert boxes[0].tolist() == [40, 30, 20, 24]
    assert np.isfinite(boxes[1]).all()
