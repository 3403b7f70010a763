"""The hybrid loop with engines that know, do not know, or remember what they were shown."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from support.dashnet import TRACKER, moving_square, small_dashnet

from nmcompile.diagnostics import NmError
from nmcompile.trackers.dashnet.loop import track_hybrid
from nmcompile.trackers.dashnet.params import HybridParams

Values = npt.NDArray[np.float64]
STILL = np.array([0.5, 0.5, 1 / 3, 1 / 3])
PARAMS = HybridParams(
    1 / 240, 1 / 240, time_unit_s=4e-3, sigma_px=10.0, ann_size_rate=1.0, snn_size_rate=1.0
)


class Finder:
    """Finds the bright square: in the frame by its light, in the events by their middle."""

    input_size, timesteps = 40, 3

    def __init__(self) -> None:
        self.frames = 0
        self.windows = 0

    def frame(self, image: npt.NDArray[np.uint8]) -> Values:
        self.frames += 1
        rows, columns = np.nonzero(image[0] > 120)
        return np.array([(columns.mean() + 0.5) / 40, (rows.mean() + 0.5) / 40, 1 / 3, 1 / 3])

    def window(self, spikes: npt.NDArray[np.uint8]) -> Values:
        self.windows += 1
        _, _, _, columns = np.nonzero(spikes[-1:, 1:])  # the newest light: the right edge
        if not len(columns):
            return STILL
        return np.array([(columns.mean() + 0.5) / 40 - 1 / 6, 0.5, 1 / 3, 1 / 3])


def test_every_output_has_a_time_and_frames_are_seen_once() -> None:
    square, engine = moving_square(), Finder()
    found = track_hybrid(engine, square, PARAMS)
    assert found.times_us.tolist() == square.box_times_us[1:].tolist()
    assert found.frame_times_us.tolist() == square.frame_times_us[1:].tolist()
    assert (engine.frames, engine.windows) == (found.ann_runs, found.snn_runs) == (3, 24)


def test_the_hybrid_follows_between_frames_and_the_held_ann_does_not() -> None:
    square = moving_square(speed=1.0)
    hybrid = track_hybrid(Finder(), square, PARAMS)
    held = track_hybrid(Finder(), square, PARAMS, mode="ann")
    truth = square.boxes_at(hybrid.times_us)
    errors = [np.abs(r.boxes[:, 0] - truth[:, 0]) for r in (hybrid, held)]
    assert errors[0].max() < 4.0
    assert errors[1].max() > 6.0
    at_frames = np.isin(hybrid.times_us, square.frame_times_us)
    assert errors[1][at_frames].max() < 1.0


def test_at_a_frame_the_output_is_the_ann_s() -> None:
    square = moving_square(speed=1.0)
    found = track_hybrid(Finder(), square, PARAMS)
    at_frames = np.isin(found.times_us, found.frame_times_us)
    np.testing.assert_array_equal(found.boxes[at_frames], found.ann_boxes)
    assert (found.snn_weights[at_frames] == 0.0).all()
    assert (found.snn_weights[~at_frames] > 0.0).all()


def test_modes_leave_a_network_out() -> None:
    square = moving_square()
    engine = Finder()
    alone = track_hybrid(engine, square, PARAMS, mode="snn")
    assert engine.frames == alone.ann_runs == 0
    assert (alone.snn_weights == 1.0).all()
    engine = Finder()
    held = track_hybrid(engine, square, PARAMS, mode="ann")
    assert engine.windows == held.snn_runs == 0
    assert np.isnan(held.snn_boxes).all()


def test_without_events_the_snn_does_not_run_and_the_box_stays() -> None:
    square = moving_square()
    silent = dataclasses.replace(square, events=square.events.between(0, 1))
    engine = Finder()
    found = track_hybrid(engine, silent, PARAMS, mode="snn")
    assert engine.windows == 0
    np.testing.assert_array_equal(found.boxes, np.repeat(square.boxes[:1], len(found.boxes), 0))


def test_without_frames_the_hybrid_starts_from_the_given_box() -> None:
    square = moving_square()
    none = np.zeros(0, np.int64)
    events = dataclasses.replace(
        square, frames=(), frame_times_us=none, boxes=None, box_times_us=none
    )
    found = track_hybrid(Finder(), events, PARAMS, init_box=(8, 18, 12, 12))
    assert len(found.boxes) > 0
    with pytest.raises(NmError) as caught:
        track_hybrid(Finder(), events, PARAMS)
    assert caught.value.diagnostics[0].code == "NM0519"


def test_torch_and_program_engines_agree() -> None:
    """The module and the float program track alike, so any level can be put in their place."""
    pytest.importorskip("torch")
    from nmcompile.architectures.dashnet import DashNet, DashNetConfig
    from nmcompile.build.execute import reference_executor
    from nmcompile.frontends.checkpoint_module import load_state
    from nmcompile.frontends.checkpoint_program import checkpoint_to_program
    from nmcompile.trackers.dashnet.program_engine import ProgramHybridEngine
    from nmcompile.trackers.dashnet.torch_engine import TorchHybridEngine

    checkpoint = small_dashnet()
    module = DashNet(DashNetConfig.from_mapping(checkpoint.config))
    load_state(module, checkpoint)
    program = checkpoint_to_program(checkpoint)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2, 40, 40)).astype(np.uint8)
    spikes = (rng.random((3, 2, 40, 40)) < 0.1).astype(np.uint8)
    first = TorchHybridEngine(module)
    second = ProgramHybridEngine(reference_executor(program))
    assert (first.input_size, first.timesteps) == (second.input_size, second.timesteps) == (40, 3)
    np.testing.assert_allclose(first.frame(image), second.frame(image), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(first.window(spikes), second.window(spikes), rtol=1e-4, atol=1e-5)


class Grower(Finder):
    """Answers that the object is twice as wide and half a width to the right."""

    def window(self, spikes: npt.NDArray[np.uint8]) -> Values:
        return np.array([0.5 + 1 / 6, 0.5, 2 / 3, 1 / 3])


def test_boxes_follow_answers_at_their_rates_and_within_the_limit() -> None:
    square = moving_square(speed=1.0)
    slow = dataclasses.replace(PARAMS, snn_rate=0.5, snn_size_rate=0.25)
    found = track_hybrid(Grower(), square, slow, mode="snn").boxes
    np.testing.assert_allclose(found[0], [8 + 3 - 1.5, 18, 15, 12])
    assert found[:, 2].max() == pytest.approx(36.0)
    assert (found[:, 3] == 12.0).all()


def test_parameters_are_checked() -> None:
    assert HybridParams.from_mapping(TRACKER).time_unit_s == 4e-3
    for wrong in (
        {"sigma_px": 0.0},
        {"period_s": 1e-2},
        {"sigma": 3.0},
        {"sigma_px": "3"},
        {"snn_rate": 2},
    ):
        with pytest.raises(NmError) as caught:
            HybridParams.from_mapping({**TRACKER, **wrong})
        assert caught.value.diagnostics[0].code == "NM0517"
