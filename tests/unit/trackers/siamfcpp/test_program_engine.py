"""The program of a checkpoint answers as the torch networks do, and knows its own sizes."""

from __future__ import annotations

import numpy as np
import pytest

from nmcompile.build.execute import reference_executor
from nmcompile.build.host_work import with_host_ops
from nmcompile.diagnostics import NmError
from nmcompile.frontends.checkpoint import Checkpoint
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir.program import Preprocess
from nmcompile.trackers.loops import loop_of
from nmcompile.trackers.siamfcpp.program_engine import ProgramMapsEngine

pytestmark = pytest.mark.torch


def checkpoint(**tracker: object) -> Checkpoint:
    """A small spiking network with random weights, for crops of 95 and 159 pixels."""
    import torch

    from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig

    torch.manual_seed(0)
    config = SiamFCppConfig(
        channels=(4,) * 5,
        head=4,
        exemplar_size=95,
        search_size=159,
        timesteps=2,
        kernels=(5, 3, 3, 3, 3),
    )
    state = {k: v.detach().numpy() for k, v in SiamFCpp(config).state_dict().items()}
    kept = {"total_stride": 8, **tracker}
    return Checkpoint("siamfcpp", config.to_mapping(), state, Preprocess(), tracker=kept)


def test_maps_equal_those_of_torch() -> None:
    from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig
    from nmcompile.frontends.checkpoint_module import load_state
    from nmcompile.trackers.siamfcpp.torch_engine import TorchMapsEngine

    found = checkpoint()
    model = SiamFCpp(SiamFCppConfig.from_mapping(found.config))
    load_state(model, found)
    engines = (
        ProgramMapsEngine(reference_executor(checkpoint_to_program(found))),
        TorchMapsEngine(model),
    )
    rng = np.random.default_rng(1)
    z, x = (rng.integers(0, 256, (s, s, 3)).astype(np.uint8) for s in (95, 159))
    for engine in engines:
        engine.set_template(z)
    first, second = (engine.maps(x) for engine in engines)
    assert first.shape == (6, 3, 3)
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_sizes_and_settings_come_from_the_program() -> None:
    program = checkpoint_to_program(checkpoint(window_influence=0.3))
    params = loop_of(program).params(program)
    assert (params.exemplar_size, params.search_size, params.score_size) == (95, 159, 3)
    assert params.window_influence == 0.3
    wrong = checkpoint_to_program(checkpoint(window_influence=3.0))
    with pytest.raises(NmError, match=r"NM0552"):
        loop_of(wrong).params(wrong)


def test_the_loop_is_counted() -> None:
    counted = with_host_ops(checkpoint_to_program(checkpoint()))
    assert dict(counted.step("crop_search").host_ops) == {"crop_pixels": 159 * 159}
    assert dict(counted.step("select").host_ops)["exponentials"] == 7 * 9
