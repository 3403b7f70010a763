"""From what crossbar cores did to the counters that the cost model reads.

Layers count as the golden network does: spikes of the originals in their window, and the synapses
that each of them has in the network. Cores count what is physically there: every event of an axon
at every crosspoint of its row, copies, relays and ticks outside the window included.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from nmcompile.backends.truenorth.simulator import vector
from nmcompile.backends.truenorth.simulator.events import Events, Trace
from nmcompile.ir.counters import CoreCounters, LayerCounters, NetworkCounters
from nmcompile.mapping.crossbar_graph import WORD_BITS, CrossbarGraph
from nmcompile.mapping.route import route
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Bits = npt.NDArray[np.bool_]
Blocks = tuple[I32, I32, I64, U64]


class Counting:
    """Counts frames of one mapped network.

    Args:
        graph: the network.
    """

    def __init__(self, graph: CrossbarGraph) -> None:
        self._graph = graph
        self._routing = route(graph)
        senders = graph.neurons + graph.size("host") + graph.size("bias")
        # A sender has one target, hence one packet.
        self._packet = np.full(senders, -1, np.int64)
        self._packet[self._routing.sender] = np.arange(len(self._routing.sender))
        depths = np.array([info.depth for info in graph.populations], np.int64)
        tiles, population = graph["tile.neurons"], graph["tile.population"]
        self._sizes = np.bincount(population, weights=tiles, minlength=len(depths)).astype(np.int64)
        own = np.repeat(graph["tile.neuron0"] - (np.cumsum(tiles) - tiles), tiles)
        self._originals = own + np.arange(int(tiles.sum()))
        self._population = np.repeat(population, tiles)
        self._depth = depths[self._population]

    def counted(self, trace: Trace, events: Events, train: Bits, crossbar: U64) -> NetworkCounters:
        """All counters of a frame.

        Args:
            trace: all its ticks. events: what the host sent.
            train: `(T, inputs)` spikes of the input.
            crossbar: words of the cross-points, with the template that they hold.
        """
        graph = self._graph
        cores = self._cores(trace, events, crossbar)
        return NetworkCounters(
            network=graph.network,
            timesteps=graph.timesteps,
            ticks=graph.ticks,
            layers=self._layers(trace, train, cores.sops),
            cores=cores,
        )

    def traffic(self, trace: Trace, events: Events) -> I64:
        """`(ticks, pairs)` packets from core to core; see `counted`."""
        pairs = np.zeros((self._graph.ticks, len(self._routing.source)), np.int64)
        for tick, packets in enumerate(self._packets(trace, events)):
            np.add.at(pairs[tick], self._routing.pair[packets], 1)
        return pairs

    def _packets(self, trace: Trace, events: Events) -> Iterator[I64]:
        """Which packets are sent, tick by tick."""
        for tick in range(self._graph.ticks):
            hosts = self._graph.neurons + events.part(tick, tick + 1).line
            packets = self._packet[np.concatenate([np.flatnonzero(trace.spikes[tick]), hosts])]
            yield packets[packets >= 0]

    def _layers(self, trace: Trace, train: Bits, core_sops: I64) -> tuple[LayerCounters, ...]:
        graph, populations = self._graph, len(self._graph.populations)
        spikes = np.zeros(graph.neurons + train.shape[1], np.int64)
        spikes[graph.neurons :] = train.sum(axis=0)
        _windowed(trace.spikes, self._originals, self._depth, graph.timesteps, spikes)
        total = _summed(self._population, spikes[self._originals], populations)
        arrived = spikes[graph["fanout.line"]] * graph["fanout.synapses"]
        sops = _summed(graph["fanout.population"], arrived, populations)
        if graph.slot:
            # What holds the template sends nowhere: it has no copies, every tap is there once.
            last = next(k for k, p in enumerate(graph.populations) if p.name == graph.output)
            holds = np.unique(graph["tile.core"][graph["tile.population"] == last])
            first = graph.populations[last].depth
            sops[last] = core_sops[first : first + graph.timesteps, holds].sum()
        return tuple(
            LayerCounters(
                node=info.name,
                layer=info.layer,
                neurons=int(size),
                spikes=int(sent),
                sops=int(met),
                macs=0,
                neuron_updates=int(size) * graph.timesteps,
            )
            for info, size, sent, met in zip(
                graph.populations, self._sizes, total, sops, strict=True
            )
        )

    def _cores(self, trace: Trace, events: Events, crossbar: U64) -> CoreCounters:
        graph, routing, ticks = self._graph, self._routing, self._graph.ticks
        sops, active = (np.zeros((ticks, graph.cores), np.int64) for _ in range(2))
        words = graph.block_words()
        neurons = (graph["core.neuron0"], graph["core.neurons"])
        axons = (graph["core.axon0"], graph["core.axons"])
        blocks = (graph["core.block"], graph["block.word0"], words, crossbar)
        touched = np.zeros(int(words.max(initial=1)), np.uint64)
        _accesses(trace.spikes, trace.arrived, neurons, axons, blocks, touched, sops, active)
        packets_in = np.zeros((ticks, graph.cores), np.int64)
        total = np.zeros(len(routing.source), np.int64)
        loads = np.zeros(ticks, np.int64)
        for tick, packets in enumerate(self._packets(trace, events)):
            pairs = np.bincount(routing.pair[packets], minlength=len(total))
            packets_in[tick] = np.bincount(routing.core[packets], minlength=graph.cores)
            loads[tick] = routing.link_loads(pairs).max(initial=0)
            total += pairs
        fired = _summed(graph.neuron_cores(), trace.spikes.sum(axis=0), graph.cores)
        return CoreCounters(
            sops=sops,
            zero_accesses=0,
            updates_active=active,
            neurons=graph.core_neurons(),
            packets_in=packets_in,
            packets_local=int(total[routing.local].sum()),
            packets=int(total.sum()),
            hops_east_west=int((total * routing.east_west).sum()),
            hops_north_south=int((total * routing.north_south).sum()),
            chip_crossings=int((total * routing.crossings).sum()),
            host_packets=int(total[routing.source < 0].sum()),
            link_load_max=loads,
            spikes=fired,
            link_loads=routing.router_loads(total),
        )


def _summed(place: I32 | I64, amount: I64, places: int) -> I64:
    """Sums by place; exact, as they are far below 2^53."""
    return np.bincount(place, weights=amount, minlength=places).astype(np.int64)


@njit
def _windowed(spikes: Bits, neurons: I64, depth: I64, steps: int, total: I64) -> None:
    """Spikes of every original neuron in its window."""
    for tick in range(spikes.shape[0]):
        for i in range(neurons.shape[0]):
            if depth[i] <= tick < depth[i] + steps:
                total[neurons[i]] += spikes[tick, neurons[i]]


@njit
def _accesses(
    spikes: Bits,
    arrived: Bits,
    neuron_ranges: tuple[I32, I32],
    axon_ranges: tuple[I32, I32],
    blocks: Blocks,
    touched: U64,
    sops: I64,
    active: I64,
) -> None:
    """Crosspoints that an event met, and neurons that got one or fired, per tick and core."""
    (neuron0, neurons), (axon0, axons) = neuron_ranges, axon_ranges
    block, word0, words, crossbar = blocks
    for t in range(spikes.shape[0]):
        for core in range(neuron0.shape[0]):
            first, width = word0[block[core]], words[block[core]]
            touched[:width] = 0
            for a in range(axons[core]):
                if arrived[t, axon0[core] + a]:
                    row = first + a * width
                    for w in range(width):
                        sops[t, core] += vector.ones(crossbar[row + w])
                        touched[w] |= crossbar[row + w]
            for j in range(neurons[core]):
                if spikes[t, neuron0[core] + j]:
                    touched[j // WORD_BITS] |= np.uint64(1) << np.uint64(j % WORD_BITS)
            for w in range(width):
                active[t, core] += vector.ones(touched[w])
