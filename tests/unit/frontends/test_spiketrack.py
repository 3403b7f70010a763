"""A SpikeTrack checkpoint as a program: the torch network, memories and maps, spike for spike."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from support.spiketrack import IMAGENET, TINY, crops, lively, program_of

from nmcompile.architectures.spiketrack.config import PUBLISHED
from nmcompile.architectures.spiketrack.network import SpikeTrack
from nmcompile.build.execute import reference_executor
from nmcompile.frontends.spiketrack import search_network, template_network
from nmcompile.ir import ops
from nmcompile.ir.legality import verify
from nmcompile.ir.membrane_ops import ChannelGate, KeyValue, Query
from nmcompile.ir.network import Network
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.reference.float import preprocess
from nmcompile.reference.membranes import membrane_operations

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("steps", [1, 3])
def test_program_equals_the_torch_network(steps: int) -> None:
    module = lively(dataclasses.replace(TINY, steps=steps))
    program = program_of(module)
    verify(program)
    pixels = crops(TINY.size, steps + 1).transpose(0, 2, 3, 1)
    images = preprocess(pixels, IMAGENET)
    tensor = torch.from_numpy(images)[:, None]
    with torch.no_grad():
        memories = module.template(tensor[:steps])
        maps = module.search(tensor[steps:], memories)

    executor = reference_executor(program)
    executor.init(images[:steps])
    (found,) = executor.frame(images[steps:])

    for depth, memory in enumerate(memories):
        wanted = memory[:, 0].flatten(0, 1).numpy()
        assert wanted.any()
        np.testing.assert_allclose(executor.slots[f"m{depth}"], wanted, atol=1e-12)
    score, size = (1 / (1 + np.exp(-found[part])) for part in (slice(0, 1), slice(3, 5)))
    np.testing.assert_allclose(score.clip(1e-4, 1 - 1e-4), maps.score[0].numpy(), atol=1e-9)
    np.testing.assert_allclose(found[1:3], maps.offset[0].numpy(), atol=1e-9)
    np.testing.assert_allclose(size.clip(1e-4, 1 - 1e-4), maps.size[0].numpy(), atol=1e-9)


def test_pixels_fold_into_a_padded_first_layer() -> None:
    program = program_of(lively(TINY))
    folded = PassManager(pipelines.FLOAT).run(program, PassContext())
    pixels = crops(TINY.size, 2)
    images = preprocess(pixels.transpose(0, 2, 3, 1), program.preprocess)
    results = []
    for level, given in ((program, images), (folded, pixels)):
        executor = reference_executor(level)
        executor.init(given[:1])
        results.append((executor.frame(given[1:])[0], executor.slots))
    assert folded.preprocess.is_identity
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-9)
    for name, memory in results[0][1].items():
        np.testing.assert_allclose(memory, results[1][1][name], atol=1e-12)


@pytest.mark.parametrize(
    ("variant", "parameters", "search", "template"),
    [("S256-T1", 11_760_130, 3.52e9, 2.65e9), ("S256-T3", 12_720_770, 4.17e9, 2.65e9)],
)
def test_published_sizes(variant: str, parameters: int, search: float, template: float) -> None:
    """Figures of the published networks, per crop; a template has as many crops as steps."""
    module = SpikeTrack(PUBLISHED[variant]).eval()
    assert sum(p.numel() for p in module.parameters()) == parameters
    assert _macs(search_network(module)) == pytest.approx(search, rel=0.002)
    assert _macs(template_network(module)) == pytest.approx(template, rel=0.002)


def _macs(network: Network) -> int:
    total = 0
    for node in network.nodes:
        if isinstance(node.op, ops.Conv2d):
            total += network.types[node.name].size * int(np.prod(node.op.weight.shape[1:]))
        elif isinstance(node.op, KeyValue | Query | ChannelGate):
            total += membrane_operations(node, network.types)
    return total
