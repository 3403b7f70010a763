"""The torch engine answers with what the networks say, in the form that programs answer in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.torch


def test_maps_of_a_small_network() -> None:
    from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig
    from nmcompile.trackers.siamfcpp.torch_engine import TorchMapsEngine, torch_params

    torch.manual_seed(0)
    config = SiamFCppConfig(
        channels=(4,) * 5,
        head=4,
        exemplar_size=95,
        search_size=207,
        timesteps=1,
        kernels=(5, 3, 3, 3, 3),
    )
    engine = TorchMapsEngine(SiamFCpp(config), (127.5,) * 3, (64.0,) * 3)
    rng = np.random.default_rng(0)
    z, x = (rng.integers(0, 256, (s, s, 3)).astype(np.uint8) for s in (95, 207))
    with pytest.raises(RuntimeError):
        engine.maps(x)
    engine.set_template(z)
    maps = engine.maps(x)
    assert maps.shape == (6, 9, 9)
    with torch.no_grad():
        crops = [
            (torch.from_numpy(c).permute(2, 0, 1)[None].float() - 127.5) / 64.0 for c in (z, x)
        ]
        wanted = engine.model(*crops)
    np.testing.assert_allclose(maps[0], wanted.score[0, 0], atol=1e-5)
    np.testing.assert_allclose(np.exp(maps[2:]) * 8, wanted.box[0], rtol=1e-4)
    params = torch_params(engine.model, {"window_influence": 0.3})
    assert (params.score_size, params.search_size, params.window_influence) == (9, 207, 0.3)
