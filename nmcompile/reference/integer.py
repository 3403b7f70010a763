"""The integer interpreter: executes integer and golden networks exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.counters import LayerCounters, NetworkCounters
from nmcompile.ir.membrane_ops import (
    Bilinear,
    ChannelGate,
    KeyValue,
    Narrow,
    Offset,
    Query,
    Repeat,
    Store,
)
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import ReLU8
from nmcompile.reference.activations import Activations
from nmcompile.reference.correlate import Accumulator, Correlator, bank_operations
from nmcompile.reference.executor import I32, Executor, Integers, first, last, train_type
from nmcompile.reference.membranes import Queries, membrane_operations
from nmcompile.reference.nilif import NormalisedNeurons
from nmcompile.reference.plan import make_executor
from nmcompile.reference.populations import Pool, Population
from nmcompile.reference.sigma_delta import SigmaDeltas
from nmcompile.reference.static import final_nodes, late_nodes, static_nodes
from nmcompile.reference.synapses import Synapses
from nmcompile.reference.template_taps import TapSums

POPULATIONS = (Population, Pool, SigmaDeltas, Activations, NormalisedNeurons)
"""What sends spikes."""

BLOCK_BYTES = 1 << 27
"""Largest train of a block of timesteps."""


@dataclass(frozen=True)
class Trace:
    """One inference of a network.

    Attributes:
        output: what left the network: int32 counts or values `(C, H, W)`, float64 behind a
            `Scale`, or the spike train `(T, C, H, W)` when the output is not decoded.
        counters: exact counts.
        spikes: per population, `(T, C, H, W)` or `(T, N)`, when recorded: uint8, or int32 where
            the edge is wide (`EdgeType.wide`).
        v_final: per population, the membranes after the last timestep, when recorded.
        stored: slot -> what the network wrote into it, `(T C, ...)`, see `Store`.
    """

    output: npt.NDArray[np.generic]
    counters: NetworkCounters
    spikes: dict[str, Integers] = field(default_factory=dict)
    v_final: dict[str, I32] = field(default_factory=dict)
    stored: dict[str, Integers] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, I32]:
        """Spikes per neuron over the inference."""
        return {name: s.sum(axis=0, dtype=np.int32) for name, s in self.spikes.items()}


class IntegerRunner:
    """Runs one network; weights are laid out once, state is reset for every inference.

    Args:
        network: integer or golden level (see `nmcompile.ir.legality`).
        dense: count multiply-accumulates of zeros too, as a processor does them that knows no
            events; spikes stay events.

    Raises:
        NmError: NM0203 when a sum may leave 32 bits.
    """

    def __init__(self, network: Network, *, dense: bool = False) -> None:
        self.network = network
        self._dense = dense
        self._executors = {n.name: make_executor(n, network) for n in network.nodes}
        self._static = static_nodes(network)
        self._late = late_nodes(network) - self._static
        self._final = final_nodes(network, self._late)
        self._block = _block_of(network)
        self._spent = _spent(network, self._static)

    def run(
        self,
        stimulus: npt.NDArray[np.generic],
        slots: Mapping[str, npt.NDArray[np.generic]] | None = None,
        *,
        record: bool = False,
    ) -> Trace:
        """One inference.

        Args:
            stimulus: `(C, H, W)` or `(N,)` integers for a values input, `(T, ...)` for spikes.
            slots: contents of the slots that the network reads, `(C, H, W)`.
            record: keep the spikes and final membranes of every population.

        Raises:
            NmError: NM0204 when the stimulus has the wrong shape.
        """
        frames = self._frames(stimulus)
        for executor in self._executors.values():
            executor.reset()
        tally = _Tally(self.network, self._executors, record=record, dense=self._dense)
        static: dict[str, Integers] = {}
        outputs: list[Integers] = []
        stored: dict[str, list[Integers]] = {}
        for start in range(0, self.network.timesteps, self._block):
            steps = min(self._block, self.network.timesteps - start)
            ends = start + steps == self.network.timesteps
            values = dict(static)
            for node in self.network.nodes:
                if node.name in values or (node.name in self._late and not ends):
                    continue
                train = self._advance(
                    node, values, frames[start:] if len(frames) > 1 else frames, slots or {}, steps
                )
                values[node.name] = train
                if isinstance(node.op, Store):
                    stored.setdefault(node.op.slot, []).append(first(train))
                tally.add(node, train, self._static)
                if node.name in self._static:
                    static[node.name] = train
                for name in self._spent.get(node.name, ()):
                    del values[name]
            if self.network.output.name in values:
                outputs.append(values[self.network.output.name])
        written = {slot: np.concatenate(trains) for slot, trains in stored.items()}
        return Trace(
            *(self._read_out(outputs), tally.counters(), tally.recorded(), tally.membranes()),
            {slot: train.reshape(-1, *train.shape[2:]) for slot, train in written.items()},
        )

    def _frames(self, stimulus: npt.NDArray[np.generic]) -> I32:
        op = self.network.input.op
        kind = op.kind if isinstance(op, ops.Input) else "values"
        shape = self.network.types[self.network.input.name].shape
        wanted = (self.network.timesteps, *shape) if kind == "spikes" else shape
        if stimulus.shape != wanted:
            raise NmError(
                Diagnostic(
                    code="NM0204",
                    message="the stimulus has the wrong shape",
                    where=f"{self.network.name}: {self.network.input.label}",
                    limit=str(wanted),
                    found=str(stimulus.shape),
                )
            )
        frames: I32 = last(stimulus.astype(np.int32))  # type: ignore[assignment]
        return frames if kind == "spikes" else frames[None]

    def _advance(
        self,
        node: Node,
        values: Mapping[str, Integers],
        frames: I32,
        slots: Mapping[str, npt.NDArray[np.generic]],
        steps: int,
    ) -> Integers:
        """The train of a node over the next timesteps; `(1, ...)` when it never changes."""
        op = node.op
        if isinstance(op, ops.Input):
            return frames[:steps] if op.kind == "spikes" else frames
        if isinstance(op, ops.Slot):
            return last(slots[op.slot].astype(np.int32))[None]
        inputs = [values[i] for i in node.inputs]
        if node.name in self._late:
            inputs = [train[-1:] for train in inputs]
        if isinstance(op, ops.Scale):
            return inputs[0]
        executor = self._executors[node.name]
        if not executor.takes_bytes:
            inputs = [i.astype(np.int32, copy=False) if i.dtype == np.uint8 else i for i in inputs]
        if node.name in self._final:
            return executor.final(steps, *inputs)
        once = node.name in self._static or node.name in self._late
        return executor.advance(1 if once else steps, *inputs)

    def _read_out(self, outputs: list[Integers]) -> npt.NDArray[np.generic]:
        node = self.network.output
        edge = self.network.types[node.name]
        if edge.kind == "spikes":
            return first(np.concatenate(outputs).astype(train_type(edge)))
        result: npt.NDArray[np.generic] = first(outputs[-1][-1])
        source = self.network.by_name[node.inputs[0]]
        if isinstance(source.op, ops.Scale):
            result = result.astype(np.float64) * source.op.factor + source.op.offset
        return result


def _block_of(network: Network) -> int:
    """Timesteps per block, so that the largest train stays within `BLOCK_BYTES`."""
    largest = max(4 * edge.size for edge in network.types.values())
    return max(1, min(network.timesteps, BLOCK_BYTES // largest))


def _spent(network: Network, kept: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """For every node the inputs that nobody reads after it."""
    last_reader = {name: node.name for node in network.nodes for name in node.inputs}
    spent: dict[str, tuple[str, ...]] = {}
    for name, reader in last_reader.items():
        if name not in kept:
            spent[reader] = (*spent.get(reader, ()), name)
    return spent


class _Tally:
    """Adds up what the executors counted; static nodes count at every timestep."""

    def __init__(
        self, network: Network, executors: Mapping[str, Executor], *, record: bool, dense: bool
    ) -> None:
        self._dense = dense
        self._network = network
        self._executors = executors
        self._record = record
        self._ops = dict.fromkeys(network.by_name, 0)
        self._trains: dict[str, list[Integers]] = {}

    def add(self, node: Node, train: Integers, static: frozenset[str]) -> None:
        """Count what the node did to produce its train."""
        executor = self._executors[node.name]
        if isinstance(executor, Synapses | Pool):
            times = self._network.timesteps if node.name in static else 1
            arrived = executor.arrived
            if isinstance(executor, Synapses) and self._with_zeros(node.inputs[0]):
                arrived = len(train) * int(executor.fanout.sum())
            self._ops[node.name] += arrived * times
        if self._record and isinstance(executor, POPULATIONS):
            spikes = first(train.astype(train_type(self._network.types[node.name])))
            self._trains.setdefault(node.name, []).append(spikes)

    def recorded(self) -> dict[str, Integers]:
        return {name: np.concatenate(trains) for name, trains in self._trains.items()}

    def membranes(self) -> dict[str, I32]:
        if not self._record:
            return {}
        return {
            name: first(e.v.reshape(e.shape))  # type: ignore[misc]
            for name, e in self._executors.items()
            if isinstance(e, Population | SigmaDeltas)
        }

    def counters(self) -> NetworkCounters:
        layers = []
        for node in self._network.nodes:
            executor = self._executors[node.name]
            if self._is_arithmetic(node):
                layers.append(self._arithmetic(node))
            elif _joins_stream(self._network, node):
                sops, macs = self._kind(node.inputs[0], self._ops[node.name])
                layers.append(LayerCounters(node.name, node.label, 0, 0, sops, macs, 0))
            if not isinstance(executor, (*POPULATIONS, Accumulator)):
                continue
            sops, macs, label = self._arrived(node)
            # An accumulation has one neuron for every element of what it adds.
            counted = node.inputs[0] if isinstance(executor, Accumulator) else node.name
            neurons = self._network.types[counted].size
            layers.append(
                LayerCounters(
                    node=node.name,
                    layer=label,
                    neurons=neurons,
                    spikes=0 if isinstance(executor, Accumulator) else executor.spikes,
                    sops=sops,
                    macs=macs,
                    neuron_updates=neurons * self._network.timesteps,
                )
            )
        steps = self._network.timesteps
        return NetworkCounters(self._network.name, steps, steps, tuple(layers))

    def _is_arithmetic(self, node: Node) -> bool:
        """Whether values meet values here; spikes into a correlation are synaptic operations."""
        if isinstance(node.op, ops.Correlate):
            return self._network.types[node.inputs[0]].kind == "values"
        if isinstance(node.op, ops.Conv2d | ops.Linear):
            counted = self._network.types[node.inputs[0]].kind == "values"
            return counted and not _reaches_neurons(self._network, node)
        if isinstance(node.op, Query):
            # Synapses that hold a memory count for the neurons behind them.
            return not _drives_population(self._network, node)
        if isinstance(node.op, Offset):
            # A shift alone is part of the addition or the comparison behind it.
            return bool(node.op.value.data.any())
        adds = isinstance(node.op, ops.Add) and node.op.bits > 0
        return adds or isinstance(
            node.op,
            ops.Scale | ops.TemplateBank | Bilinear | KeyValue | Narrow | ChannelGate,
        )

    def _arithmetic(self, node: Node) -> LayerCounters:
        """Dense: every template element meets every position, every value its factor."""
        types = self._network.types
        macs = types[node.name].size
        if isinstance(node.op, ops.Correlate):
            macs *= types[node.inputs[1]].size // node.op.groups
        if isinstance(node.op, ops.Conv2d | ops.Linear):
            macs *= int(np.prod(node.op.weight.shape[1:]))
        if isinstance(node.op, ops.TemplateBank):
            macs = bank_operations(node.op, types[node.name])
        if isinstance(node.op, Bilinear | KeyValue | Query | Narrow | ChannelGate):
            macs = membrane_operations(node, types)
        return LayerCounters(node.name, node.label, 0, 0, 0, macs, 0)

    def _arrived(self, population: Node) -> tuple[int, int, str]:
        """SOPs and MACs that reached a population, and the label of its synapses."""
        if isinstance(population.op, ops.SpikeMaxPool2d):
            windows = self._ops[population.name]
            return *self._kind(population.inputs[0], windows), population.label
        source = self._network.by_name[population.inputs[0]]
        matched = self._executors[source.name]
        if isinstance(matched, Correlator | TapSums):
            met = matched.sops
            if isinstance(matched, Correlator) and self._with_zeros(source.inputs[0]):
                met = self._arithmetic(source).macs
            return *self._kind(source.inputs[0], met), source.label
        if isinstance(matched, Queries):
            return *self._kind(source.inputs[0], matched.events), source.label
        sops = macs = 0
        label = population.label
        for node in _synapses_of(self._network, population):
            label = node.label
            arrived = self._kind(node.inputs[0], self._ops[node.name])
            sops, macs = sops + arrived[0], macs + arrived[1]
        return sops, macs, label

    def _with_zeros(self, source: str) -> bool:
        """Whether what `source` sends is counted where it is 0, too."""
        return self._dense and not sends_spikes(self._network, source)

    def _kind(self, source: str, operations: int) -> tuple[int, int]:
        """Operations on what `source` sends as SOPs or as MACs."""
        spikes = sends_spikes(self._network, source)
        return (operations, 0) if spikes else (0, operations)


def sends_spikes(network: Network, name: str) -> bool:
    """Whether a synapse behind this node works in SOPs: values and activations make MACs."""
    node = network.by_name[name]
    if network.types[name].kind == "values":
        return False
    if isinstance(node.op, ops.Neuron):
        return not isinstance(node.op.model, ReLU8)
    return (
        not node.inputs or isinstance(node.op, ops.Encode) or sends_spikes(network, node.inputs[0])
    )


def _joins_stream(network: Network, node: Node) -> bool:
    """Whether the currents of a linear operator enter a membrane stream, which counts nothing."""
    streams = (Offset, Repeat, Bilinear)
    return isinstance(node.op, ops.LINEAR_OPS) and any(
        isinstance(reader.op, streams) for reader in network.consumers[node.name]
    )


def _drives_population(network: Network, node: Node) -> bool:
    """Whether what a node computes is the current of neurons, and nothing else."""
    reader = network.only_consumer(node.name)
    return reader is not None and isinstance(reader.op, ops.Neuron | ops.Accumulate)


def _reaches_neurons(network: Network, node: Node) -> bool:
    """Whether what a linear operator computes ends in a population, which then counts it."""
    passing = (*ops.LINEAR_OPS, ops.Add, ops.Shift, ops.Scale, ops.Flatten)
    return any(
        isinstance(reader.op, ops.Neuron | ops.SpikeMaxPool2d)
        or (isinstance(reader.op, passing) and _reaches_neurons(network, reader))
        for reader in network.consumers[node.name]
    )


def _synapses_of(network: Network, node: Node) -> list[Node]:
    """The linear operators between a population and the populations that feed it."""
    found = []
    for name in node.inputs:
        source = network.by_name[name]
        if isinstance(source.op, ops.LINEAR_OPS):
            found.append(source)
        elif isinstance(source.op, ops.Add | ops.Shift | ops.Scale | ops.Flatten):
            found += _synapses_of(network, source)
    return found
