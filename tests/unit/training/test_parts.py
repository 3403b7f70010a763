"""Spikes, weights, losses and pictures of the training scripts."""

from __future__ import annotations

import pytest
import torch

pytestmark = pytest.mark.torch


def test_constant_current_rounds_to_nearest() -> None:
    """With a membrane that starts at one half, T steps count round(T current / level)."""
    from training.spiking import spikes_of_constant

    current = torch.tensor([-1.0, 0.0, 0.04, 0.06, 0.5, 0.94, 1.0, 7.0])
    counts = spikes_of_constant(current, torch.tensor(1.0), 10).sum(0)
    assert counts.tolist() == [0, 0, 0, 1, 5, 9, 10, 10]


def test_late_inhibition_cannot_take_a_spike_back() -> None:
    """Excitation first, inhibition later: the mean input is zero, the count is not."""
    from training.spiking import spikes_of_spikes

    conv = torch.nn.Conv2d(2, 1, 1)
    spikes = torch.zeros(4, 1, 2, 1, 1)
    spikes[:2, 0, 0] = 1.0
    spikes[2:, 0, 1] = 1.0
    weight = torch.tensor([1.0, -1.0]).reshape(1, 2, 1, 1)
    fired = spikes_of_spikes(spikes, conv, weight, torch.zeros(1), torch.tensor(1.0))
    assert fired.flatten().tolist() == [1.0, 1.0, 0.0, 0.0]


def test_the_level_learns_from_what_it_clips() -> None:
    """Clipped values ask for a higher level, the values themselves get no gradient then."""
    from training.spiking import even_rate, passed_on

    current = torch.tensor([2.0], requires_grad=True)
    level = torch.tensor(1.0, requires_grad=True)
    passed_on(current, level, even_rate(current, level, 8).detach()).sum().backward()  # type: ignore[no-untyped-call]
    assert current.grad is not None
    assert level.grad is not None
    assert float(current.grad) == 0.0
    assert float(level.grad) == 1.0


def test_ternary_weights() -> None:
    """Three values per output channel, gradient straight through."""
    from training.weights import ternary

    weight = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = ternary(weight)
    for row in found.detach():
        assert row.abs().unique().numel() == 2
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert torch.equal(weight.grad, torch.ones_like(weight))


def test_losses_see_shape_not_size() -> None:
    """A response that is a scaled and shifted copy of the teacher's costs nothing."""
    from training.losses import fidelity, teacher_loss

    taught = torch.randn(4, 4, 5, 5, generator=torch.Generator().manual_seed(1))
    right = torch.tensor([True, True, False, True])
    assert float(teacher_loss(3.0 * taught + 2.0, taught, right)) == pytest.approx(0.0, abs=1e-4)
    other = taught.clone()
    other[2, 2] = -other[2, 2]
    missed = float(teacher_loss(other, taught, right))
    assert missed < float(teacher_loss(other, taught, torch.ones(4, dtype=torch.bool)))
    assert float(fidelity(-taught, taught)) == pytest.approx(-1.0, abs=1e-4)


def test_pictures_are_told_apart_and_licensed() -> None:
    """Nothing held out is trained on; what is fetched has an archive; every licence is free."""
    import fetch_photos
    import photos

    def places(pictures: tuple[photos.Picture, ...]) -> set[tuple[str, str]]:
        return {(p.package, p.name) for p in pictures}

    assert not places(photos.TRAINING) & places(photos.HELD_OUT)
    assert len(places(photos.TRAINING)) == len(photos.TRAINING)
    assert {p.package for p in photos.FETCHED} == {a.folder for a in fetch_photos.ARCHIVES}
    free = ("CC0", "CC BY ", "CC BY-SA ", "public domain", "no known copyright", "BSD-3-Clause")
    assert all(p.licence.startswith(free) for p in (*photos.TRAINING, *photos.HELD_OUT))
