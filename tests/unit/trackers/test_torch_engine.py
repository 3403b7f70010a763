"""The float engine: preprocessing, template handling, and the published figures on real videos."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.data import DATA

from nmcompile.architectures.siamfc import SiamFC, SiamFCConfig
from nmcompile.datasets.sequence import open_sequence
from nmcompile.evaluation.ope import evaluate
from nmcompile.trackers.siamfc import SiamFCParams, track
from nmcompile.trackers.torch_engine import TorchEngine

pytestmark = pytest.mark.torch


@pytest.fixture
def model() -> SiamFC:
    """A SiamFC with seeded random weights."""
    torch.manual_seed(0)
    return SiamFC(SiamFCConfig(channels=(4, 4, 4, 4, 4), response_bias=0.25))


def test_engine_equals_the_module_on_normalised_crops(model: SiamFC) -> None:
    """Mean and deviation are applied per channel; every search crop meets the one template."""
    rng = np.random.default_rng(0)
    exemplar = rng.integers(0, 256, (127, 127, 3), dtype=np.uint8)
    search = rng.integers(0, 256, (2, 255, 255, 3), dtype=np.uint8)
    engine = TorchEngine(model, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0))
    engine.set_template(exemplar)
    response = engine.respond(search)
    assert response.shape == (2, 17, 17)
    assert response.dtype == np.float64

    def normalised(crops: np.ndarray) -> torch.Tensor:
        scaled = (crops.astype(np.float32) - [10, 20, 30]) / [2, 4, 8]
        return torch.tensor(np.moveaxis(scaled, -1, 1), dtype=torch.float32)

    with torch.inference_mode():
        expected = model(normalised(exemplar[None]).expand(2, -1, -1, -1), normalised(search))
    np.testing.assert_allclose(response, expected[:, 0].numpy(), rtol=1e-4, atol=1e-5)


def test_template_comes_first(model: SiamFC) -> None:
    """A wrong order is a programming error, not a silent zero map."""
    with pytest.raises(RuntimeError, match="set_template"):
        TorchEngine(model).respond(np.zeros((1, 255, 255, 3), np.uint8))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "expected"), [("Crossing", 0.784), ("Football1", 0.474)])
def test_third_party_weights_reach_their_reference(name: str, expected: float) -> None:
    """FDSiamfc_15 in this loop gives the mean overlap measured with its own loop."""
    config = SiamFCConfig(
        channels=(14, 38, 56, 56, 38),
        kernels=(11, 5, 3, 3, 3),
        strides=(2, 1, 1, 1, 1),
        groups=(1, 2, 1, 2, 2),
        pools=(True, True, False, False, False),
        batch_norm=(True, True, True, True, False),
        bn_eps=1e-6,
        relu=(True, True, True, True, False),
    )
    third_party = SiamFC(config)
    path = DATA / "weights" / "FDSiamfc_15.pth"
    third_party.load_state_dict(torch.load(path, "cpu", weights_only=True))
    sequence = open_sequence(DATA / "sequences" / name).annotated()
    assert sequence.boxes is not None
    boxes = track(TorchEngine(third_party), SiamFCParams(), sequence, sequence.boxes[0])
    result = evaluate(np.array(list(boxes)), sequence.boxes)
    assert result.mean_iou == pytest.approx(expected, abs=0.02)
