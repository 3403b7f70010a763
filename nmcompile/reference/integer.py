"""The integer interpreter: executes integer and golden networks exactly, event by event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.counters import LayerCounters, NetworkCounters
from nmcompile.ir.network import Network, Node
from nmcompile.reference.executor import I32, U8, Executor, first, last
from nmcompile.reference.plan import make_executor
from nmcompile.reference.populations import Pool, Population
from nmcompile.reference.synapses import Synapses


@dataclass(frozen=True)
class Trace:
    """One inference of a network.

    Attributes:
        output: what left the network: int32 counts or values `(C, H, W)`, float64 behind a
            `Scale`, or the spike train `(T, C, H, W)` when the output is not decoded.
        counters: exact counts.
        spikes: per population, `(T, C, H, W)` or `(T, N)` uint8, when recorded.
        v_final: per population, the membranes after the last timestep, when recorded.
    """

    output: npt.NDArray[np.generic]
    counters: NetworkCounters
    spikes: dict[str, U8] = field(default_factory=dict)
    v_final: dict[str, I32] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, I32]:
        """Spikes per neuron over the inference."""
        return {name: s.sum(axis=0, dtype=np.int32) for name, s in self.spikes.items()}


class IntegerRunner:
    """Runs one network; weights are laid out once, state is reset for every inference.

    Args:
        network: integer or golden level (see `nmcompile.ir.legality`).

    Raises:
        NmError: NM0203 when a sum may leave 32 bits.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._executors = {n.name: make_executor(n, network) for n in network.nodes}
        self._static = _static_nodes(network)

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
        network = self.network
        frames = self._frames(stimulus)
        tally = _Tally(network, self._executors)
        for executor in self._executors.values():
            executor.reset()
        values: dict[str, I32] = {}
        outputs: list[I32] = []
        for t in range(network.timesteps):
            for node in network.nodes:
                if t > 0 and node.name in self._static:
                    continue
                values[node.name] = self._step(node, values, frames, slots or {}, t)
            outputs.append(values[network.output.name])
            tally.add(values, record=record)
        output = self._read_out(outputs, values)
        return Trace(output, tally.counters(), tally.recorded(), tally.membranes(record=record))

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
        return frames

    def _step(
        self,
        node: Node,
        values: dict[str, I32],
        frames: I32,
        slots: Mapping[str, npt.NDArray[np.generic]],
        t: int,
    ) -> I32:
        op = node.op
        if isinstance(op, ops.Input):
            return frames[t] if op.kind == "spikes" else frames
        if isinstance(op, ops.Slot):
            slot: I32 = last(slots[op.slot].astype(np.int32))  # type: ignore[assignment]
            return slot
        inputs = [values[i] for i in node.inputs]
        if isinstance(op, ops.Encode):
            return inputs[0] if op.mode == "constant" or t == 0 else np.zeros_like(inputs[0])
        if isinstance(op, ops.Correlate):
            return _correlate(inputs[0], inputs[1])
        if isinstance(op, ops.Decode):
            return _decoded(values[node.name] if t else None, inputs[0], op)
        if isinstance(op, ops.Scale):
            return inputs[0]
        return self._executors[node.name].step(*inputs)

    def _read_out(self, outputs: list[I32], values: dict[str, I32]) -> npt.NDArray[np.generic]:
        node = self.network.output
        if self.network.types[node.name].kind == "spikes":
            return first(np.stack(outputs).astype(np.uint8))
        result: npt.NDArray[np.generic] = first(values[node.name])
        source = self.network.by_name[node.inputs[0]]
        if isinstance(source.op, ops.Scale):
            result = result.astype(np.float64) * source.op.factor + source.op.offset
        return result


class _Tally:
    """Counts what happens; knows exact fan-outs."""

    def __init__(self, network: Network, executors: Mapping[str, Executor]) -> None:
        self._network = network
        self._executors = executors
        self._ops = dict.fromkeys(network.by_name, 0)
        self._traces: dict[str, list[U8]] = {}

    def add(self, values: Mapping[str, I32], *, record: bool) -> None:
        for node in self._network.nodes:
            executor = self._executors[node.name]
            if isinstance(executor, Synapses | Pool):
                events = values[node.inputs[0]] != 0
                self._ops[node.name] += int(executor.fanout[events].sum())
            if record and isinstance(executor, Population | Pool):
                spikes = first(values[node.name].astype(np.uint8))
                self._traces.setdefault(node.name, []).append(spikes)  # type: ignore[arg-type]

    def recorded(self) -> dict[str, U8]:
        return {name: np.stack(steps) for name, steps in self._traces.items()}

    def membranes(self, *, record: bool) -> dict[str, I32]:
        if not record:
            return {}
        return {
            name: first(e.v.reshape(e.shape))  # type: ignore[misc]
            for name, e in self._executors.items()
            if isinstance(e, Population)
        }

    def counters(self) -> NetworkCounters:
        layers = []
        for node in self._network.nodes:
            executor = self._executors[node.name]
            if isinstance(node.op, ops.Correlate | ops.Scale):
                layers.append(self._arithmetic(node))
            if not isinstance(executor, Population | Pool):
                continue
            sops, macs, label = self._arrived(node)
            neurons = self._network.types[node.name].size
            layers.append(
                LayerCounters(
                    node=node.name,
                    layer=label,
                    neurons=neurons,
                    spikes=executor.spikes,
                    sops=sops,
                    macs=macs,
                    neuron_updates=neurons * self._network.timesteps,
                )
            )
        steps = self._network.timesteps
        return NetworkCounters(self._network.name, steps, steps, tuple(layers))

    def _arithmetic(self, node: Node) -> LayerCounters:
        """Dense: every template element meets every position, every value its factor."""
        types = self._network.types
        macs = types[node.name].size
        if isinstance(node.op, ops.Correlate):
            macs *= types[node.inputs[1]].size
        return LayerCounters(node.name, node.label, 0, 0, 0, macs, 0)

    def _arrived(self, population: Node) -> tuple[int, int, str]:
        """SOPs and MACs that reached a population, and the label of its synapses."""
        if isinstance(population.op, ops.SpikeMaxPool2d):
            return self._ops[population.name], 0, population.label
        sops = macs = 0
        label = population.label
        for node in _synapses_of(self._network, population):
            label = node.label
            if self._network.types[node.inputs[0]].kind == "spikes":
                sops += self._ops[node.name]
            else:
                macs += self._ops[node.name]
        return sops, macs, label


def _synapses_of(network: Network, node: Node) -> list[Node]:
    """The linear operators between a population and the populations that feed it."""
    found = []
    for name in node.inputs:
        source = network.by_name[name]
        if isinstance(source.op, ops.LINEAR_OPS):
            found.append(source)
        elif isinstance(source.op, ops.Add | ops.Shift | ops.Scale):
            found += _synapses_of(network, source)
    return found


def _static_nodes(network: Network) -> frozenset[str]:
    """Nodes whose output is the same at every timestep, so that one evaluation is enough."""
    static: set[str] = set()
    changing = (ops.Neuron, ops.SpikeMaxPool2d, ops.Decode)
    for node in network.nodes:
        op = node.op
        varies = (
            isinstance(op, changing)
            or (isinstance(op, ops.Input) and op.kind == "spikes")
            or (isinstance(op, ops.Encode) and op.mode == "impulse")
        )
        if not varies and all(i in static for i in node.inputs):
            static.add(node.name)
    return frozenset(static)


def _correlate(x: I32, z: I32) -> I32:
    """Exact valid correlation of channels-last counts; `(H, W, 1)`."""
    out_h, out_w = x.shape[0] - z.shape[0] + 1, x.shape[1] - z.shape[1] + 1
    out = np.zeros((out_h, out_w, 1), np.int64)
    for a in range(z.shape[0]):
        for b in range(z.shape[1]):
            out[:, :, 0] += x[a : a + out_h, b : b + out_w].astype(np.int64) @ z[a, b].astype(
                np.int64
            )
    return out  # type: ignore[return-value]


def _decoded(total: I32 | None, spikes: I32, op: ops.Decode) -> I32:
    step = spikes
    if op.signed_pairs:
        step = spikes[..., 0::2] - spikes[..., 1::2]
    return step.copy() if total is None else total + step
