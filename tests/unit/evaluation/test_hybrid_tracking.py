"""A recording tracked by a program's executor."""

from __future__ import annotations

import numpy as np
import pytest
from support.dashnet import moving_square, small_dashnet

from nmcompile.build.execute import ProgramExecutor, reference_executor
from nmcompile.diagnostics import NmError
from nmcompile.evaluation.hybrid_tracking import output_count, run_hybrid

pytest.importorskip("torch")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def executor() -> ProgramExecutor:
    from nmcompile.frontends.checkpoint_program import checkpoint_to_program

    return reference_executor(checkpoint_to_program(small_dashnet()))


def test_a_program_gives_a_box_for_every_window(executor: ProgramExecutor) -> None:
    square = moving_square()
    ticks: list[int] = []
    track = run_hybrid(executor, square, tick=lambda: ticks.append(1))
    assert len(track.boxes) == len(ticks) == output_count(executor, square) == 24
    assert np.isfinite(track.boxes).all()
    assert track.ann_runs == 3


def test_the_first_box_may_be_given(executor: ProgramExecutor) -> None:
    square = moving_square()
    given = run_hybrid(executor, square, (8.0, 18.0, 12.0, 12.0))
    np.testing.assert_array_equal(given.boxes, run_hybrid(executor, square).boxes)
    other = run_hybrid(executor, square, (30.0, 20.0, 12.0, 12.0))
    assert not np.array_equal(given.boxes, other.boxes)


def test_a_program_without_event_windows_is_refused() -> None:
    from support.nets import tiny_siamese

    program = tiny_siamese()
    for refused in (run_hybrid, output_count):
        with pytest.raises(NmError) as caught:
            refused(reference_executor(program), moving_square())
        assert caught.value.diagnostics[0].code == "NM0518"
