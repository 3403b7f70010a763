"""SpikeTrack's training: what freezing keeps, what the losses say, what is rendered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nmcompile.architectures.spiketrack.config import SpikeTrackConfig
from nmcompile.architectures.spiketrack.head import Maps
from nmcompile.architectures.spiketrack.layers import FrozenBN
from nmcompile.architectures.spiketrack.memory import MemoryRetrieval
from nmcompile.architectures.spiketrack.network import SpikeTrack
from nmcompile.datasets.photometric import Image
from nmcompile.frontends.checkpoint import load_checkpoint
from nmcompile.frontends.checkpoint_module import load_state

pytestmark = pytest.mark.torch

CONFIG = SpikeTrackConfig(channels=(8, 8, 8, 16), blocks=(1, 1), head_width=16, size=64)


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (300, 400, 3), dtype=np.uint8) for _ in range(3)]


def maps_with(box: tuple[float, float, float, float], side: int = 4) -> Maps:
    """Maps that are certain of one box."""
    x, y, width, height = box
    column, row = int(x * side), int(y * side)
    score = torch.full((1, 1, side, side), 1e-4)
    score[0, 0, row, column] = 1 - 1e-4
    grid = torch.arange(side).float()
    offset = torch.stack(
        [(x * side - grid).expand(side, -1), (y * side - grid)[:, None].expand(-1, side)]
    )
    size = torch.tensor([width, height]).reshape(1, 2, 1, 1).expand(1, 2, side, side)
    return Maps(score, offset[None], size)


def test_a_thawed_network_becomes_the_defined_one() -> None:
    from training.spiketrack_trainer import frozen, thawed

    torch.manual_seed(0)
    net = thawed(SpikeTrack(CONFIG)).train()
    assert not any(isinstance(part, FrozenBN) for part in net.modules())
    crops = torch.randn(1, 4, 3, 64, 64)
    for _ in range(3):
        net(crops, crops.flip(1))
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 2)
            nn.init.uniform_(part.bias, 0, 1)
    made = frozen(net, CONFIG)
    assert set(made.state_dict()) == set(SpikeTrack(CONFIG).state_dict())
    net.eval()
    with torch.no_grad():
        wanted, found = net(crops, crops.flip(1)), made(crops, crops.flip(1))
    for a, b in zip(wanted, found, strict=True):
        torch.testing.assert_close(a, b)
    assert wanted.offset.std() > 0


def test_losses_are_smallest_at_the_true_box() -> None:
    from training import spiketrack_losses

    box = (0.4, 0.6, 0.3, 0.2)
    truth, yes = torch.tensor([box]), torch.tensor([True])
    right = spiketrack_losses.loss(maps_with(box), truth, yes, yes)
    assert right < 0.01
    for other in ((0.5, 0.6, 0.3, 0.2), (0.4, 0.6, 0.2, 0.3), (0.9, 0.1, 0.3, 0.2)):
        assert spiketrack_losses.loss(maps_with(other), truth, yes, yes) > right + 0.1
    torch.testing.assert_close(spiketrack_losses.found(maps_with(box)), truth)


def test_without_an_outline_only_the_area_counts() -> None:
    from training import spiketrack_losses

    truth, yes = torch.tensor([[0.4, 0.6, 0.3, 0.3]]), torch.tensor([True])
    wide = maps_with((0.4, 0.6, 0.6, 0.15))
    assert spiketrack_losses.loss(wide, truth, ~yes, yes) < 0.01
    assert spiketrack_losses.loss(wide, truth, yes, yes) > 0.5


def test_where_the_target_is_not_every_score_has_to_be_low() -> None:
    from training import spiketrack_losses

    box = (0.4, 0.6, 0.3, 0.2)
    truth = torch.tensor([box, box])
    maps = Maps(*(part.repeat(2, 1, 1, 1) for part in maps_with(box)))
    yes, second = torch.tensor([True, True]), torch.tensor([False, True])
    low = Maps(maps.score.clone(), maps.offset, maps.size)
    low.score[0] = 1e-4
    assert spiketrack_losses.loss(maps, truth, yes, yes) < 0.01
    assert spiketrack_losses.loss(maps, truth, yes, second) > 2
    assert spiketrack_losses.loss(low, truth, yes, second) < 0.01
    assert spiketrack_losses.loss(low, truth, yes, yes) > 2


def test_a_second_template_begins_as_the_first() -> None:
    from training.spiketrack_trainer import for_templates

    torch.manual_seed(1)
    one, two = SpikeTrack(CONFIG), SpikeTrack(replace(CONFIG, steps=2))
    made = for_templates(one.state_dict(), 2)
    two.load_state_dict(made)
    for part in (m for m in two.modules() if isinstance(m, MemoryRetrieval)):
        assert torch.equal(part.local[0].conv.weight, part.local[1].conv.weight)
        assert torch.equal(part.reduce[0].conv.weight, part.reduce[1].conv.weight)
        assert torch.equal(part.positions.template[0], part.positions.template[1])
    made["backbone.3.local.1.conv.weight"] = made["backbone.3.local.1.conv.weight"] + 1
    again = for_templates(made, 2)
    assert torch.equal(
        again["backbone.3.local.1.conv.weight"], made["backbone.3.local.1.conv.weight"]
    )


def test_overlaps_are_those_of_the_definition() -> None:
    from training import spiketrack_losses

    a, b = torch.tensor([[0.25, 0.5, 0.5, 1.0]]), torch.tensor([[0.75, 0.5, 0.5, 1.0]])
    both, generalised = spiketrack_losses.generalised_overlap(a, b)
    assert both.item() == 0
    assert generalised.item() == pytest.approx(0)
    half = torch.tensor([[0.5, 0.5, 0.5, 1.0]])
    assert spiketrack_losses.generalised_overlap(a, half)[0].item() == pytest.approx(1 / 3)


def test_shots_show_the_target_where_the_box_says(pictures: list[Image]) -> None:
    from training.spiketrack_pairs import ShotRenderer, batch

    renderer = ShotRenderer(pictures, 64, 2, 3)
    templates, searches, boxes, outlined = batch(renderer, np.random.default_rng(3), 8)
    assert templates.shape == (2, 8, 3, 64, 64)
    assert searches.shape == (3, 8, 3, 64, 64)
    assert outlined.shape == (8,)
    assert boxes[..., :2].min() > 0.1
    assert boxes[..., :2].max() < 0.9
    side = boxes[..., 2:].prod(-1).sqrt()
    assert side.min() > 0.1
    assert side.max() < 0.5
    again = batch(ShotRenderer(pictures, 64, 2, 3), np.random.default_rng(3), 8)
    torch.testing.assert_close(searches, again[1])


def test_a_training_goes_on_and_becomes_a_checkpoint(
    tmp_path: Path, pictures: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    from training import spiketrack_checkpoint
    from training.spiketrack_pairs import ShotRenderer, batch
    from training.spiketrack_trainer import Settings, Trainer

    settings = Settings(CONFIG, 1.0, tmp_path / "t.state", batch=3)
    examples = batch(ShotRenderer(pictures, 64, 1, 2), np.random.default_rng(0), 3)
    trainer = Trainer(settings)
    first = trainer.step(examples)
    assert np.isfinite(first)
    templates, searches, boxes, outlined = examples
    told = trainer.check((templates, searches[:1], boxes[:1], outlined))
    assert told["best"] == told["overlap"] > -1
    trainer.elapsed_s = 7.0
    trainer.save()
    again = Trainer(settings)
    assert (again.updates, again.elapsed_s) == (1, 7.0)
    for a, b in zip(trainer.net.parameters(), again.net.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    crops = examples[1][0]
    monkeypatch.setattr(spiketrack_checkpoint, "calibration", lambda _: crops)
    state = spiketrack_checkpoint.start(settings.state)
    spiketrack_checkpoint.write(CONFIG, state, tmp_path / "t.pt")
    made = load_checkpoint(tmp_path / "t.pt")
    assert SpikeTrackConfig.from_mapping(made.config) == CONFIG
    load_state(SpikeTrack(CONFIG), made)
