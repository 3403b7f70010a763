"""A golden network as the chain of layers that a lava-dl `.net` file holds, or why it is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta

Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ChainLayer:
    """One population and the synapses in front of it.

    Attributes:
        population: the node of the neurons.
        model: their model.
        shape: of the population.
        synapse: the convolution, or one of the linear layers; None in an input layer.
        weight: `(C_out, C_in, K_y, K_x)` or `(N_out, N_in)`; None in an input layer.
        lag: timesteps that spikes are held back before it, `(N_out, N_in)` where they differ.
        flatten: whether an image is read as a vector.
        reads: the population or the input in front of it.
    """

    population: Node
    model: IntegerNeuron | SigmaDelta
    shape: tuple[int, ...]
    synapse: Node | None = None
    weight: Int | None = None
    lag: Int | None = None
    flatten: bool = False
    reads: str = ""


class NoChainError(Exception):
    """The network is not a chain: the layer, and the reason in words."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(f"`{node.label}`: {reason}")


def chain_of(network: Network) -> tuple[ChainLayer, ...]:
    """The layers in order.

    Raises:
        NoChainError: at the first layer that a `.net` file cannot express.
    """
    layers: list[ChainLayer] = []
    before = network.input
    for node in network.nodes:
        if not isinstance(node.op, ops.Neuron):
            _require_known(node)
            continue
        if not isinstance(node.op.model, IntegerNeuron | SigmaDelta):
            raise NoChainError(node, "neurons that are not in integer form")
        layer = _layer(network, node, node.op.model)
        if layer.reads != before.name:
            raise NoChainError(node, f"it does not follow `{before.label}`: the file is a chain")
        layers.append(layer)
        before = node
    if network.by_name[network.output.inputs[0]] is not before:
        raise NoChainError(network.output, "what leaves the network is not the last layer's spikes")
    return tuple(layers)


def _require_known(node: Node) -> None:
    reasons: dict[type, str] = {
        ops.SpikeMaxPool2d: "max pooling",
        ops.SumPool2d: "pooling (as a convolution it could be written)",
        ops.Correlate: "a correlation with a template",
        ops.Accumulate: "neurons that are read and never fire",
        ops.Decode: "spikes that the host counts",
        ops.Shift: "a sum that is shifted to the right before it reaches the neurons",
        ops.Scale: "a multiplication by a real factor",
    }
    if type(node.op) in reasons:
        raise NoChainError(node, reasons[type(node.op)])


def _layer(network: Network, node: Node, model: IntegerNeuron | SigmaDelta) -> ChainLayer:
    shape = network.types[node.name].shape
    synapse = network.by_name[node.inputs[0]]
    if isinstance(synapse.op, ops.Encode):
        if synapse.op != ops.Encode("constant"):
            raise NoChainError(node, f"{synapse.op.mode} coding of the input")
        return ChainLayer(node, model, shape, reads=synapse.inputs[0])
    parts = [synapse]
    if isinstance(synapse.op, ops.Add):
        parts = [network.by_name[name] for name in synapse.inputs]
    if not all(isinstance(p.op, ops.Linear) for p in parts) and len(parts) > 1:
        raise NoChainError(node, "a sum of several branches")
    found = [_part(network, p) for p in parts]
    if len({(source, flatten) for _, _, source, flatten in found}) > 1:
        raise NoChainError(node, "a sum of several branches")
    weight, lag = found[0][0], np.full(found[0][0].shape[:2], found[0][1])
    for more, ticks, _, _ in found[1:]:
        if np.any(weight * more):
            raise NoChainError(node, "several synapses between the same two neurons")
        lag = np.where(more != 0, ticks, lag)
        weight = weight + more
    _, _, source, flatten = found[0]
    before = network.by_name[source]
    if isinstance(before.op, ops.Encode):
        raise NoChainError(node, "an image that synapses read: a .net's images drive neurons")
    return ChainLayer(node, model, shape, parts[0], weight, lag, flatten, source)


def _part(network: Network, node: Node) -> tuple[Int, int, str, bool]:
    """Weights, delay, the population (or input) behind it, and whether it is flattened."""
    if not isinstance(node.op, ops.Conv2d | ops.Linear):
        raise NoChainError(node, f"{type(node.op).__name__} in front of neurons")
    lag, flatten = 0, False
    source = network.by_name[node.inputs[0]]
    while isinstance(source.op, ops.Delay | ops.Flatten):
        if isinstance(source.op, ops.Delay):
            lag += source.op.ticks
        else:
            flatten |= len(network.types[source.inputs[0]].shape) == 3
        source = network.by_name[source.inputs[0]]
    weight: npt.NDArray[Any] = node.op.weight.data
    return weight.astype(np.int64), lag, source.name, flatten
