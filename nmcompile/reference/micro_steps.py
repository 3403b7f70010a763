"""NI-LIF networks in binary spikes: every step is D micro-steps, and neurons wait for all of them.

A count n = 0 ... D is D binary maps, of which the first n carry a spike. What is linear adds up
over the micro-steps; a neuron decides once per step, behind the last one (integrate, then emit),
and its bias comes once, not D times. A neuron that fired on the way would decide on part of its
input. In a product of two activities one side comes in micro-steps and the other one as counts:
the products of single micro-steps do not add up to the product of the counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import KeyValue, Query, Store
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNILIF
from nmcompile.reference.executor import I32, U8, Executor, Integers, first, last
from nmcompile.reference.plan import make_executor
from nmcompile.reference.synapses import Synapses


@dataclass(frozen=True)
class MicroTrace:
    """One inference in micro-steps.

    Attributes:
        output: int32 values, `(C, H, W)`, float64 behind a `Scale`; of a train the last timestep.
        spikes: population -> binary spikes `(T, D, ...)`, channels first.
        stored: slot -> what the network wrote into it.
        sops: binary spikes x non-zero weights that they met.
    """

    output: npt.NDArray[np.generic]
    spikes: dict[str, U8]
    stored: dict[str, Integers] = field(default_factory=dict)
    sops: int = 0


def micro_steps(counts: Integers, levels: int) -> U8:
    """`(levels, ...)` binary maps of counts: n spikes in the first n micro-steps."""
    order = np.arange(levels).reshape(-1, *[1] * counts.ndim)
    return (counts[None] > order).astype(np.uint8)


def run_micro_steps(
    network: Network,
    stimulus: npt.NDArray[np.generic],
    slots: Mapping[str, npt.NDArray[np.generic]] | None = None,
) -> MicroTrace:
    """One inference of an integer network with NI-LIF neurons.

    Args:
        network: integer level.
        stimulus, slots: as the integer interpreter takes them.
    """
    return _Runner(network, stimulus, slots or {}).run()


class _Runner:
    def __init__(
        self,
        network: Network,
        stimulus: npt.NDArray[np.generic],
        slots: Mapping[str, npt.NDArray[np.generic]],
    ) -> None:
        self._network = network
        train = network.types[network.input.name].kind == "spikes"
        self._frames = last(stimulus.astype(np.int32))
        self._frames = self._frames if train else self._frames[None]
        self._slots = {name: last(value.astype(np.int32)) for name, value in slots.items()}
        self._executors = {n.name: make_executor(n, network) for n in network.nodes}
        self._values: dict[str, Integers] = {}
        self._levels: dict[str, int] = {}
        self._sops = 0

    def run(self) -> MicroTrace:
        trains: dict[str, list[U8]] = {}
        stored: dict[str, list[Integers]] = {}
        for t in range(self._network.timesteps):
            for node in self._network.nodes:
                value = self._values[node.name] = self._step(node, t)
                if isinstance(node.op, Store):
                    stored.setdefault(node.op.slot, []).append(first(value))
                if levels := self._levels.get(node.name, 0):
                    trains.setdefault(node.name, []).append(_maps(value, levels))
        return MicroTrace(
            self._read_out(),
            {name: np.stack(train) for name, train in trains.items()},
            {slot: np.concatenate(parts) for slot, parts in stored.items()},
            self._sops,
        )

    def _step(self, node: Node, t: int) -> Integers:
        op = node.op
        if isinstance(op, ops.Input):
            frame: I32 = self._frames[min(t, len(self._frames) - 1)]
            return frame
        if isinstance(op, ops.Slot):
            return self._slots[op.slot]
        inputs = [self._values[i] for i in node.inputs]
        if isinstance(op, ops.Scale | ops.Output):
            return inputs[0]
        executor = self._executors[node.name]
        if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNILIF):
            self._levels[node.name] = op.model.levels
        elif isinstance(op, ops.Channels) and node.inputs[0] in self._levels:
            self._levels[node.name] = self._levels[node.inputs[0]]
        linear = isinstance(op, ops.Conv2d | ops.Linear | KeyValue | Query)
        levels = self._levels.get(node.inputs[0], 0) if linear else 0
        return self._arrive(executor, inputs, levels) if levels else _plain(executor, inputs)

    def _arrive(self, executor: Executor, inputs: list[Integers], levels: int) -> Integers:
        """The sum over the micro-steps of input 0; other inputs are counts or memories."""
        total: Integers | None = None
        for spikes in micro_steps(inputs[0], levels):
            found = _plain(executor, [spikes, *inputs[1:]])
            total = found if total is None else total + found
            if isinstance(executor, Synapses):
                self._sops += executor.arrived
        if total is None:
            raise ValueError("a count has levels")
        return total

    def _read_out(self) -> npt.NDArray[np.generic]:
        node = self._network.by_name[self._network.output.inputs[0]]
        result: npt.NDArray[np.generic] = first(self._values[node.name])
        if isinstance(node.op, ops.Scale):
            result = result.astype(np.float64) * node.op.factor + node.op.offset
        return result


def _maps(counts: Integers, levels: int) -> U8:
    """`micro_steps`, channels first."""
    maps: U8 = first(micro_steps(counts, levels)).astype(np.uint8)
    return maps


def _plain(executor: Executor, inputs: list[Integers]) -> Integers:
    if executor.takes_bytes:
        return executor.step(*inputs)
    return executor.step(*(i.astype(np.int32) for i in inputs))
