"""What a simulation counts: integers only, deterministic, the sole input of the cost model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LayerCounters:
    """One population (or read-out) of a network over one inference, all timesteps.

    Attributes:
        node: name of the Neuron / pooling node in the network.
        layer: the user's name of the layer whose synapses feed it.
        neurons: size of the population.
        spikes: spikes that it emitted.
        sops: binary spikes x non-zero weights that arrived (synaptic operations).
        macs: real- or integer-valued inputs x non-zero weights that arrived.
        neuron_updates: membrane updates (neurons x timesteps).
    """

    node: str
    layer: str
    neurons: int
    spikes: int
    sops: int
    macs: int
    neuron_updates: int


@dataclass(frozen=True, slots=True)
class CoreCounters:
    """What the mapped cores did during one inference; arrays are `(ticks, cores)` int64.

    Attributes:
        sops: synapse accesses with a non-zero weight (binary and graded together).
        zero_accesses: accesses to stored zero weights, total.
        updates_active: neurons that received input or fired in the tick.
        neurons: `(cores,)` neurons mapped; all of them are serviced at every tick.
        packets_in: spike packets that arrived (one per spiking neuron, however many axons of the
            core it reaches).
        packets_local: packets between cores of one router or within a core, total.
        packets: all packets, total.
        hops_east_west: router hops along x, total.
        hops_north_south: router hops along y, total.
        chip_crossings: packets x chip borders crossed, total.
        host_packets: packets that the host injected, total.
        link_load_max: `(ticks,)` packets on the busiest mesh link.
        spikes: `(cores,)` spikes that the neurons on the core sent, copies and relays included.
        link_loads: `(rows, columns, 4)` packets on the links that leave every router: east, west,
            north, south.
    """

    sops: Counts
    zero_accesses: int
    updates_active: Counts
    neurons: Counts
    packets_in: Counts
    packets_local: int
    packets: int
    hops_east_west: int
    hops_north_south: int
    chip_crossings: int
    host_packets: int
    link_load_max: Counts
    spikes: Counts
    link_loads: Counts

    def summed(self) -> CoreCounters:
        """The same with one entry for all cores together: small, and every total is kept."""
        return replace(
            self,
            sops=self.sops.sum(axis=1, keepdims=True),
            updates_active=self.updates_active.sum(axis=1, keepdims=True),
            neurons=self.neurons.sum(keepdims=True),
            packets_in=self.packets_in.sum(axis=1, keepdims=True),
            spikes=self.spikes.sum(keepdims=True),
        )


@dataclass(frozen=True, slots=True)
class NetworkCounters:
    """Counters of one inference of one network.

    Attributes:
        network: its name.
        timesteps: T.
        ticks: ticks until the last output arrived (T + pipeline depth); T when not mapped.
        layers: in network order.
        cores: what the mapped cores did; None for the golden model or a host network.
        interval: ticks from one inference to the next where they overlap in a pipeline; 0 where
            the next one waits for the end of this one.
    """

    network: str
    timesteps: int
    ticks: int
    layers: tuple[LayerCounters, ...]
    cores: CoreCounters | None = None
    interval: int = 0

    @property
    def sops(self) -> int:
        """Synaptic operations of all layers."""
        return sum(layer.sops for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all layers (real-valued inputs)."""
        return sum(layer.macs for layer in self.layers)
