"""The parts of a build that no command shows on its own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.nets import tiny_siamese

from nmcompile.build import calibration, stimuli
from nmcompile.build.deployment import new_folder, write_manifest
from nmcompile.build.execute import reference_executor
from nmcompile.build.host_work import with_host_ops
from nmcompile.diagnostics import NmError
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import Calibration


def tracker() -> Program:
    base = tiny_siamese()
    schedule = (
        Step("crop_template", "on_init", "host"),
        base.schedule[0],
        Step("crop_search", "every_frame", "host", repeat=3),
        base.schedule[1],
        Step("peak", "every_frame", "host"),
    )
    return dataclasses.replace(base, schedule=schedule, tracker="siamfc")


def test_host_work_counts_crops_per_run_and_the_window_once() -> None:
    counted = with_host_ops(tracker())
    assert dict(counted.step("crop_search").host_ops) == {"crop_pixels": 47 * 47}
    assert dict(counted.step("crop_template").host_ops) == {"crop_pixels": 31 * 31}
    peak = dict(counted.step("peak").host_ops)
    assert peak["upsample_pixels"] == 3 * 272 * 272
    assert peak["window_multiplies"] == 2 * 272 * 272


def test_a_program_without_tracker_keeps_its_schedule() -> None:
    assert with_host_ops(tiny_siamese()) == tiny_siamese()


def test_frames_are_central_crops_of_the_images() -> None:
    images = np.arange(3 * 60 * 60, dtype=np.uint32).reshape(1, 3, 60, 60).astype(np.uint8)
    (frame,) = stimuli.frames(tracker(), images, 1)
    np.testing.assert_array_equal(frame.frame, images[0][:, 6:53, 6:53])
    assert frame.init is not None
    np.testing.assert_array_equal(frame.init, images[0][:, 14:45, 14:45])


def test_without_images_frames_are_seeded_and_differ() -> None:
    one, two = stimuli.frames(tracker(), None, 2)
    again, _ = stimuli.frames(tracker(), None, 2)
    np.testing.assert_array_equal(one.frame, again.frame)
    assert (one.frame != two.frame).any()
    assert stimuli.is_seeded(tracker(), None)


def test_recorded_inputs_follow_the_schedule_and_count() -> None:
    executor = reference_executor(tracker())
    made = stimuli.frames(tracker(), None, 2)
    seen = stimuli.recorded_inputs(executor, made)
    assert {name: len(inputs) for name, inputs in seen.items()} == {"template": 2, "search": 2}


def test_calibration_folder_is_read_in_name_order(tmp_path: Path) -> None:
    for name, value in (("b.png", 200), ("a.png", 20)):
        cv2.imwrite(str(tmp_path / name), np.full((10, 12, 3), value, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    images = calibration.folder_images(tmp_path, (31, 31))
    assert images.shape == (2, 31, 31, 3)
    assert images[0].max() == 20


def test_empty_calibration_folder_is_a_diagnostic(tmp_path: Path) -> None:
    with pytest.raises(NmError) as caught:
        calibration.choose(str(tmp_path), None, (31, 31))
    assert caught.value.codes == ("NM0525",)


def test_the_users_calibration_wins_over_the_stored_one() -> None:
    stored = Calibration("checkpoint scales", None, (("a", 1.0),))
    assert calibration.choose(None, stored, (31, 31)) is stored
    made = calibration.choose("synthetic", stored, (31, 31))
    assert made is not None
    assert made.origin == "synthetic"
    again = calibration.choose("synthetic", None, (31, 31))
    assert again is not None
    np.testing.assert_array_equal(made.images, again.images)


def test_a_failed_build_leaves_the_earlier_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with new_folder(out) as folder:
        (folder / "x").write_text("1")
        write_manifest(folder, {})
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    with pytest.raises(RuntimeError), new_folder(out) as folder:
        (folder / "x").write_text("2")
        raise RuntimeError("the disk is full")
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]
