"""DashNet's training: losses, scenes, examples, and a few updates that can be gone on from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.torch


def test_loss_is_squared_errors_and_squared_weights() -> None:
    from training.box_loss import box_loss

    predicted = torch.tensor([[1.0, 2, 3, 4], [0, 0, 0, 0]])
    truth = torch.tensor([[1.0, 2, 3, 6], [1, 0, 0, 0]])
    loss = box_loss(predicted, truth, [torch.tensor([[3.0, 4.0]])], 0.1)
    assert float(loss) == pytest.approx((4 + 1) / 2 + 0.1 * 25)


def test_overlaps_of_centred_boxes() -> None:
    from training.box_loss import overlaps

    a = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    b = torch.tensor([[0.6, 0.5, 0.2, 0.2], [0.0, 0.0, 1.0, 0.5], [5.0, 5.0, 1.0, 1.0]])
    torch.testing.assert_close(overlaps(a, b), torch.tensor([1 / 3, 0.5, 0.0]))


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    from nmcompile.datasets.events.generated import textures

    return list(textures(3, 128))


def test_a_record_s_bins_are_the_film_s_events(photos: list[np.ndarray]) -> None:
    from training.hybrid_films import film, record

    from nmcompile.trackers.dashnet.view import View

    recording, pictures = film(6, photos, frames=3)
    again, _ = film(6, photos, frames=3)
    assert recording.events.digest() == again.events.digest()
    assert pictures.shape[0] == len(recording.box_times_us) == 17
    kept = record(6, photos)
    full, _ = film(6, photos)
    view = View(0.0, 0.0, 240.0, 180.0)
    end_us = int(full.box_times_us[9])
    start_us = int(full.box_times_us[5])
    wanted = view.spikes(full.events, end_us, end_us - start_us, 4, 30)
    found = view.spikes(kept.window(9, 4), 9, 4, 4, 30)
    assert wanted.sum() > 100
    # The times of bins are rounded to microseconds: an event at a border may change its bin.
    assert np.mean(wanted.max(axis=0) != found.max(axis=0)) == 0.0
    assert np.mean(wanted != found) < 1e-3


def test_training_learns_and_goes_on_where_it_stopped(
    photos: list[np.ndarray], tmp_path: Path
) -> None:
    from training.hybrid_films import record
    from training.hybrid_pairs import Examples, Pool, Shape
    from training.hybrid_trainer import Settings, Trainer

    from nmcompile.architectures.dashnet import DashNetConfig

    config = DashNetConfig(input_size=40, ann_width=0.125, snn_width=0.125, timesteps=3)
    examples = Examples([record(5, photos)], Shape(40, 3, 10.0), 0)
    pool = Pool(examples, 24, 24, 0)
    for name in ("ann", "snn"):
        settings = Settings(config, name, 1.0, tmp_path / f"{name}.state", batch=8)
        trainer = Trainer(settings, pool)
        losses = [trainer.step() for _ in range(12)]
        assert np.mean(losses[-4:]) < np.mean(losses[:4])
        told = trainer.check(pool)
        assert 0.0 < told["overlap"] == told["best"] <= 1.0
        trainer.save()
        again = Trainer(settings, pool)
        assert again.updates == 12
        for key, value in trainer.net.state_dict().items():
            assert torch.equal(again.net.state_dict()[key], value)
            assert torch.equal(again.best[1][key], value)
        trainer.elapsed_s = 30.0
        trainer.save()
        assert Trainer(settings, pool).elapsed_s == 30.0
        assert Trainer(replace(settings, anew=True), pool).elapsed_s == 0.0


def test_mirrored_examples_have_mirrored_boxes(photos: list[np.ndarray]) -> None:
    """The sum of a plane and its box's centre stay together under flips."""
    from training.hybrid_pairs import Pool

    pool = Pool.__new__(Pool)
    pool._random = torch.Generator().manual_seed(0)
    plane = torch.zeros(1, 1, 8, 8)
    plane[0, 0, 1, 2] = 1.0
    box = torch.tensor([[2.5 / 8, 1.5 / 8, 0.1, 0.2]])
    seen = set()
    for _ in range(20):
        flipped, boxes = pool._mirrored(plane, box)
        _, _, row, column = np.argwhere(flipped.numpy())[0]
        assert boxes[0].tolist() == pytest.approx([(column + 0.5) / 8, (row + 0.5) / 8, 0.1, 0.2])
        seen.add((int(row), int(column)))
    assert len(seen) == 4
