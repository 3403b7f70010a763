"""DashNet's networks: published sizes, the neuron, its gradient, refusals."""

from __future__ import annotations

import math

import pytest
import torch

from nmcompile import architectures
from nmcompile.architectures.dashnet import DashNet, DashNetConfig, LifLayer
from nmcompile.diagnostics import NmError

pytestmark = pytest.mark.torch

SMALL = DashNetConfig(input_size=40, ann_width=0.125, snn_width=0.125, timesteps=3)


def test_published_networks_have_the_published_work() -> None:
    """152 x 152 reproduces the paper's 32.3 M multiplications; layers as hand-computed."""
    config = DashNetConfig()
    ann, snn = config.ann_layers, config.snn_layers
    assert [row.macs for row in ann] == [
        *(1_498_176, 11_520_000, 10_616_832, 2_359_296, 2_097_152, 4_194_304, 4_096)
    ]
    assert sum(row.macs for row in ann) == 32_289_856
    assert sum(row.neurons for row in ann) == 165_220
    assert sum(row.macs for row in snn) == 114_909_440
    assert sum(row.neurons for row in snn) == 186_628


def test_published_networks_have_the_published_parameters() -> None:
    with torch.device("meta"):
        net = DashNet(DashNetConfig())
    assert sum(p.numel() for p in net.ann.parameters()) == 4_440_228
    assert sum(p.numel() for p in net.snn.parameters()) == 13_384_260


@pytest.mark.parametrize("size", [40, 76, 95])
def test_stated_sizes_are_what_the_networks_compute(size: int) -> None:
    """Neurons of every layer as the module computes them, odd sizes too."""
    config = DashNetConfig(input_size=size, ann_width=0.125, snn_width=0.25, timesteps=2)
    net = DashNet(config)
    spikes = net.snn.spikes(torch.zeros(2, 1, 2, size, size))
    assert [s[0, 0].numel() for s in spikes] == [row.neurons for row in config.snn_layers[:-1]]
    assert net.ann(torch.zeros(1, 2, size, size)).shape == (1, 4)
    for part, rows in ((net.ann, config.ann_layers), (net.snn, config.snn_layers)):
        found = [p.numel() for p in part.parameters() if p.ndim > 1]
        assert found == [row.weights for row in rows]


def test_neuron_is_equations_1_to_3() -> None:
    """Against a scalar loop; at the threshold nothing fires."""
    torch.manual_seed(1)
    decay, threshold = math.exp(-0.5), 0.75
    currents = torch.randn(9, 4, dtype=torch.float64)
    currents[0, 0] = threshold
    spikes = LifLayer(decay, threshold)(currents)
    for neuron in range(4):
        u = 0.0
        for t in range(9):
            u = decay * u + float(currents[t, neuron])
            fired = u > threshold
            u = 0.0 if fired else u
            assert bool(spikes[t, neuron]) == fired
    assert not spikes[0, 0]
    assert 0 < spikes.mean() < 1


def test_gradient_is_backpropagation_through_time_with_a_rectangle() -> None:
    """Against torch's own differentiation of the same loop with the surrogate put in."""
    torch.manual_seed(2)
    decay, threshold = 0.6, 0.8
    currents = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 5, dtype=torch.float64)
    (LifLayer(decay, threshold)(currents) * weight).sum().backward()  # type: ignore[no-untyped-call]
    found = currents.grad
    currents.grad = None
    u, total = torch.zeros(5, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for t in range(6):
        u = decay * u + currents[t]
        inside = ((u - threshold).abs() < threshold / 2).double().detach() / threshold
        fired = (u > threshold).double()
        spike = fired + inside * (u - u.detach())
        total = total + (spike * weight[t]).sum()
        u = u * (1.0 - fired)
    total.backward()  # type: ignore[no-untyped-call]
    assert found is not None
    assert currents.grad is not None
    torch.testing.assert_close(found, currents.grad)
    assert found.abs().sum() > 0


def test_without_events_nothing_fires_and_the_read_out_is_its_bias() -> None:
    net = DashNet(SMALL).snn
    events = torch.zeros(3, 2, 2, 40, 40)
    assert all(not s.any() for s in net.spikes(events))
    bias = net.layer("fc2").bias
    assert torch.equal(net(events), torch.stack([bias, bias]))  # type: ignore[list-item]


def test_read_out_counts_the_last_hidden_layer_s_spikes() -> None:
    torch.manual_seed(0)
    net = DashNet(SMALL).snn
    spikes = (torch.rand(3, 2, 128) < 0.3).float()
    layer = net.layer("fc2")
    one_by_one = sum((s @ layer.weight.T for s in spikes), layer.bias)  # type: ignore[operator]
    torch.testing.assert_close(net.read_out(spikes), one_by_one)


def test_timesteps_of_a_window_do_not_see_later_ones() -> None:
    torch.manual_seed(3)
    net = DashNet(SMALL).snn
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(5.0)
    events = (torch.rand(3, 1, 2, 40, 40) < 0.2).float()
    changed = events.clone()
    changed[2] = 1.0 - changed[2]
    first, second = net.spikes(events), net.spikes(changed)
    assert all(torch.equal(a[:2], b[:2]) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0][2], second[0][2])


def test_configuration_goes_to_json_and_back() -> None:
    assert DashNetConfig.from_mapping(SMALL.to_mapping()) == SMALL
    built = architectures.build("dashnet", SMALL.to_mapping())
    assert isinstance(built, DashNet)
    assert built.config == SMALL


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"input_size": 0}, "config.input_size"),
        ({"input_size": 3}, "config.input_size"),
        ({"timesteps": 2.0}, "config.timesteps"),
        ({"ann_width": "1"}, "config.ann_width"),
        ({"snn_width": 100.0}, "config.snn_width"),
        ({"tau_s": float("nan")}, "config.tau_s"),
        ({"threshold": -1.0}, "config.threshold"),
        ({"layers": 3}, "config.layers"),
    ],
)
def test_bad_configurations_are_refused(change: dict[str, object], where: str) -> None:
    with pytest.raises(NmError) as caught:
        architectures.build("dashnet", change)
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.where) == ("NM0111", where)
