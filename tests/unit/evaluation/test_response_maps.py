"""What is compared of a tracker's answer, and where it sees the object."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from support.nets import tiny_siamese
from support.siamfcpp import EXEMPLAR, SEARCH, small_siamfcpp

from nmcompile.build.execute import ProgramExecutor, RunResult
from nmcompile.diagnostics import NmError
from nmcompile.evaluation.fidelity import Crop, compare, observe
from nmcompile.evaluation.response_maps import responder_of, tracker_params
from nmcompile.ir.program import Program

Values = npt.NDArray[np.float64]
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def program() -> Program:
    from nmcompile.frontends.checkpoint_program import checkpoint_to_program

    return checkpoint_to_program(small_siamfcpp(1))


def answering(program: Program, maps: Callable[[int], Values]) -> ProgramExecutor:
    """An executor whose maps depend on the crop's first pixel."""

    def given(stimulus: Values, _: object) -> RunResult:
        return RunResult(stimulus, None)

    def head(stimulus: Values, _: object) -> RunResult:
        return RunResult(maps(int(stimulus.ravel()[0])), None)

    runs = {"template": given, "neck": given, "search": given, "head": head}
    return ProgramExecutor(program, runs)


def maps_with(row: int, column: int, distances: tuple[float, float, float, float]) -> Values:
    """Certain of one place, whose box has these distances in strides."""
    maps = np.full((6, 3, 3), -20.0)
    maps[:2, row, column] = 20.0
    maps[2:, row, column] = np.log(distances)
    return maps


def crop(value: int, target: tuple[float, float]) -> Crop:
    template = np.zeros((EXEMPLAR, EXEMPLAR, 3), np.uint8)
    return Crop("a", 0, template, np.full((SEARCH, SEARCH, 3), value, np.uint8), target)


def test_a_siamfcpp_sees_the_centre_of_its_best_box(program: Program) -> None:
    executor = answering(program, lambda _: maps_with(0, 2, (1.0, 2.0, 3.0, 2.0)))
    networks = responder_of(executor)
    found = networks.answer(np.zeros((SEARCH, SEARCH, 3), np.uint8))
    # Stride 8: the place is (8, -8), its box reaches from 8 left to 24 right of it.
    assert found.place.tolist() == pytest.approx([16.0, -8.0])
    assert found.response.shape == (3, 3)
    assert found.response[0, 2] == pytest.approx(1.0)
    assert found.response.sum() == pytest.approx(1.0)


def test_hits_and_correlation_of_siamfcpp_by_hand(program: Program) -> None:
    box = (2.0, 2.0, 2.0, 2.0)
    right = answering(program, lambda _: maps_with(1, 2, box))
    wrong = answering(program, lambda pixel: maps_with(1, 0 if pixel else 2, box))
    crops = [crop(0, (8.0, 0.0)), crop(1, (8.0, 5.0)), crop(2, (8.0, 5.9))]
    # 16 pixels of a 255 pixel crop are 5.8 of this one.
    assert observe(right, crops).hits.tolist() == [1.0, 1.0, 0.0]
    found = compare(observe(right, crops), observe(wrong, crops))
    assert found.correlation.mean == pytest.approx((1 - 1 / 8 - 1 / 8) / 3)
    assert found.hit16_difference.difference == pytest.approx(-1 / 3)


def test_crops_are_cut_as_the_tracker_cuts_them(program: Program) -> None:
    params = tracker_params(program)
    assert (params.exemplar_size, params.search_size) == (EXEMPLAR, SEARCH)


def test_other_trackers_have_no_response_map() -> None:
    other = dataclasses.replace(tiny_siamese(), tracker="spiketrack")
    with pytest.raises(NmError) as caught:
        tracker_params(other)
    assert caught.value.codes == ("NM0553",)
