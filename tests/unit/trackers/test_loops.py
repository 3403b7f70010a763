"""The registry of tracker loops: found by a program's name, started, refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from support.nets import tiny_siamese

from nmcompile.build.execute import reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.ir.program import Preprocess, Program
from nmcompile.trackers.loops import loop_of
from nmcompile.trackers.program_engine import ProgramEngine, program_params
from nmcompile.trackers.siamfc import track

SETTINGS = (("response_size", 5), ("total_stride", 4), ("upsampled_size", 40))


def tracker() -> Program:
    return dataclasses.replace(
        tiny_siamese(), tracker="siamfc", settings=SETTINGS, preprocess=Preprocess()
    )


def test_boxes_are_those_of_the_named_loop() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (60, 80, 3)).astype(np.uint8) for _ in range(4)]
    program, box = tracker(), (30.0, 20.0, 16.0, 18.0)
    found = list(loop_of(program).boxes(reference_executor(program), frames, box))
    engine = ProgramEngine(reference_executor(program))
    wanted = list(track(engine, program_params(program), frames, box))
    np.testing.assert_array_equal(found, wanted)
    assert loop_of(program).params(program).search_size == 47


@pytest.mark.parametrize("name", ["", "dashnet", "unknown"])
def test_what_tracks_no_frames_is_refused(name: str) -> None:
    with pytest.raises(NmError, match=r"NM0518"):
        loop_of(dataclasses.replace(tracker(), tracker=name))


def test_settings_are_checked() -> None:
    program = dataclasses.replace(tracker(), settings=(("scale_rate", 7.0),))
    with pytest.raises(NmError, match=r"NM0517"):
        loop_of(program).params(program)
