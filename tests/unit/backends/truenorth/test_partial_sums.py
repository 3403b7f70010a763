"""Layers in parts on crossbar cores: exactly the golden network that contains the parts."""

from __future__ import annotations

import numpy as np
import pytest
from support.nets import if_neuron

from nmcompile.backends.truenorth.backend import TrueNorthBackend
from nmcompile.backends.truenorth.mapping.mapper import map_network
from nmcompile.backends.truenorth.partial_sums import wide_layers
from nmcompile.backends.truenorth.simulator.reference import ReferenceCores
from nmcompile.backends.truenorth.survey import refusals
from nmcompile.build.execute import NetworkInput
from nmcompile.build.verify import verify_network
from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.passes.rate_split import Units, split_rates
from nmcompile.target import CrossbarTarget, load_target, of_family

CHIP = of_family(load_target("truenorth"), CrossbarTarget)


def zeros(count: int) -> Array:
    return Array(np.zeros(count, np.int32))


def network(rng: np.random.Generator, groups: int, largest: int, padding: int = 0) -> Network:
    """Two layers; the first one reads 40 channels, 3 x 3: 360 inputs, or 180 in two groups."""
    wide = rng.integers(-largest, largest + 1, (4, 40 // groups, 3, 3)).astype(np.int8)
    last = rng.integers(-1, 2, (3, 4, 2, 2)).astype(np.int8)
    first = ops.Conv2d(Array(wide), zeros(4), (1, 1), (padding, padding), (1, 1), groups)
    nodes = (
        Node("input", ops.Input("spikes", (40, 5, 4), 1)),
        Node("c", first, ("input",), "wide"),
        Node("n", ops.Neuron(if_neuron(4, 9, shift=0, bits=20)), ("c",), "wide"),
        Node("d", ops.Conv2d(Array(last), zeros(3)), ("n",), "last"),
        Node("m", ops.Neuron(if_neuron(3, 2, shift=0, bits=20)), ("d",), "last"),
        Node("count", ops.Decode(), ("m",)),
        Node("output", ops.Output(), ("count",)),
    )
    return Network("net", nodes, 6)


@pytest.mark.parametrize(
    ("groups", "largest", "padding", "parts"), [(1, 1, 0, 2), (2, 7, 0, 3), (1, 2, 1, 3)]
)
def test_cores_equal_the_golden_network_with_parts(
    groups: int, largest: int, padding: int, parts: int
) -> None:
    rng = np.random.default_rng(largest)
    whole = network(rng, groups, largest, padding)
    assert {d.code for d in refusals(whole, CHIP)} == {"NM0311"}
    (cut,) = wide_layers(whole, CHIP)
    assert (cut.neuron, cut.layer, len(cut.parts)) == ("n", "wide", parts)
    split = split_rates(whole, cut, Units((3, 4, 5, 6)))
    assert not refusals(split, CHIP)
    assert wide_layers(split, CHIP) == ()
    graph = map_network(split, CHIP)
    assert graph.ticks >= map_network(_without_first(whole), CHIP).ticks + 2
    frames = [NetworkInput((rng.random((6, 40, 5, 4)) < 0.3).astype(np.uint8)) for _ in range(2)]
    result = verify_network(split, ReferenceCores(graph), frames)
    assert result.equal, result.first_mismatch
    assert result.spikes > 0


def _without_first(whole: Network) -> Network:
    """The last layer alone."""
    nodes = (
        Node("n", ops.Input("spikes", whole.types["n"].shape, 1)),
        *(n for n in whole.nodes if n.name in ("d", "m", "count", "output")),
    )
    return whole.replace(nodes=nodes)


def test_the_diagnostic_names_the_option_and_the_parts() -> None:
    (refused,) = refusals(network(np.random.default_rng(1), 1, 1), CHIP)
    assert any("`--split-fan-in` maps it in 2 parts" in line for line in refused.help)


def test_sums_of_maps_cannot_be_cut() -> None:
    shape = (300, 2, 2)
    pool = ops.SumPool2d((2, 2), (2, 2))
    ones = Array(np.ones((300, 300, 1, 1), np.int8))
    nodes = (
        Node("input", ops.Input("spikes", shape, 1)),
        Node("pool", pool, ("input",), "pooled"),
        Node("c", ops.Conv2d(ones, zeros(300), (2, 2)), ("input",), "wide"),
        Node("sum", ops.Add(), ("c", "pool")),
        Node("n", ops.Neuron(if_neuron(300, 9, shift=0, bits=20)), ("sum",), "wide"),
        Node("output", ops.Output(), ("n",)),
    )
    with pytest.raises(NmError) as refused:
        wide_layers(Network("net", nodes, 2), CHIP)
    (diagnostic,) = refused.value.diagnostics
    assert diagnostic.code == "NM0330"
    assert "no linear layer" in diagnostic.message


def test_the_backend_answers() -> None:
    whole = network(np.random.default_rng(2), 1, 1)
    assert TrueNorthBackend().wide_layers(whole, CHIP) == wide_layers(whole, CHIP)
