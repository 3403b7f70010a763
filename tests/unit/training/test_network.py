"""Training sees the network that the compiler makes, and writes what the compiler reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmcompile.architectures.siamfc import SiamFCConfig
from nmcompile.backends.registry import backend_of
from nmcompile.build.compiled import Compiled, Options, lower
from nmcompile.build.execute import reference_executor
from nmcompile.frontends import load
from nmcompile.frontends.checkpoint import load_checkpoint
from nmcompile.passes.recipe import Recipe
from nmcompile.target import load_target
from nmcompile.trackers.program_engine import ProgramEngine

pytestmark = pytest.mark.torch

CONFIG = SiamFCConfig(
    channels=(8, 12, 12, 6),
    kernels=(5, 2, 3, 1),
    strides=(4, 2, 1, 1),
    groups=(1, 1, 3, 1),
    pools=(False,) * 4,
    batch_norm=(True,) * 4,
    relu=(True,) * 4,
    exemplar_size=45,
    search_size=77,
)


def _trainer(tmp_path: Path, bits: tuple[int, ...]) -> Any:
    """A trainer with levels and statistics from one batch of noise."""
    from training.trainer import Settings, Trainer

    trainer = Trainer(
        Settings(
            config=CONFIG,
            weight_bits=bits,
            minutes=1.0,
            ternary_from=0.0,
            spiking_from=0.0,
            out=tmp_path / "model.pt",
        )
    )
    trainer.net.ternary = True
    trainer.net.train()
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        trainer.net.float_features(torch.randn(8, 3, 77, 77, generator=generator))
    trainer.net.eval()
    return trainer


@pytest.mark.parametrize("bits", [(8, 8, 8, 8), (8, 2, 2, 2)], ids=["8-bit", "ternary"])
def test_the_simulation_is_the_converted_network(tmp_path: Path, bits: tuple[int, ...]) -> None:
    """Response of the integer program and of the simulation: the same but for rounding."""
    from training.checkpoint import write
    from training.pairs import normalise

    trainer = _trainer(tmp_path, bits)
    generator = torch.Generator().manual_seed(3)
    crops = torch.randint(0, 256, (2, 3, 77, 77), generator=generator, dtype=torch.uint8)
    path = tmp_path / "model.pt"
    write(trainer, path, crops)
    steps = 12
    with torch.no_grad():
        z, _ = trainer.net.spiking_features(normalise(crops[:1, :, 16:61, 16:61]), steps)
        x, _ = trainer.net.spiking_features(normalise(crops[:1]), steps)
        expected = torch.nn.functional.conv2d(x, z)[0, 0].numpy()
        fz, _ = trainer.net.float_features(normalise(crops[:1, :, 16:61, 16:61]))
        fx, _ = trainer.net.float_features(normalise(crops[:1]))
        floating = torch.nn.functional.conv2d(fx, fz)[0, 0].numpy()
    target = load_target("loihi2")
    recipe = Recipe(timesteps=steps)
    compiled = Compiled(target, Options(recipe), load(path))
    lower(compiled, backend_of(target))
    engine = ProgramEngine(reference_executor(compiled.programs["integer"]))
    images = crops.permute(0, 2, 3, 1).numpy()
    engine.set_template(images[0, 16:61, 16:61])
    (found,) = engine.respond(images[:1])
    like_simulation = np.corrcoef(found.ravel(), expected.ravel())[0, 1]
    like_float = np.corrcoef(found.ravel(), floating.ravel())[0, 1]
    assert like_simulation > 0.97
    assert like_simulation > like_float


def test_ternary_weights_stay_ternary_behind_batch_normalisation(tmp_path: Path) -> None:
    """Each output channel of conv2.. has one magnitude once batch normalisation is folded."""
    from training.checkpoint import write

    path = tmp_path / "model.pt"
    crops = torch.zeros((1, 3, 77, 77), dtype=torch.uint8)
    write(_trainer(tmp_path, (8, 2, 2, 2)), path, crops)
    state = load_checkpoint(path).state
    for layer in range(2, 5):
        norm = f"backbone.conv{layer}.1."
        factor = state[norm + "weight"] / np.sqrt(state[norm + "running_var"] + CONFIG.bn_eps)
        folded = state[f"backbone.conv{layer}.0.weight"] * factor[:, None, None, None]
        for row in np.abs(folded):
            assert np.unique(row[row > 0]).size <= 1


def test_biases_of_ternary_layers_are_bounded(tmp_path: Path) -> None:
    """The bias stays below 1.9 of what one spike adds at most; wide layers are left alone."""
    from training.weights import fold

    net = _trainer(tmp_path, (8, 2, 8, 2)).net
    for index in range(4):
        net.parts(index)[1].bias.data.fill_(1e3)
    net.bound_biases()
    ratios = []
    for index in range(4):
        conv, norm = net.parts(index)
        weight, bias = fold(conv, norm, net.weight(index))
        unit = net.levels[index - 1] if index else 1.0
        ratios.append((bias.abs().max() / weight.abs().max() / unit).item())
    assert ratios[1] == pytest.approx(1.9, rel=1e-3)
    assert ratios[3] == pytest.approx(1.9, rel=1e-3)
    assert min(ratios[0], ratios[2]) > 10.0


def test_a_checkpoint_can_be_gone_on_from(tmp_path: Path) -> None:
    """Weights and levels come back."""
    from training.checkpoint import read_start, write

    trainer = _trainer(tmp_path, (8, 8, 8, 8))
    path = tmp_path / "model.pt"
    write(trainer, path, torch.zeros((1, 3, 77, 77), dtype=torch.uint8))
    levels = trainer.net.levels.detach().clone()
    trainer.net.levels.data.fill_(1.0)
    read_start(trainer, path)
    torch.testing.assert_close(trainer.net.levels.detach(), levels, rtol=1e-5, atol=0.0)


def test_one_update_of_each_phase_changes_the_network(tmp_path: Path) -> None:
    """Float and spiking steps run and give every layer a gradient."""
    trainer = _trainer(tmp_path, (8, 2, 2, 2))
    generator = torch.Generator().manual_seed(5)
    z = torch.randint(0, 256, (3, 3, 45, 45), generator=generator, dtype=torch.uint8)
    x = torch.randint(0, 256, (3, 3, 77, 77), generator=generator, dtype=torch.uint8)
    for spiking in (False, True):
        trainer.spiking = spiking
        before = [p.detach().clone() for p in trainer.net.model.parameters() if p.ndim == 4]
        trainer.step((z, x, torch.zeros(3, 2)), 0.5)
        after = [p.detach() for p in trainer.net.model.parameters() if p.ndim == 4]
        assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
