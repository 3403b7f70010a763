"""Nets of tiles against the finished tables: the same packets, counted in another way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import limits, line, skip_networks
from support.nets import spiking_networks

from nmcompile.ir.network import Network
from nmcompile.mapping.mapper import map_tiles
from nmcompile.mapping.merge import smallest_packing
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.mapping.nets import nets_of
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import tile

QUICK = settings(max_examples=25, deadline=None)


def random_traffic(network: Network, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    split = stages(network)
    shapes = {p.name: p.shape for p in split.populations} | {split.input.name: split.input.shape}
    return {name: rng.integers(0, 5, shape) for name, shape in shapes.items()}


@QUICK
@given(
    st.one_of(spiking_networks(), skip_networks()),
    st.sampled_from([6, 17, 40, 200]),
    st.sampled_from([1, 3, 64]),
    st.integers(0, 2**32 - 1),
)
def test_packets_are_those_of_the_tables(
    network: Network, neurons: int, atoms: int, seed: int
) -> None:
    caps = limits(neurons=neurons, axon_atoms=atoms, chips_max=10_000)
    tiling = tile(stages(network), caps)
    traffic = random_traffic(network, seed)
    packing = smallest_packing(tiling, caps, traffic)
    graph = map_tiles(tiling, packing.per_population(), caps, traffic)
    metrics = placement_metrics(graph)
    assert graph.cores == packing.cores
    assert packing.packets == metrics.packets + metrics.packets_host
    weight = nets_of(tiling, traffic, atoms).weight
    assert (weight > 0).all()


def test_every_tile_of_a_net_is_listed_once() -> None:
    nets = nets_of(tile(stages(line()), limits(neurons=12)), {}, 256)
    for first, end in zip(nets.first[:-1], nets.first[1:], strict=True):
        own = nets.pin[first:end]
        assert len(np.unique(own)) == len(own) >= 1
    first, net = nets.of_tiles()
    for number in range(nets.tiles):
        for k in net[first[number] : first[number + 1]]:
            assert number in nets.pin[nets.first[k] : nets.first[k + 1]]


def test_alone_on_its_core_every_reader_costs_a_packet() -> None:
    nets = nets_of(tile(stages(line()), limits(neurons=12)), {}, 256)
    alone = nets.packets(np.arange(nets.tiles, dtype=np.int32))
    together = nets.packets(np.zeros(nets.tiles, np.int32))
    assert alone > together == int(nets.weight[~nets.sourced].sum())
