"""A Siamese checkpoint becomes two networks that compute what the module computes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from nmcompile import architectures
from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import Checkpoint, array_of, save_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir.legality import verify

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch


@pytest.fixture
def checkpoint(small_config: dict[str, object]) -> Checkpoint:
    torch.manual_seed(0)
    module = architectures.build("siamfc", small_config)
    for name, tensor in module.state_dict().items():
        if "running" in name:
            tensor.copy_(torch.rand(tensor.shape) + 0.5)
    state = {k: array_of(v) for k, v in module.state_dict().items()}
    return Checkpoint("siamfc", small_config, state, tracker={"scale_step": 1.04, "context": 0.5})


def test_response_equals_the_module(checkpoint: Checkpoint) -> None:
    from nmcompile.reference.float import FloatRunner

    program = checkpoint_to_program(checkpoint, "small")
    verify(program)
    module = architectures.build("siamfc", checkpoint.config)
    load_state(module, checkpoint)
    rng = np.random.default_rng(5)
    z, x = rng.normal(size=(1, 3, 79, 79)), rng.normal(size=(1, 3, 111, 111))
    with torch.no_grad():
        wanted = module.double()(torch.from_numpy(z), torch.from_numpy(x)).numpy()
    template = FloatRunner(program.network("template")).run(z).output[0]
    found = FloatRunner(program.network("search")).run(x, {"z": template}).output
    assert found.shape == (1, 1, 5, 5)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_program(checkpoint: Checkpoint) -> None:
    program = checkpoint_to_program(checkpoint)
    assert program.tracker == "siamfc"
    assert program.settings == (("context", 0.5), ("scale_step", 1.04))
    assert [(s.name, s.trigger, s.place, s.network, s.repeat) for s in program.schedule] == [
        ("crop_template", "on_init", "host", None, 1),
        ("template", "on_init", "chip", "template", 1),
        ("crop_search", "every_frame", "host", None, 3),
        ("search", "every_frame", "chip", "search", 3),
        ("peak", "every_frame", "host", None, 1),
    ]
    assert program.step("template").writes == "z"
    assert program.step("search").reads == "crop_search"
    template, search = program.networks
    labels = [n.label for n in template.nodes]
    assert labels[1:4] == ["backbone.conv1.0", "backbone.conv1.1", "backbone.conv1.2"]
    assert labels[1:-1] == [n.label for n in search.nodes][1 : len(labels) - 1]


def test_scale_count_sets_the_repeats(checkpoint: Checkpoint) -> None:
    one = dataclasses.replace(checkpoint, tracker={"scale_count": 1})
    assert checkpoint_to_program(one).step("search").repeat == 1
    for bad in (0, 2.5, True, "3"):
        with pytest.raises(NmError) as caught:
            checkpoint_to_program(dataclasses.replace(checkpoint, tracker={"scale_count": bad}))
        assert caught.value.codes == ("NM0115",)


def test_same_file_same_digest(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(checkpoint, tmp_path / "m.pt")
    first, second = load(tmp_path / "m.pt"), load(str(tmp_path / "m.pt"))
    assert first.program.digest == second.program.digest
    assert first.sha256 == second.sha256
    assert first.kind == "checkpoint"
    assert first.calibration is None
    assert checkpoint_to_program(checkpoint, "m").digest == first.program.digest


def test_calibration_comes_along(tmp_path: Path, checkpoint: Checkpoint) -> None:
    images = np.full((2, 111, 111, 3), 7, np.uint8)
    scales = (("backbone.conv1.2", 2.0),)
    save_checkpoint(
        dataclasses.replace(checkpoint, images=images, scales=scales), tmp_path / "m.pt"
    )
    found = load(tmp_path / "m.pt")
    assert found.scales == scales
    assert found.calibration is not None
    np.testing.assert_array_equal(found.calibration, images)


def test_weights_that_do_not_fit(checkpoint: Checkpoint) -> None:
    state = dict(checkpoint.state)
    state["backbone.conv1.0.wieght"] = state.pop("backbone.conv1.0.weight")
    state["backbone.conv5.0.bias"] = np.zeros(3, np.float32)
    with pytest.raises(NmError) as caught:
        checkpoint_to_program(dataclasses.replace(checkpoint, state=state))
    found = [(d.code, d.where, d.found) for d in caught.value.diagnostics]
    assert found == [
        ("NM0116", "backbone.conv1.0.weight", "no such tensor"),
        ("NM0116", "backbone.conv1.0.wieght", "shape (4, 3, 7, 7)"),
        ("NM0116", "backbone.conv5.0.bias", "shape (3,)"),
    ]
    assert "has `backbone.conv1.0.wieght` instead" in str(caught.value)


def test_unknown_architecture(checkpoint: Checkpoint) -> None:
    with pytest.raises(NmError) as caught:
        checkpoint_to_program(dataclasses.replace(checkpoint, architecture="siamrpn"))
    assert caught.value.codes == ("NM0110",)
