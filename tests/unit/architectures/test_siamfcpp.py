"""SiamFC++ with AlexNet: the published sizes and work, its spiking backbone, refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from nmcompile.architectures.siamfcpp import LIF, SiamFCpp, SiamFCppConfig, build, depthwise
from nmcompile.diagnostics import NmError

pytestmark = pytest.mark.torch

SMALL = SiamFCppConfig(channels=(8, 12, 16, 16, 12), head=8)


def work(model: SiamFCpp) -> Counter[str]:
    """MACs of the convolutions of one exemplar and one search crop; nothing is computed."""
    found: Counter[str] = Counter()
    config = model.config
    part = ["exemplar"]

    def count(name: str) -> object:
        def convolution(layer: nn.Module, _: object, out: torch.Tensor) -> None:
            where = "backbone" if name.startswith("backbone") else "head"
            macs = out.numel() * layer.weight[0].numel()  # type: ignore[operator,union-attr,index]
            found[f"{part[-1]} {where}"] += macs

        return convolution

    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count(name))  # type: ignore[arg-type]
    kernels = model.exemplar(torch.zeros(1, 3, *[config.exemplar_size] * 2, device="meta"))
    part.append("search")
    model.search(torch.zeros(1, 3, *[config.search_size] * 2, device="meta"), kernels)
    return found


def test_full_size_has_the_published_parameters_and_work() -> None:
    with torch.device("meta"):
        model = SiamFCpp(SiamFCppConfig()).eval()
    parameters = [sum(p.numel() for p in m.parameters()) for m in (model.backbone, model)]
    assert parameters[0] == 3_749_952
    assert parameters[1] - parameters[0] == 5_905_428
    found = work(model)
    assert found["search backbone"] == 6_472_185_120
    assert found["exemplar backbone"] == 710_564_640
    assert found["search head"] / 1e9 == pytest.approx(2.09, abs=6e-3)
    assert model.config.score_size == 17


def test_spiking_backbone_repeats_all_but_the_first_layer() -> None:
    with torch.device("meta"):
        ann = SiamFCpp(SiamFCppConfig()).eval()
        spiking = SiamFCpp(SiamFCppConfig(timesteps=3)).eval()
    first = 96 * 3 * 121 * 147**2
    once, thrice = (work(m)["search backbone"] - first for m in (ann, spiking))
    assert thrice == 3 * once


@pytest.mark.parametrize("timesteps", [0, 1, 3])
def test_a_small_network_runs_and_learns(timesteps: int) -> None:
    torch.manual_seed(0)
    model = build(replace(SMALL, timesteps=timesteps).to_mapping()).train()
    maps = model(torch.randn(1, 3, 127, 127), torch.randn(1, 3, 303, 303))
    assert [tuple(m.shape) for m in maps] == [(1, n, 17, 17) for n in (1, 1, 4)]
    assert maps.box.min() > 0
    torch.stack([m.mean() for m in maps]).sum().backward()
    for name, parameter in model.named_parameters():
        if timesteps != 1 or not name.endswith("leak"):
            assert parameter.grad is not None, name
    weight = model.backbone.convs[1][0].weight.grad  # type: ignore[index]
    assert weight.abs().sum() > 0


def test_kernels_and_strides_of_a_small_network() -> None:
    config = replace(SMALL, kernels=(5, 3, 3, 3, 3), exemplar_size=95, search_size=207)
    assert (config.score_size, config.stride) == (9, 8)
    coarse = replace(config, strides=(4, 1, 1, 1, 1), exemplar_size=191, search_size=383)
    assert coarse.stride == 16
    assert SiamFCppConfig.from_mapping(config.to_mapping()) == config
    maps = SiamFCpp(config).eval()(torch.zeros(1, 3, 95, 95), torch.zeros(1, 3, 207, 207))
    assert maps.box.shape == (1, 4, 9, 9)


def test_neuron_keeps_what_is_left_of_its_threshold() -> None:
    spikes = LIF()(torch.tensor([0.6, 0.8, 0.4, 0.0]).unbind())
    # u = 0.6, then 0.3 + 0.8 = 1.1 fires and leaves 0.1, then 0.05 + 0.4.
    assert [float(s.detach()) for s in spikes] == [0, 1, 0, 0]


def test_depthwise_correlation_keeps_channels_apart() -> None:
    torch.manual_seed(1)
    x, kernel = torch.randn(2, 3, 9, 8), torch.randn(2, 3, 4, 3)
    found = depthwise(x, kernel)
    for n in range(2):
        for channel in range(3):
            wanted = functional.conv2d(x[n, channel][None, None], kernel[n, channel][None, None])
            torch.testing.assert_close(found[n, channel], wanted[0, 0])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channels", [8, 8]),
        ("timesteps", -1),
        ("search_size", 127),
        ("pools", [1]),
        ("kernels", [3]),
        ("groups", [1, 3, 1, 1, 1]),
    ],
)
def test_impossible_configurations_are_refused(field: str, value: object) -> None:
    with pytest.raises(NmError, match=r"NM0111"):
        build({**SMALL.to_mapping(), field: value})
