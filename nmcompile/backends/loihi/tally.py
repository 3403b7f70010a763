"""From what the kernels counted to the counters that the cost model reads."""

from __future__ import annotations

import numpy as np

from nmcompile.backends.loihi.state import Tally
from nmcompile.backends.loihi.tables import I32, I64, U16
from nmcompile.backends.loihi.widen import Wide
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.route import Routing
from nmcompile.reference.jit import njit


def counted(
    graph: CoreGraph, wide: Wide, routing: Routing, tally: Tally, packets: I32
) -> NetworkCounters:
    """All counters of a frame.

    Args:
        graph: the mapped network. wide: what was simulated. routing: the graph's routes.
        tally: what the kernels counted, of the simulated tiles.
        packets: `(ticks, groups)` spikes per group of the mapped network; of the host, those that
            arrive in the tick.
    """
    return NetworkCounters(
        network=graph.network,
        timesteps=graph.timesteps,
        ticks=graph.ticks,
        layers=tuple(_layer(wide.graph, i, tally) for i in range(len(graph.populations))),
        cores=_cores(graph, wide.tiles, routing, tally, packets),
    )


def pair_packets(routing: Routing, ticks: int, sent: I32) -> I64:
    """`(ticks, pairs)` packets from core to core; `sent` as in `counted`."""
    pairs = np.zeros((ticks, len(routing.source)), np.int64)
    into = np.zeros((ticks, 1 + int(routing.core.max(initial=0))), np.int64)
    _spread(sent, routing.sender, routing.core, routing.pair, pairs, into)
    return pairs


def _layer(graph: CoreGraph, index: int, tally: Tally) -> LayerCounters:
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


def _cores(graph: CoreGraph, tiles: I64, routing: Routing, tally: Tally, sent: I32) -> CoreCounters:
    pairs = np.zeros((graph.ticks, len(routing.source)), np.int64)
    packets_in = np.zeros((graph.ticks, graph.cores), np.int64)
    _spread(sent, routing.sender, routing.core, routing.pair, pairs, packets_in)
    total = pairs.sum(axis=0)
    neurons = np.bincount(graph["tile.core"], weights=graph["tile.neurons"], minlength=graph.cores)
    core, senders = graph.group_cores(), graph.group_cores() >= 0
    sums = sent.sum(axis=0, dtype=np.int64)[senders]
    spikes = np.bincount(core[senders], weights=sums, minlength=graph.cores)
    return CoreCounters(
        sops=_per_core(graph, tiles, tally.sops),
        zero_accesses=int(tally.zeros.sum()),
        updates_active=_per_core(graph, tiles, tally.active),
        neurons=neurons.astype(np.int64),
        packets_in=packets_in,
        packets_local=int(total[routing.local].sum()),
        packets=int(total.sum()),
        hops_east_west=int((total * routing.east_west).sum()),
        hops_north_south=int((total * routing.north_south).sum()),
        chip_crossings=int((total * routing.crossings).sum()),
        host_packets=int(total[routing.source < 0].sum()),
        link_load_max=routing.busiest_links(pairs),
        spikes=spikes.astype(np.int64),
        link_loads=routing.router_loads(total),
    )


def _per_core(graph: CoreGraph, tiles: I64, amount: I64) -> I64:
    """`(ticks, cores)` sums of `(ticks, parts)`, each a tile; tiles are in core order."""
    ends = np.searchsorted(graph["tile.core"], np.arange(graph.cores + 1))
    sums = np.zeros((len(amount), graph.size("tile") + 1), np.int64)
    sums[:, 1 + tiles] = amount
    np.cumsum(sums, axis=1, out=sums)
    per_core: I64 = sums[:, ends[1:]] - sums[:, ends[:-1]]
    return per_core


@njit
def spikes_of_shares(sent: I32, line: U16, line0: I32, share0: I64, share: I32, found: I32) -> None:
    """Spikes per tick of every share of every group, counted from the lines that spiked.

    Args:
        sent: `(ticks, groups)`. line: `(ticks, lines)`, see `Flight`. line0: `(groups,)`.
        share0, share: see `Wide`. found: `(ticks, shares)` zeros, changed in place.
    """
    for t in range(sent.shape[0]):
        for group in range(sent.shape[1]):
            if share0[group + 1] - share0[group] == 1:
                found[t, share0[group]] = sent[t, group]
                continue
            first = np.int64(line0[group])
            for k in range(first, first + sent[t, group]):
                found[t, share[first + line[t, k]]] += 1


@njit
def _spread(sent: I32, group: I64, core: I64, pair: I64, pairs: I64, packets_in: I64) -> None:
    """Packets per tick and pair of cores, and per tick and destination core."""
    for t in range(sent.shape[0]):
        for r in range(group.shape[0]):
            count = sent[t, group[r]]
            if count != 0:
                pairs[t, pair[r]] += count
                packets_in[t, core[r]] += count
