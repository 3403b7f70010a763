"""A DashNet checkpoint becomes two networks at two rates that compute what the modules compute."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from support.dashnet import CONFIG, small_dashnet

from nmcompile import architectures
from nmcompile.architectures.dashnet import DashNet
from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import save_checkpoint
from nmcompile.frontends.checkpoint_module import load_state
from nmcompile.frontends.checkpoint_program import checkpoint_to_program
from nmcompile.ir.legality import verify
from nmcompile.ir.program import Program
from nmcompile.ir.serialise import load_program, program_to_json, save_program
from nmcompile.reference.float import FloatRunner

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def program() -> Program:
    return checkpoint_to_program(small_dashnet(), "small")


def _module() -> DashNet:
    module = architectures.build("dashnet", CONFIG)
    load_state(module, small_dashnet())
    assert isinstance(module, DashNet)
    return module.double()


def test_ann_equals_the_module(program: Program) -> None:
    verify(program)
    images = torch.randint(0, 256, (3, 2, 40, 40), dtype=torch.uint8)
    wanted = _module().ann(images.double()).detach().numpy()
    found = FloatRunner(program.network("ann")).run(images.numpy()).output
    np.testing.assert_array_equal(found, wanted)


def test_snn_equals_the_module_spike_for_spike(program: Program) -> None:
    events = (
        torch.rand(3, 2, 2, 40, 40, generator=torch.Generator().manual_seed(1)) < 0.1
    ).double()
    module = _module().snn
    names = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc1")
    runner = FloatRunner(program.network("snn"))
    trace = runner.run(events.numpy(), trains=tuple(f"{n}_lif" for n in names))
    spikes = module.spikes(events)
    for name, wanted in zip(names, spikes, strict=True):
        np.testing.assert_array_equal(trace.trains[f"{name}_lif"], wanted.detach().numpy())
    assert spikes[-1].any()  # the deepest layer says something, so that the comparison can fail
    np.testing.assert_array_equal(trace.output, module(events).detach().numpy())


def test_schedule_has_two_rates(program: Program) -> None:
    assert program.tracker == "dashnet"
    assert [n.name for n in program.chip_networks] == ["ann", "snn"]
    assert program.step("ann").when == "every_frame"
    assert program.step("snn").when == "on_event(12.5 ms, each 4.17 ms)"
    runs = program.runs_per_output(30.0)
    assert runs["snn"] == runs["filter"] == 1.0
    assert runs["ann"] == runs["view_frame"] == pytest.approx(1 / 8)
    every_third = dataclasses.replace(program.step("ann"), every=3)
    assert every_third.when == "every(3)"
    assert every_third.runs_per_second(30.0) == 10.0


def test_where_frames_are_faster_an_output_is_a_frame(program: Program) -> None:
    runs = program.runs_per_output(480.0)
    assert runs["ann"] == 1.0
    assert runs["snn"] == pytest.approx(0.5)


def test_a_hybrid_program_can_be_stored(program: Program, tmp_path: Path) -> None:
    save_program(program, tmp_path / "float")
    assert load_program(tmp_path / "float").digest == program.digest
    assert load_program(tmp_path / "float").schedule == program.schedule


def test_the_new_fields_of_a_step_are_stored_where_they_say_something(program: Program) -> None:
    """Programs without events keep the text, and so the digest, that they had."""
    frames = dataclasses.replace(program, schedule=program.schedule[:2], settings=())
    text, _ = program_to_json(frames)
    assert not any(f'"{word}"' in text for word in ("every", "window_s", "period_s"))
    assert "window_s" in program_to_json(program)[0]


def test_file_loads_through_the_front_door(tmp_path: Path) -> None:
    path = tmp_path / "small.pt"
    save_checkpoint(small_dashnet(), path)
    loaded = load(path)
    assert loaded.program.name == "small"
    assert loaded.program.tracker == "dashnet"


def test_weights_of_another_width_are_refused() -> None:
    checkpoint = small_dashnet()
    wrong = dataclasses.replace(checkpoint, config={**CONFIG, "snn_width": 0.25})
    with pytest.raises(NmError) as caught:
        checkpoint_to_program(wrong)
    found = caught.value.diagnostics
    assert {d.code for d in found} == {"NM0116"}
    assert any(d.where == "snn.conv1.weight" for d in found)
