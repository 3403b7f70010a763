"""From what the kernels counted to the counters that the cost model reads."""

from __future__ import annotations

import numpy as np

from nmcompile.backends.loihi.kernel import Tally
from nmcompile.backends.loihi.tables import I32, I64
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.route import Routing
from nmcompile.reference.jit import njit


class Recorder:
    """Keeps the per-tick counts of one frame.

    Args:
        graph: the mapped network.
        routing: its routes.
    """

    def __init__(self, graph: CoreGraph, routing: Routing) -> None:
        shape = (graph.ticks, graph.cores)
        self._graph = graph
        self._routing = routing
        self._sops, self._active, self._packets_in = (np.zeros(shape, np.int64) for _ in range(3))
        self._zeros = 0
        self._pairs = np.zeros((graph.ticks, len(routing.source)), np.int64)

    def add(self, tick: int, tally: Tally, sent: I32) -> None:
        """Note one tick: the kernels' counts and the spikes sent per group, `(groups,)`."""
        row = tick - 1
        self._sops[row] = tally.sops
        self._active[row] = tally.active
        self._zeros += int(tally.zeros.sum())
        _spread(
            sent,
            self._graph["route.group"],
            self._graph["route.core"],
            self._routing.pair,
            self._pairs[row],
            self._packets_in[row],
        )

    def counters(self, tally: Tally) -> NetworkCounters:
        """All counters of the frame."""
        graph = self._graph
        return NetworkCounters(
            network=graph.network,
            timesteps=graph.timesteps,
            ticks=graph.ticks,
            layers=tuple(self._layer(i, tally) for i in range(len(graph.populations))),
            cores=self._cores(),
        )

    def _layer(self, index: int, tally: Tally) -> LayerCounters:
        graph = self._graph
        info = graph.populations[index]
        own = graph["tile.population"] == index
        neurons = int(graph["tile.neurons"][own].sum())
        return LayerCounters(
            node=info.name,
            layer=info.layer,
            neurons=neurons,
            spikes=int(tally.tile_spikes[own].sum()),
            sops=int(tally.tile_sops[own].sum()),
            macs=int(tally.tile_macs[own].sum()),
            neuron_updates=neurons * graph.timesteps,
        )

    def _cores(self) -> CoreCounters:
        graph, routing = self._graph, self._routing
        total = self._pairs.sum(axis=0)
        neurons = np.bincount(
            graph["tile.core"], weights=graph["tile.neurons"], minlength=graph.cores
        )
        loads = [int(routing.link_loads(pairs).max(initial=0)) for pairs in self._pairs]
        return CoreCounters(
            sops=self._sops,
            zero_accesses=self._zeros,
            updates_active=self._active,
            neurons=neurons.astype(np.int64),
            packets_in=self._packets_in,
            packets_local=int(total[routing.local].sum()),
            packets=int(total.sum()),
            hops_east_west=int((total * routing.east_west).sum()),
            hops_north_south=int((total * routing.north_south).sum()),
            chip_crossings=int((total * routing.crossings).sum()),
            host_packets=int(total[routing.source < 0].sum()),
            link_load_max=np.array(loads, np.int64),
        )


@njit
def _spread(
    sent: I32, route_group: I32, route_core: I32, pair: I64, pairs: I64, packets_in: I64
) -> None:
    """Packets per pair of cores and per destination core for the spikes of one tick."""
    for r in range(route_group.shape[0]):
        count = sent[route_group[r]]
        if count != 0:
            pairs[pair[r]] += count
            packets_in[route_core[r]] += count
