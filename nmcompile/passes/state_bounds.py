"""What the states of integer neurons can reach, whatever the input: intervals per timestep.

Per channel, with [a, b] the interval of the accumulated input of one timestep: u in
[sum of kept a, sum of kept b] << state_shift, v by the neuron's own equation on intervals (its
steps are monotone). A state whose interval stays inside the target's width cannot wrap or
saturate; for one that may leave it, wrapping and saturation are part of the golden model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron, SigmaDelta
from nmcompile.ir.types import EdgeType
from nmcompile.reference.synapses import as_conv

Int = npt.NDArray[np.int64]
Interval = tuple[Int, Int]
"""Lowest and highest value of every channel, `(C,)`."""


@dataclass(frozen=True)
class StateBound:
    """What the states of one population can reach.

    Attributes:
        layer: the user's name of the layer.
        u: lowest and highest synaptic current, in state units. v: membrane, likewise.
        limit: largest magnitude that the width holds; 0 where states are unbounded.
    """

    layer: str
    u: tuple[int, int]
    v: tuple[int, int]
    limit: int

    @property
    def wraps(self) -> bool:
        """Whether some input could make u wrap."""
        return 0 < self.limit < max(-self.u[0], self.u[1])

    @property
    def saturates(self) -> bool:
        """Whether some input could make v saturate."""
        return 0 < self.limit < max(-self.v[0], self.v[1])


def state_bounds(network: Network) -> tuple[StateBound, ...]:
    """The bounds of every integer population of a network, in network order."""
    return tuple(
        _population(network, node, node.op.model)
        for node in network.of_type(ops.Neuron)
        if isinstance(node.op, ops.Neuron) and isinstance(node.op.model, IntegerNeuron)
    )


def input_interval(network: Network, name: str) -> Interval:
    """What can reach a population in one timestep through node `name`."""
    node = network.by_name[name]
    op = node.op
    if isinstance(op, ops.Add):
        parts = [input_interval(network, i) for i in node.inputs]
        return _total([p[0] for p in parts]), _total([p[1] for p in parts])
    if isinstance(op, ops.Shift):
        low, high = input_interval(network, node.inputs[0])
        return low >> op.bits, high >> op.bits
    if isinstance(op, ops.Flatten) and network.types[node.inputs[0]].shape[1:] == (1, 1):
        return input_interval(network, node.inputs[0])
    if isinstance(op, ops.Conv2d | ops.Linear | ops.SumPool2d):
        conv = as_conv(op, network.types[node.inputs[0]])
        return _weighted(conv, _source(network, node.inputs[0]))
    smallest, largest = _elements(network.types[name])
    channels = network.types[name].shape[0]
    return np.full(channels, smallest, np.int64), np.full(channels, largest, np.int64)


def current_growth(network: Network, population: Node, u_keep: int) -> float:
    """Sum of what u keeps of a constant input over the timesteps that bring one: 1 for IF."""
    driven = 1 if _sent_once(network, population.inputs[0]) else network.timesteps
    return float(np.sum((u_keep / KEEP_ONE) ** np.arange(driven))) if u_keep else 1.0


def _population(network: Network, node: Node, model: IntegerNeuron) -> StateBound:
    low, high = input_interval(network, node.inputs[0])
    growth = current_growth(network, node, model.u_keep)
    u = _grown(low, growth, model.state_shift), _grown(high, growth, model.state_shift)
    v = _membrane(model, u, network.timesteps, len(low))
    limit = 2 ** (model.state_bits - 1) - 1 if model.state_bits else 0
    return StateBound(
        node.label, (int(u[0].min()), int(u[1].max())), (int(v[0].min()), int(v[1].max())), limit
    )


def _membrane(model: IntegerNeuron, u: Interval, timesteps: int, channels: int) -> Interval:
    """The interval of v over all timesteps, before and after resets."""
    bias, above, step, start = (
        _extremes(a, channels) for a in (model.bias, model.fire_above, model.reset_by, model.v_init)
    )
    low, high = start
    lowest, highest = low, high
    u_low = np.minimum(u[0], 0) if model.u_keep else u[0]
    u_high = np.maximum(u[1], 0) if model.u_keep else u[1]
    for t in range(timesteps):
        low = _kept(low, model.v_keep) + u_low + bias[0]
        high = _kept(high, model.v_keep) + u_high + bias[1]
        lowest, highest = np.minimum(lowest, low), np.maximum(highest, high)
        after = [_after(model, low, high, above, step, p) for p in _payloads(model, t)]
        low = np.min([a[0] for a in after], axis=0)
        high = np.max([a[1] for a in after], axis=0)
        lowest, highest = np.minimum(lowest, low), np.maximum(highest, high)
    return lowest, highest


def _after(
    model: IntegerNeuron, low: Int, high: Int, above: Interval, step: Interval, payload: int
) -> Interval:
    """The interval of v behind the reset, for one payload."""
    if payload == 0:
        return low, high
    if model.reset == "zero":
        level = above[1] + (payload - 1) * step[1]
        return np.minimum(low, 0), np.maximum(np.minimum(high, level), 0)
    # Silent neurons stay at or below the level, neurons that fire come down by payload steps.
    level = above[1] + (payload - 1) * step[1]
    fired_low = above[0] + 1 + (payload - 1) * step[0] - payload * step[1]
    fires = high > above[0] + (payload - 1) * step[0]
    new_low = np.where(fires, np.minimum(low, fired_low), low)
    return new_low, np.maximum(np.minimum(high, level), high - payload * step[0])


def _payloads(model: IntegerNeuron, t: int) -> tuple[int, ...]:
    if model.advance == "burst":
        return model.payloads
    return (model.payloads[t % len(model.payloads)],)


def _extremes(array: Array, channels: int) -> Interval:
    """Smallest and largest of a parameter in every channel."""
    data = array.data.astype(np.int64)
    rows = data.reshape(len(data), -1) if data.ndim else data.reshape(1, 1)
    low, high = rows.min(axis=1), rows.max(axis=1)
    return np.broadcast_to(low, (channels,)), np.broadcast_to(high, (channels,))


def _kept(v: Int, keep: int) -> Int:
    return np.asarray(np.sign(v) * ((np.abs(v) * keep) >> 12), np.int64)


def _grown(values: Int, growth: float, shift: int) -> Int:
    far = np.ceil(np.abs(values) * growth).astype(np.int64)
    return np.asarray((np.sign(values) * far) << shift, np.int64)


def _source(network: Network, name: str) -> Interval:
    """Smallest and largest element of every channel that synapses read."""
    node = network.by_name[name]
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    if isinstance(model, SigmaDelta) and _relays(model):
        low, high = input_interval(network, node.inputs[0])
        return np.minimum(low, 0), np.maximum(high, 0)
    smallest, largest = _elements(network.types[name])
    channels = network.types[name].shape[0]
    return np.full(channels, smallest, np.int64), np.full(channels, largest, np.int64)


def _relays(model: SigmaDelta) -> bool:
    """Whether it sends its input on as it is."""
    plain = (model.receives, model.sends, model.activation) == ("values", "values", "none")
    return plain and model.spike_exp + model.state_exp == 0 and not model.bias.data.any()


def _weighted(conv: ops.Conv2d, source: Interval) -> Interval:
    """Sums of weight times the smallest or the largest element, whichever is further out."""
    out, per_group = conv.weight.shape[:2]
    taps = conv.weight.data.reshape(out, per_group, -1).astype(np.int64)
    positive, negative = np.maximum(taps, 0).sum(axis=2), np.minimum(taps, 0).sum(axis=2)
    low, high = (
        s.reshape(conv.groups, per_group).repeat(out // conv.groups, axis=0) for s in source
    )
    return (
        (positive * low + negative * high).sum(axis=1),
        (positive * high + negative * low).sum(axis=1),
    )


def _elements(edge: EdgeType) -> tuple[int, int]:
    if edge.signed:
        return -(2 ** (edge.bits - 1)), 2 ** (edge.bits - 1) - 1
    return 0, 2**edge.bits - 1


def _total(parts: list[Int]) -> Int:
    return np.asarray(np.sum(parts, axis=0), np.int64)


def _sent_once(network: Network, name: str) -> bool:
    """Whether nothing but an image that is applied at t = 1 only arrives through `name`."""
    node = network.by_name[name]
    if isinstance(node.op, ops.Encode):
        return node.op.mode == "impulse"
    return bool(node.inputs) and all(_sent_once(network, i) for i in node.inputs)
