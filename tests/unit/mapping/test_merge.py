"""Merging tiles of different layers: within all capacities, no tile lost, fewer packets."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.mapping import apart, limits, line, skip_networks, small_limits
from support.nets import spiking_networks

from nmcompile.diagnostics import NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.demand import Demand
from nmcompile.mapping.exchange import exchange
from nmcompile.mapping.finer import Finer
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.mapper import map_network, placed
from nmcompile.mapping.merge import Packing, merged, smallest_packing
from nmcompile.mapping.metrics import placement_metrics
from nmcompile.mapping.pack import first_fit
from nmcompile.mapping.room import room_of
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import Tiling, demands, tile
from nmcompile.mapping.utilisation import utilisation

QUICK = settings(max_examples=15, deadline=None)
networks = st.one_of(spiking_networks(), skip_networks())


def fewest_tiles(network: Network, caps: Limits) -> Tiling:
    """The coarsest cut; draws whose caps are too small even for one neuron are skipped."""
    try:
        return tile(stages(network), caps)
    except NmError as error:
        assume(not set(error.codes) & {"NM0302", "NM0303", "NM0304", "NM0305"})
        raise


def require_fit(packing: Packing, caps: Limits) -> None:
    """Every core's tiles, added up one by one."""
    held = [Demand()] * packing.cores
    each = [d for _, tiles in demands(packing.tiling, caps) for d in tiles]
    for core, demand in zip(packing.core, each, strict=True):
        held[core] = held[core] + demand
    for demand in held:
        assert list(demand.exceeded(caps)) == []


@QUICK
@given(networks, small_limits())
def test_merged_cores_hold_their_tiles(network: Network, caps: Limits) -> None:
    packing = merged(fewest_tiles(network, caps), caps, {})
    assert sorted(set(packing.core.tolist())) == list(range(packing.cores))
    require_fit(packing, caps)


@QUICK
@given(networks, small_limits())
def test_never_more_cores_or_packets_than_layers_apart(network: Network, caps: Limits) -> None:
    fewest_tiles(network, caps)
    alone, together = apart(network, caps), map_network(network, caps)
    for row in utilisation(together, caps):
        assert row.fits, row
    assert together.cores <= alone.cores
    first, after = placement_metrics(alone), placement_metrics(together)
    fewer_chips = -(-together.cores // caps.cores) < -(-alone.cores // caps.cores)
    sent, before = after.packets + after.packets_host, first.packets + first.packets_host
    assert sent <= before or fewer_chips
    assert together.neurons == alone.neurons


@QUICK
@given(networks, small_limits(), st.integers(0, 3))
def test_exchanges_only_save_packets(network: Network, caps: Limits, seed: int) -> None:
    packing = smallest_packing(fewest_tiles(network, caps), caps, {})
    before = packing.core.copy()
    core = exchange(packing.core, packing.nets, packing.room, 2000, seed)
    np.testing.assert_array_equal(packing.core, before)
    assert packing.nets.packets(core) <= packing.packets
    assert set(core.tolist()) <= set(range(packing.cores))
    require_fit(dataclasses.replace(packing, core=core), caps)


def test_neighbouring_layers_share_cores() -> None:
    caps = limits(neurons=200)
    alone = placement_metrics(apart(line(size=14), caps))
    together = map_network(line(size=14), caps)
    metrics = placement_metrics(together)
    assert metrics.packets < 0.6 * alone.packets
    assert metrics.packets_in_core > 0
    mixed = [
        len(set(together["tile.population"][together["tile.core"] == core].tolist()))
        for core in range(together.cores)
    ]
    assert max(mixed) > 1


def test_the_traffic_decides_what_shares_a_core() -> None:
    caps = limits(neurons=100)
    tiling = Finer(tile(stages(line(size=14)), caps), caps).divided(4)
    spikes = np.zeros((4, 12, 13), np.int64)
    spikes[:, :4] = 50
    busy = smallest_packing(tiling, caps, {"n0": spikes, "input": np.zeros((2, 14, 15), np.int64)})
    even = smallest_packing(tiling, caps, {})
    np.testing.assert_array_equal(busy.core, even.core)
    for_busy = exchange(busy.core, busy.nets, busy.room, 20_000)
    for_even = exchange(even.core, even.nets, even.room, 20_000)
    assert busy.nets.packets(for_busy) < busy.nets.packets(for_even)
    assert even.nets.packets(for_even) < even.nets.packets(for_busy)


def test_the_same_result_every_time() -> None:
    caps = limits(neurons=40)
    assert map_network(line(), caps).digest == map_network(line(), caps).digest


def test_shared_configurations_are_counted_once() -> None:
    room = room_of(
        [
            Demand(neurons=1, thresholds=frozenset({1, 2})),
            Demand(neurons=1, thresholds=frozenset({2, 3})),
            Demand(neurons=1, thresholds=frozenset({4, 5})),
            Demand(neurons=1, thresholds=frozenset({1, 3})),
        ],
        limits(threshold_configs=3),
    )
    core = first_fit(room, np.arange(4))
    assert core is not None
    assert core.tolist() == [0, 0, 1, 0]


def test_first_fit_says_when_cores_run_out() -> None:
    room = room_of([Demand(neurons=6), Demand(neurons=5), Demand(neurons=4)], limits(neurons=10))
    assert first_fit(room, np.arange(3), cores=1) is None
    core = first_fit(room, np.arange(3), cores=2)
    assert core is not None
    assert core.tolist() == [0, 1, 0]


def test_late_tiles_need_room_for_what_the_others_receive() -> None:
    caps = limits(neurons=10, delay_steps=4)
    demands_ = [Demand(neurons=4, delay_steps=8), Demand(neurons=4)]
    core = first_fit(room_of(demands_, caps), np.arange(2))
    assert core is not None
    assert len(set(core.tolist())) == 2
    assert not (demands_[0] + demands_[1]).fits(caps)


def test_too_many_cores_for_the_largest_system() -> None:
    with pytest.raises(NmError) as error:
        map_network(line(), limits(neurons=6, cores=4, chips_max=2))
    assert error.value.codes == ("NM0307",)


def test_a_network_placed_beside_another_is_as_if_mapped_beside_it() -> None:
    caps = limits(neurons=100)
    other, alone = map_network(line(), caps), map_network(line(size=14), caps)
    beside = placed(alone, caps, (other,))
    assert beside.digest == map_network(line(size=14), caps, beside=(other,)).digest
    assert set(beside.slots).isdisjoint(other.slots)
