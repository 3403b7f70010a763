"""What published energy formulas ask about every layer: shapes, spikes in and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.counters import LayerCounters, NetworkCounters
from nmcompile.ir.membrane_ops import MembraneOp
from nmcompile.ir.network import Network, Node

POPULATIONS = (ops.Neuron, ops.SpikeMaxPool2d, ops.Input, ops.Encode, ops.Slot)
"""Where the walk towards the input ends: what sends spikes or values."""


@dataclass(frozen=True)
class LayerFacts:
    """One layer with weights, one inference.

    Attributes:
        layer: the user's name. timesteps: T.
        real: whether its input is real-valued, so that it multiplies.
        dense_macs: multiply-accumulates of one timestep if every input were active (FL).
        inputs: elements of its input. spikes_in: spikes that arrive, all timesteps.
        outputs: neurons. spikes_out: spikes that they send.
        sops, macs: counted operations with non-zero weights.
        weights: stored weights. fan_out: weights that one input meets (C_out x K_y x K_x).
    """

    layer: str
    timesteps: int
    real: bool
    dense_macs: int
    inputs: int
    spikes_in: float
    outputs: int
    spikes_out: int
    sops: float
    macs: float
    weights: int
    fan_out: int

    @property
    def rate_macs(self) -> float:
        """fr x T x FL, with fr the spikes of an average input and timestep."""
        return self.dense_macs * self.spikes_in / self.inputs


def layer_facts(network: Network, counters: NetworkCounters) -> tuple[LayerFacts, ...]:
    """Every layer of a network that has weights.

    Args:
        network: at any level whose nodes the counters name.
        counters: of one inference.
    """
    counted = {layer.node: layer for layer in counters.layers}
    found = []
    for layer in counters.layers:
        if layer.node not in network.by_name or _joins(network.by_name[layer.node].op):
            continue
        weighted = [n for n in _behind(network, layer.node) if _is_weighted(n.op)]
        total = sum(_dense(network, node) for node in weighted)
        for node in weighted:
            share = _dense(network, node) / total if total else 0.0
            found.append(_facts(network, node, layer, counted, share))
    return tuple(found)


def _facts(
    network: Network,
    node: Node,
    layer: LayerCounters,
    counted: dict[str, LayerCounters],
    share: float,
) -> LayerFacts:
    weight = _weight(node.op)
    sources = [s for s in _behind(network, node.name) if isinstance(s.op, POPULATIONS)]
    known = [counted[s.name].spikes for s in sources if s.name in counted]
    real = layer.macs > 0
    sops, macs = layer.sops * share, layer.macs * share
    inputs = prod(network.types[node.inputs[0]].shape)
    dense = _dense(network, node)
    if real:
        spikes_in = float(inputs)
    elif known and len(known) == len(sources):
        spikes_in = float(sum(known))
    else:
        # Of an input that no layer sends only the operations are known: the spikes that would
        # cause as many if they were spread evenly over the inputs.
        nonzero = np.count_nonzero(weight) / max(1, weight.size)
        spikes_in = sops * inputs / (dense * nonzero) if dense and nonzero else 0.0
    return LayerFacts(
        layer=layer.layer,
        timesteps=network.timesteps,
        real=real,
        dense_macs=dense,
        inputs=inputs,
        spikes_in=spikes_in,
        outputs=layer.neurons,
        spikes_out=layer.spikes,
        sops=sops,
        macs=macs,
        weights=int(weight.size),
        fan_out=int(weight.size // max(1, _channels_in(node.op))),
    )


def _behind(network: Network, name: str) -> Iterator[Node]:
    """Nodes between a node and what feeds it: weighted operators and populations end the walk."""
    waiting = list(network.by_name[name].inputs)
    seen = set()
    while waiting:
        current = waiting.pop(0)
        if current in seen:
            continue
        seen.add(current)
        node = network.by_name[current]
        yield node
        if not isinstance(node.op, POPULATIONS) and not _is_weighted(node.op):
            waiting += node.inputs


def _joins(op: ops.Op) -> bool:
    """Whether it only adds up, moves or multiplies what layers before it say."""
    return isinstance(op, ops.Add | MembraneOp)


def _is_weighted(op: ops.Op) -> bool:
    return isinstance(op, ops.Conv2d | ops.Linear)


def _weight(op: ops.Op) -> npt.NDArray[np.generic]:
    if not isinstance(op, ops.Conv2d | ops.Linear):
        raise TypeError(f"{type(op).__name__} has no weights")
    return op.weight.data


def _channels_in(op: ops.Op) -> int:
    """Input channels of all groups, or inputs."""
    weight = _weight(op)
    return weight.shape[1] * (op.groups if isinstance(op, ops.Conv2d) else 1)


def _dense(network: Network, node: Node) -> int:
    """Multiply-accumulates of one pass, padding included."""
    outputs = prod(network.types[node.name].shape)
    return outputs * prod(_weight(node.op).shape[1:])
