"""SpikeTrack's definition: its size and work are those of the paper, its neuron is exact."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nmcompile.architectures.spiketrack.attention import SpikingAttention
from nmcompile.architectures.spiketrack.config import PUBLISHED, SpikeTrackConfig
from nmcompile.architectures.spiketrack.head import CentreHead
from nmcompile.architectures.spiketrack.layers import FrozenBN
from nmcompile.architectures.spiketrack.memory import MemoryRetrieval
from nmcompile.architectures.spiketrack.network import SpikeTrack, build
from nmcompile.architectures.spiketrack.neuron import LEVELS, NILIF
from nmcompile.diagnostics import NmError

pytestmark = pytest.mark.torch

SMALL = SpikeTrackConfig(channels=(16, 24, 32, 48), blocks=(3, 1), head_width=48, size=64)


def lively(config: SpikeTrackConfig) -> SpikeTrack:
    """A network whose neurons spike at every depth."""
    torch.manual_seed(0)
    model = build(config.to_mapping())
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=-0.9)
        if isinstance(layer, nn.BatchNorm2d | FrozenBN):
            nn.init.constant_(layer.bias, 0.7)
            nn.init.constant_(layer.weight, 3)
    return model


def work(config: SpikeTrackConfig) -> Counter[str]:
    """MACs of one template pass and one search frame, by part; nothing is computed."""
    with torch.device("meta"):
        model = SpikeTrack(config).eval()
        template = torch.zeros(config.steps, 1, 3, config.size, config.size)
        search = torch.zeros(1, 1, 3, config.size, config.size)
    found: Counter[str] = Counter()
    where = ["template"]

    def convolution(layer: nn.Module, _: object, out: torch.Tensor) -> None:
        found[where[-1]] += out.numel() * layer.weight[0].numel()  # type: ignore[operator,union-attr,index]

    def attention(_: nn.Module, __: object, out: torch.Tensor) -> None:
        found[where[-1]] += out.numel() * out.shape[2]

    def asked(part: MemoryRetrieval, arguments: tuple[torch.Tensor, ...], _: object) -> None:
        memory = arguments[1]
        found[where.pop()] += 2 * part.side**2 * memory.numel()

    def enter(name: str) -> object:
        return lambda *_: where.append(name)

    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(convolution)
        elif isinstance(module, SpikingAttention):
            module.register_forward_hook(attention)
        elif isinstance(module, MemoryRetrieval):
            module.register_forward_pre_hook(enter("memory"))
            module.register_forward_hook(asked)
        elif isinstance(module, CentreHead):
            module.register_forward_pre_hook(enter("head"))
    with torch.no_grad():
        memories = model.template(template)
        found["template"] += config.side**2 * sum(memory.numel() for memory in memories)
        where.append("backbone")
        model.search(search, memories)
    return found


@pytest.mark.parametrize(
    ("name", "parameters", "search", "memory", "head", "template"),
    [
        ("S256-T1", 11_760_130, 3.52, 0.61, 0.42, 2.65),
        ("S256-T3", 12_720_770, 4.17, 1.25, 0.42, 7.96),
        ("B256-T1", 36_661_162, 12.74, 2.24, 0.93, 10.15),
        ("B256-T3", 40_078_186, 14.59, 4.09, 0.93, 30.45),
        ("B384-T1", 43_349_802, 28.67, 5.03, 2.10, 22.84),
        ("B384-T3", 46_766_826, 34.41, 10.77, 2.10, 68.51),
    ],
)
def test_published_variants_have_their_parameters_and_work(
    name: str, parameters: int, search: float, memory: float, head: float, template: float
) -> None:
    """Work in GMAC; parameters as the published search network and head together have them."""
    config = PUBLISHED[name]
    with torch.device("meta"):
        model = SpikeTrack(config)
    assert sum(p.numel() for p in model.parameters()) == parameters
    found = work(config)
    giga = {part: macs / 1e9 for part, macs in found.items()}
    assert sum(giga[p] for p in ("backbone", "memory", "head")) == pytest.approx(search, abs=6e-3)
    assert giga["memory"] == pytest.approx(memory, abs=6e-3)
    assert giga["head"] == pytest.approx(head, abs=6e-3)
    assert giga["template"] == pytest.approx(template, abs=6e-3)


def test_cached_memories_have_the_published_number_of_entries() -> None:
    config = PUBLISHED["S256-T3"]
    with torch.device("meta"):
        crops = torch.zeros(3, 1, 3, 256, 256)
        memories = SpikeTrack(config).eval().template(crops)
    assert sum(memory.numel() for memory in memories) == 167_424


@given(
    inputs=st.lists(st.floats(-3, 8, width=32), min_size=1, max_size=3),
    keep=st.floats(0.05, 0.95),
)
@settings(max_examples=60, deadline=None)
def test_neuron_is_the_published_recursion(inputs: list[float], keep: float) -> None:
    neuron = NILIF()
    with torch.no_grad():
        neuron.theta.fill_(torch.logit(torch.tensor(keep)))
    found = neuron(torch.tensor(inputs)[:, None])[:, 0]
    beta = torch.sigmoid(neuron.theta[0]).item()
    u = spike = 0.0
    for t, x in enumerate(inputs):
        u = x if t == 0 else float(torch.tensor(beta) * (torch.tensor(u) - spike) + x)
        spike = round(min(max(u, 0), LEVELS)) / LEVELS
        if abs(u % 1 - 0.5) > 1e-4:
            assert found[t].item() == spike


def test_neuron_rounds_half_to_even_and_resets_by_the_normalised_spike() -> None:
    neuron = NILIF()
    halves = neuron(torch.tensor([[0.5, 1.5, 2.5, 3.5, 9.0, -1.0]])) * LEVELS
    assert halves.tolist() == [[0, 2, 2, 4, 4, 0]]
    # After 4 spikes the membrane keeps 6 - 1 = 5, a quarter of which is 1.25.
    assert (neuron(torch.tensor([[6.0], [0.3]])) * LEVELS).tolist() == [[4.0], [2.0]]


def test_gradient_passes_inside_the_range_only() -> None:
    x = torch.tensor([[-0.5, 0.5, 3.9, 4.5]], requires_grad=True)
    NILIF()(x).sum().backward()
    assert x.grad is not None
    assert (x.grad * LEVELS).tolist() == [[0, 1, 1, 0]]


@pytest.mark.parametrize("steps", [1, 2])
def test_a_small_network_runs_and_learns(steps: int) -> None:
    model = lively(replace(SMALL, steps=steps)).train()
    crops = torch.randn(steps, 2, 3, 64, 64)
    memories = model.template(crops)
    assert [tuple(m.shape[2:]) for m in memories] == [
        (8, c // 8, c // 2) for c in (16, 24, 32, 32, 48, 48)
    ]
    maps = model.search(torch.randn(1, 2, 3, 64, 64), memories)
    assert [tuple(m.shape) for m in maps] == [(2, n, 4, 4) for n in (1, 2, 2)]
    assert maps.score.min() > 0
    assert maps.score.max() < 1
    (maps.score.sum() + maps.offset.sum() + maps.size.sum()).backward()
    memory_weights = [m.key.conv.weight for m in model.modules() if isinstance(m, MemoryRetrieval)]
    assert any(w.grad is not None and w.grad.abs().sum() > 0 for w in memory_weights)


def test_what_the_template_shows_changes_what_the_search_finds() -> None:
    model = lively(SMALL).eval()
    search = torch.randn(1, 1, 3, 64, 64)
    with torch.no_grad():
        first, second = (model(torch.randn(1, 1, 3, 64, 64), search) for _ in range(2))
    assert not torch.equal(first.offset, second.offset)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channels", [32, 64, 128]),
        ("channels", [32, 64, 128, 190]),
        ("size", 250),
        ("steps", 4),
        ("blocks", [6, 0]),
        ("depth", 3),
    ],
)
def test_impossible_configurations_are_refused(field: str, value: object) -> None:
    with pytest.raises(NmError, match=r"NM0111"):
        build({**SMALL.to_mapping(), field: value})
