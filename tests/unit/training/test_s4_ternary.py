"""S4 for cores of 256 axons: ternary weights, small biases, membranes without a leak."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmcompile.architectures.siamfcpp import SiamFCpp, SiamFCppConfig

pytestmark = pytest.mark.torch

CONFIG = SiamFCppConfig(
    channels=(4, 8, 8, 8, 4),
    head=4,
    exemplar_size=95,
    search_size=207,
    timesteps=1,
    kernels=(5, 3, 1, 3, 1),
    groups=(1, 2, 1, 4, 1),
)
AXONS = 256


def network() -> SiamFCpp:
    torch.manual_seed(0)
    return SiamFCpp(CONFIG).eval()


def convolutions(model: SiamFCpp) -> list[Any]:
    return [block[0] for block in model.backbone.convs]  # type: ignore[index]


def test_weights_behind_the_first_layer_are_ternary_and_membranes_keep_all() -> None:
    from training.s4_ternary import make_ternary

    model = network()
    first, *before = [c.weight.detach().clone() for c in convolutions(model)]
    make_ternary(model)
    make_ternary(model)  # twice is once
    assert torch.equal(convolutions(model)[0].weight, first)
    for conv, real in zip(convolutions(model)[1:], before, strict=True):
        for row, was in zip(conv.weight.detach(), real, strict=True):
            scale = float(row.abs().max())
            assert set((row / scale).unique().tolist()) <= {-1.0, 0.0, 1.0}
            assert bool((row * was >= 0).all())
    assert all(float(torch.sigmoid(n.leak)) == 1.0 for n in model.backbone.neurons)  # type: ignore[arg-type]
    loss = model.backbone(torch.randn(1, 3, 95, 95)).sum()
    loss.backward()
    learned = [p for n, p in model.backbone.named_parameters() if n.endswith("original")]
    assert len(learned) == 4
    assert all(p.grad is not None for p in learned)


def test_folded_biases_stay_within_two_spikes() -> None:
    from training.network import BIAS_LIMIT
    from training.s4_ternary import bound_biases, make_ternary
    from training.weights import fold

    model = network()
    make_ternary(model)
    with torch.no_grad():
        for name, value in model.backbone.named_parameters():
            if name.endswith("1.bias"):
                value.normal_(0.0, 3.0)
    bound_biases(model)
    for block in list(model.backbone.convs)[1:]:
        conv, norm = block.children()
        weight, bias = fold(conv, norm, conv.weight)  # type: ignore[arg-type]
        assert bool((bias.abs() <= BIAS_LIMIT * weight.abs().amax((1, 2, 3)) * 1.001).all())
        assert bool((bias.abs() > 0).any())


def test_a_state_becomes_an_integrate_and_fire_checkpoint(tmp_path: Path) -> None:
    from training.s4_checkpoint import write
    from training.s4_trainer import Stage, Trainer, load

    from nmcompile.frontends.checkpoint import load_checkpoint
    from nmcompile.frontends.checkpoint_program import checkpoint_to_program
    from nmcompile.ir import ops
    from nmcompile.ir.neurons import LIF

    ann = Trainer(Stage(dataclasses.replace(CONFIG, timesteps=0), tmp_path / "ann.state", tmp_path))
    ann.save()
    stage = Stage(
        CONFIG, tmp_path / "t1.state", tmp_path, start=tmp_path / "ann.state", ternary=True
    )
    trainer = Trainer(stage)
    trainer.save()
    crops = torch.randn(1, 3, 95, 95)
    wanted = trainer.model.eval().backbone(crops)
    assert torch.equal(load(stage.state).eval().backbone(crops), wanted)
    write(stage.state, tmp_path / "t1.pt", half=True)
    program = checkpoint_to_program(load_checkpoint(tmp_path / "t1.pt"))
    for node in program.network("search").nodes:
        if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, LIF):
            assert float(node.op.model.v_keep.data) == 1.0
        if isinstance(node.op, ops.Conv2d) and node.label != "backbone.convs.0":
            assert len(np.unique(np.abs(node.op.weight.data[0]))) <= 2


def test_the_shipped_shape_fits_two_axons_per_input() -> None:
    script = Path(__file__).resolve().parents[3] / "models" / "s4-truenorth" / "train.py"
    train: Any = runpy.run_path(str(script))
    model = SiamFCpp(train["CONFIG"])
    inputs = [convolution.weight[0].numel() for convolution in convolutions(model)]
    assert all(2 * count <= AXONS for count in inputs[1:])
    assert train["CONFIG"].score_size == 9
    assert all(part.ternary for part in list(train["PARTS"].values())[1:])
