"""A SiamFC++ checkpoint becomes four networks that compute what the module computes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.siamfcpp import EXEMPLAR, small_siamfcpp

from nmcompile import architectures
from nmcompile.build.execute import reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir import ops
from nmcompile.ir.legality import verify
from nmcompile.ir.serialise import load_program, program_to_json, save_program
from nmcompile.reference.float import preprocess

pytestmark = pytest.mark.torch


ALONE = (1, 1, 1, 1, 1)


@pytest.mark.parametrize(
    ("timesteps", "groups"), [(0, ALONE), (1, ALONE), (3, ALONE), (1, (1, 2, 1, 4, 1))]
)
def test_the_program_equals_the_module(timesteps: int, groups: tuple[int, ...]) -> None:
    checkpoint = small_siamfcpp(timesteps, groups=groups)
    program = checkpoint_to_program(checkpoint, "small")
    verify(program)
    assert program.fed == {"neck", "head"}
    assert program.network("search").timesteps == max(1, timesteps)
    module: Any = architectures.build("siamfcpp", checkpoint.config)
    load_state(module, checkpoint)
    module.double()
    assert checkpoint.images is not None
    crops = preprocess(checkpoint.images, program.preprocess)
    exemplar = crops[1, :, 20 : 20 + EXEMPLAR, 20 : 20 + EXEMPLAR]
    executor = reference_executor(program)
    executor.init(exemplar)
    (found,) = executor.frame(crops[:1])
    with torch.no_grad():
        maps = module(torch.from_numpy(exemplar[None]), torch.from_numpy(crops[:1]))
        features = module.backbone(torch.from_numpy(crops[:1]))
    logarithms = torch.log(maps.box[0] / module.config.stride)
    wanted = torch.cat([maps.score[0], maps.centre[0], logarithms]).numpy()
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-5)
    assert (features != 0).double().mean() > 0.02  # the deepest layer says something


def test_a_neuron_at_its_threshold_fires() -> None:
    program = checkpoint_to_program(small_siamfcpp(1))
    neurons = [n.op for n in program.network("search").of_type(ops.Neuron)]
    assert len(neurons) == 5
    assert all(n.model.at_threshold and n.model.reset == "subtract" for n in neurons)  # type: ignore[union-attr]


def test_the_program_survives_storage(tmp_path: Path) -> None:
    program = checkpoint_to_program(small_siamfcpp(2), "small")
    save_program(program, tmp_path / "float")
    again = load_program(tmp_path / "float")
    assert program_to_json(again)[0] == program_to_json(program)[0]


def test_weights_that_do_not_fit_are_named() -> None:
    checkpoint = small_siamfcpp(1)
    state = {k: v for k, v in checkpoint.state.items() if k != "backbone.neurons.2.leak"}
    with pytest.raises(NmError) as caught:
        checkpoint_to_program(dataclasses.replace(checkpoint, state=state))
    assert [(d.code, d.where) for d in caught.value.diagnostics] == [
        ("NM0116", "backbone.neurons.2.leak")
    ]
