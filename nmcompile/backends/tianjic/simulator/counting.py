"""From what functional cores did to the counters that the cost model reads.

Layers count as the golden network does; adding partial sums is work of the cores, not of a layer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.simulator.trace import Trace
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.route import route
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


class Counting:
    """Counts frames of one mapped network.

    Args:
        graph: the network.
    """

    def __init__(self, graph: FCoreGraph) -> None:
        self._graph = graph
        self._routing = route(graph)
        senders = graph.neurons + int(np.prod(graph.input_shape))
        # Packets are in the order of their senders.
        self._packet0 = np.searchsorted(self._routing.sender, np.arange(senders + 1))
        self._offset = int(np.prod(graph.input_shape))
        self._host = np.flatnonzero(self._routing.source < 0)

    def counted(self, trace: Trace, spikes: tuple[int, ...]) -> NetworkCounters:
        """All counters of a frame.

        Args:
            trace: of one frame.
            spikes: what every population sent, in values other than 0.
        """
        graph = self._graph
        return NetworkCounters(
            network=graph.network,
            timesteps=graph.timesteps,
            ticks=graph.ticks,
            layers=self._layers(trace, spikes),
            cores=self._cores(trace),
            interval=graph.phases,
        )

    def traffic(self, trace: Trace) -> I64:
        """`(phases, pairs)` packets from core to core."""
        pairs = np.zeros((len(trace.operations), len(self._routing.source)), np.int64)
        for phase, now in enumerate(pairs):
            sent = trace.sent[trace.sent0[phase] : trace.sent0[phase + 1]]
            first, many = self._packet0[sent], np.diff(self._packet0)[sent]
            before = np.repeat(np.cumsum(many) - many, many)
            packets = np.repeat(first, many) + np.arange(len(before)) - before
            np.add.at(now, self._routing.pair[packets], 1)
        return pairs

    def _layers(self, trace: Trace, spikes: tuple[int, ...]) -> tuple[LayerCounters, ...]:
        graph, own = self._graph, ~self._graph.adders()
        populations, count = graph["core.population"][own], len(graph.populations)
        total = _summed(populations, trace.operations.sum(axis=0)[own], count)
        macs = _summed(populations, trace.macs[own], count)
        sizes = [int(np.prod(info.shape)) for info in graph.populations]
        return tuple(
            LayerCounters(
                node=info.name,
                layer=info.layer,
                neurons=size,
                spikes=sent,
                sops=int(both - products),
                macs=int(products),
                neuron_updates=size * graph.timesteps,
            )
            for info, size, sent, both, products in zip(
                graph.populations, sizes, spikes, total, macs, strict=True
            )
        )

    def _cores(self, trace: Trace) -> CoreCounters:
        graph, routing, phases = self._graph, self._routing, len(trace.operations)
        packets_in = np.zeros((phases, graph.cores), np.int64)
        total = np.zeros(len(routing.source), np.int64)
        busiest, fired = np.zeros(phases, np.int64), np.zeros(graph.neurons, np.int64)
        links = (routing.link0, routing.link, np.zeros(max(1, routing.links), np.int64))
        routes = (self._packet0, routing.core, routing.pair)
        counts = (packets_in, total, busiest, fired)
        _packets(trace.sent0, trace.sent, routes, links, counts)
        return CoreCounters(
            sops=trace.operations,
            zero_accesses=trace.zero_accesses,
            updates_active=trace.active,
            neurons=graph.core_neurons(),
            packets_in=packets_in,
            packets_local=int(total[routing.local].sum()),
            packets=int(total.sum()),
            hops_east_west=int((total * routing.east_west).sum()),
            hops_north_south=int((total * routing.north_south).sum()),
            chip_crossings=int((total * routing.crossings).sum()),
            host_packets=int(total[self._host].sum()),
            link_load_max=busiest,
            spikes=_summed(graph.neuron_cores(), fired, graph.cores),
            link_loads=routing.router_loads(total),
        )


def _summed(place: I32 | I64, amount: I64, places: int) -> I64:
    """Sums by place; exact, as they are far below 2^53."""
    return np.bincount(place, weights=amount, minlength=places).astype(np.int64)


@njit
def _packets(
    sent0: I64,
    sent: I64,
    routes: tuple[I64, I64, I64],
    links: tuple[I64, I32, I64],
    counts: tuple[I64, I64, I64, I64],
) -> None:
    """Packets by core, by pair of cores, and on the busiest link, phase by phase."""
    packet0, core, pair = routes
    link0, link, loads = links
    packets_in, total, busiest, fired = counts
    now = np.zeros(total.shape[0], np.int64)
    touched = np.zeros(total.shape[0], np.int64)
    for phase in range(sent0.shape[0] - 1):
        many = 0
        for k in range(sent0[phase], sent0[phase + 1]):
            sender = sent[k]
            if sender < fired.shape[0]:
                fired[sender] += 1
            for packet in range(packet0[sender], packet0[sender + 1]):
                packets_in[phase, core[packet]] += 1
                if now[pair[packet]] == 0:
                    touched[many] = pair[packet]
                    many += 1
                now[pair[packet]] += 1
        most = np.int64(0)
        for i in range(many):
            for n in range(link0[touched[i]], link0[touched[i] + 1]):
                loads[link[n]] += now[touched[i]]
                most = max(most, loads[link[n]])
        for i in range(many):
            for n in range(link0[touched[i]], link0[touched[i] + 1]):
                loads[link[n]] = 0
            total[touched[i]] += now[touched[i]]
            now[touched[i]] = 0
        busiest[phase] = most
