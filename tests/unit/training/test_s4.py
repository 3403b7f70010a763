"""S4's labels, losses, pairs and stages."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmcompile.architectures.siamfcpp import Maps, SiamFCppConfig

pytestmark = pytest.mark.torch

CONFIG = SiamFCppConfig(
    channels=(4,) * 5, head=4, exemplar_size=95, search_size=207, kernels=(5, 3, 3, 3, 3)
)
NAN = float("nan")


def batch(boxes: list[list[float]], present: list[bool]) -> Any:
    """Noise with these boxes."""
    from training.s4_pairs import Batch

    count, rng = len(boxes), np.random.default_rng(0)
    z, x = (
        torch.from_numpy(rng.integers(0, 256, (count, 3, s, s), dtype=np.uint8)) for s in (95, 207)
    )
    return Batch(z, x, torch.tensor(boxes), torch.tensor(present))


def perfect(target: Any) -> Maps:
    """Maps that say what they should."""
    score = (target.inside * 2 - 1)[:, None] * 12
    centre = torch.logit(target.centre.clamp(1e-4, 1 - 1e-4))[:, None]
    return Maps(score, centre, target.distances.clamp(min=1e-3))


def test_targets_say_where_the_object_is() -> None:
    from training.s4_losses import places, targets

    assert places(CONFIG).tolist() == [71 + 8 * k for k in range(9)]
    boxes = [[103.0, 103.0, 40.0, 24.0], [103.0, 103.0, NAN, NAN], [103.0, 103.0, 40.0, 24.0]]
    found = targets(batch(boxes, [True, True, False]), CONFIG)
    assert found.inside[0].sum() == 5 * 3
    assert found.centre[0, 4, 4] == 1
    assert found.centre[0].max() == 1
    assert found.distances[0, :, 4, 4].tolist() == [20, 12, 20, 12]
    assert found.distances[0, :, 4, 5].tolist() == [28, 12, 12, 12]
    assert found.inside[1].sum() > 0
    assert found.outlined[1].sum() == 0
    assert found.inside[2].sum() == 0


def test_the_right_answer_costs_least() -> None:
    from training.s4_losses import label_loss, targets

    target = targets(batch([[107.0, 99.0, 40.0, 30.0]], [True]), CONFIG)
    right = perfect(target)
    best = label_loss(right, target)
    wrong = (
        right._replace(score=-right.score),
        right._replace(centre=-right.centre),
        right._replace(box=right.box * 1.3),
    )
    assert all(label_loss(maps, target) > best + 0.05 for maps in wrong)


def test_every_distillation_loss_can_be_switched_off() -> None:
    from training.s4_losses import NOTHING, Distillation, Seen, targets, teacher_loss

    maps = perfect(targets(batch([[107.0, 99.0, 40.0, 30.0]], [True]), CONFIG))
    necks = tuple(torch.randn(1, 4, 3, 3) for _ in range(4))
    taught = Seen(maps, necks, ())
    others = {
        "feature": Seen(maps, tuple(n + 1 for n in necks), ()),
        "response": Seen(maps._replace(score=-maps.score), necks, ()),
        "box": Seen(maps._replace(box=maps.box * 2), necks, ()),
    }
    assert not NOTHING.any
    for name, seen in others.items():
        for switched in others:
            weights = Distillation(**{switched: 1.0})
            same = teacher_loss(taught, taught, weights)
            assert bool(teacher_loss(seen, taught, weights) > same + 1e-3) == (name == switched)
        assert teacher_loss(seen, taught, NOTHING) == 0


def test_pairs_are_cut_and_mirrored_with_their_boxes() -> None:
    """A white square stays where the box says."""
    from training.s4_pairs import MARGIN, Pool, _record

    records = np.zeros(4, _record(CONFIG))
    middle = (207 + 2 * MARGIN - 1) // 2
    for record in records:
        record["x"][middle - 10 : middle + 11, middle + 10 : middle + 41] = 255
        record["box"] = (25.0, 0.0, 31.0, 21.0)
    pool = object.__new__(Pool)
    pool.config, pool.files = CONFIG, [records]
    drawn = pool.draw(np.random.default_rng(0), 16)
    assert len({tuple(b) for b in drawn.boxes.tolist()}) > 8
    for crop, box in zip(drawn.x, drawn.boxes.numpy(), strict=True):
        rows, columns = np.nonzero(crop[0].numpy())
        assert [columns.mean(), rows.mean()] == box[:2].tolist()
        assert [np.ptp(columns) + 1, np.ptp(rows) + 1] == box[2:].tolist()
    assert drawn.x.shape == (16, 3, 207, 207)


def test_pruning_keeps_what_was_learned(tmp_path: Path) -> None:
    """From T = 2 to T = 1: weights, leaks and thresholds; from the ANN: fresh neurons."""
    from training.s4_trainer import load

    from nmcompile.architectures.siamfcpp import SiamFCpp

    model = SiamFCpp(dataclasses.replace(CONFIG, timesteps=2))
    with torch.no_grad():
        model.backbone.neurons[1].leak.fill_(0.7)  # type: ignore[operator,union-attr]
    path = tmp_path / "t2.state"
    torch.save({"config": model.config.to_mapping(), "model": model.state_dict()}, path)
    pruned = load(path, 1)
    assert pruned.config.timesteps == 1
    for name, value in model.state_dict().items():
        assert torch.equal(pruned.state_dict()[name], value), name
    ann = SiamFCpp(CONFIG)
    torch.save({"config": CONFIG.to_mapping(), "model": ann.state_dict()}, path)
    spiking = load(path, 3)
    assert torch.equal(spiking.backbone.convs[0][0].weight, ann.backbone.convs[0][0].weight)  # type: ignore[index]
    assert len(spiking.backbone.neurons) == 5


def test_a_stopped_stage_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    from training.s4_losses import Distillation
    from training.s4_trainer import Stage, Trainer

    teacher = Trainer(Stage(CONFIG, tmp_path / "ann.state", tmp_path, updates=4))
    teacher.save()
    stage = Stage(
        dataclasses.replace(CONFIG, timesteps=1),
        tmp_path / "a.state",
        tmp_path,
        updates=4,
        start=tmp_path / "ann.state",
        teacher=tmp_path / "ann.state",
        distillation=Distillation(1.0, 1.0, 1.0),
    )
    example = batch([[107.0, 99.0, 40.0, 30.0]] * 2, [True, False])
    whole = Trainer(stage)
    losses = [whole.step(example) for _ in range(2)]
    stopped = Trainer(stage)
    assert stopped.step(example) == losses[0]
    stopped.save()
    again = Trainer(stage)
    assert again.done == 0.25
    assert again.step(example) == losses[1]
    assert np.isfinite(losses).all()
