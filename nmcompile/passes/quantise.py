"""Spiking networks become integer: weights of a few bits, thresholds and biases to match.

Every population has one step delta (the real value of an integer 1 of its input current):
w_int = round(w gain / delta), threshold_int = round(threshold / delta), likewise the bias,
with delta = max |w gain| / (2^(bits-1) - 1) over all synapses that reach the population, or over
those of one output channel: then every channel has a step, a threshold and a bias of its own.

Activations of 8 bits get a multiplier of 16 bits for delta / step, and neurons that are read and
never fire a real factor behind the read-out, delta.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import (
    IF,
    KEEP_ONE,
    LIF,
    NILIF,
    CubaLIF,
    IntegerNeuron,
    IntegerNILIF,
    ReLU8,
    RoundedReLU,
    SigmaDelta,
)
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext
from nmcompile.passes.membrane_units import has_membranes
from nmcompile.passes.quantise_membranes import quantise_membranes
from nmcompile.passes.recipe import Recipe
from nmcompile.passes.rounding import keep_sums
from nmcompile.passes.weight_levels import with_levels

Real = npt.NDArray[np.float64]
Synapse = ops.Conv2d | ops.Linear
MULTIPLIER_BITS = 15
"""Of an activation's multiplier: its rounding is far below that of 8 bits."""
SHIFT_MAX = 31
FINEST_CHANNEL = 2.0**-10
"""A channel's step is at least this share of the layer's: thresholds of nearly silent channels
would leave 32 bits otherwise, and their weights would still be finer than the layer's."""


def quantise(program: Program, context: PassContext) -> Program:
    """Float parameters -> integers; the bias of the synapses moves into the neuron.

    Raises:
        NmError: NM0209 when a population has no synapses of its own to set a step from.
    """
    recipe = context.recipe
    streams = quantise_membranes(filter(has_membranes, program.networks), recipe)
    integer = program.map_networks(
        lambda n: streams[n.name] if n.name in streams else _Quantiser(n, recipe).run()
    )
    return dataclasses.replace(integer, level="integer")


class _Quantiser:
    def __init__(self, network: Network, recipe: Recipe) -> None:
        self._network = network
        self._recipe = recipe
        self._new: dict[str, ops.Op] = {}

    def run(self) -> Network:
        for node in self._network.of_type(ops.Neuron):
            self._population(node)
        factors = {
            node.name: self._read_out(node, node.op)
            for node in self._network.of_type(ops.Accumulate)
            if isinstance(node.op, ops.Accumulate) and node.op.apart
        }
        network = self._network.map_nodes(
            lambda node: dataclasses.replace(node, op=self._new.get(node.name, node.op))
        )
        return _with_factors(network, factors)

    def _read_out(self, node: Node, op: ops.Accumulate) -> float:
        """Neurons that never fire; returns the real value of an integer 1 of their membranes."""
        (branch,) = self._branches(node)
        weight = _weight(branch)
        delta = np.asarray(self._branch_steps(branch.name, weight).max(initial=0.0)) or np.ones(())
        self._new |= self._integers([branch], {branch.name: weight}, delta)
        start = _int32(np.rint(op.start.data / delta))
        self._new[node.name] = dataclasses.replace(op, start=start)
        return float(delta)

    def _population(self, node: Node) -> None:
        exact = (IntegerNeuron, SigmaDelta, ReLU8, NILIF, IntegerNILIF)
        if not isinstance(node.op, ops.Neuron) or isinstance(node.op.model, exact):
            return
        model = node.op.model
        branches = self._branches(node)
        plain = isinstance(model, IF | RoundedReLU)
        gain = np.float64(1.0) if plain else model.gain.data.astype(np.float64)  # type: ignore[union-attr]
        weights = {n.name: _weight(n) * _by_row(np.asarray(gain), _weight(n)) for n in branches}
        delta = self._step(node, weights)
        bias = np.zeros(())
        integers = self._integers(branches, weights, delta, trained=isinstance(model, LIF))
        self._new |= integers
        for branch in branches:
            if isinstance(branch.op, ops.Conv2d | ops.Linear):
                bias = bias + branch.op.bias.data * gain
                integer = integers[branch.name]
                bias = bias + self._rounding(branch, weights[branch.name], integer, delta)
        if isinstance(model, RoundedReLU):
            self._new[node.name] = ops.Neuron(_relu8(model, bias, delta))
        else:
            steps = self._network.timesteps
            self._new[node.name] = ops.Neuron(_integer_neuron(model, bias, delta, steps))

    def _integers(
        self,
        branches: list[Node],
        weights: dict[str, Real],
        delta: Real,
        *,
        trained: bool = False,
    ) -> dict[str, Synapse]:
        """The integer synapses of one population; of all its branches, the fewest levels.

        Pixels that meet thresholds which were `trained` meet kernels that keep their sums.
        """
        found: dict[str, Synapse] = {}
        levels: set[int] = set()
        for branch in branches:
            if isinstance(branch.op, ops.Conv2d | ops.Linear):
                source = self._network.by_name[branch.inputs[0]].op
                keep = trained and isinstance(source, ops.Encode)
                found[branch.name] = _integer(branch.op, weights[branch.name], delta, keep=keep)
                wanted = self._recipe.weight_levels_of(branch.label)
                levels |= set() if wanted is None else {wanted}
        return with_levels(found, min(levels)) if levels else found

    def _rounding(self, branch: Node, weights: Real, integer: Synapse, delta: Real) -> Real:
        """What rounded weights make of activations that stand for 0 without being 0."""
        source = self._network.by_name[branch.inputs[0]].op
        model = source.model if isinstance(source, ops.Neuron) else None
        if not isinstance(model, RoundedReLU) or not model.zero:
            return np.zeros(())
        exact = weights.reshape(len(weights), -1).sum(axis=1)
        rounded = integer.weight.data.reshape(len(weights), -1).sum(axis=1, dtype=np.int64)
        return np.asarray(model.zero * (exact - rounded * delta))

    def _branches(self, node: Node) -> list[Node]:
        """The linear operators whose currents meet in `node`."""
        source = self._network.by_name[node.inputs[0]]
        names = source.inputs if isinstance(source.op, ops.Add) else (source.name,)
        branches = [self._network.by_name[n] for n in names]
        for branch in branches:
            if not isinstance(branch.op, (*ops.LINEAR_OPS, ops.Correlate)):
                raise NmError(
                    Diagnostic(
                        code="NM0209",
                        message="no convolution, linear or pooling layer drives this population",
                        where=node.label,
                        found=f"{type(branch.op).__name__} `{branch.label}`",
                    )
                )
        return branches

    def _step(self, node: Node, weights: dict[str, Real]) -> Real:
        """delta, one number or one for each output channel."""
        kinds = {type(self._network.by_name[n].op) for n in weights}
        if kinds <= {ops.SumPool2d} or kinds == {ops.Correlate}:
            return np.ones(())
        if ops.SumPool2d in kinds:
            raise NmError(
                Diagnostic(
                    code="NM0209",
                    message="a sum of pooled and weighted branches has no common integer step",
                    where=node.label,
                )
            )
        steps = [self._branch_steps(n, w) for n, w in weights.items()]
        whole = np.max([s.max(initial=0.0) for s in steps])
        if whole == 0:
            return np.ones(())
        if self._recipe.weight_step == "layer":
            return np.asarray(whole)
        return np.asarray(np.maximum(np.max(steps, axis=0), whole * FINEST_CHANNEL))

    def _branch_steps(self, name: str, weight: Real) -> Real:
        """The step that every output channel of one branch needs, `(C,)`."""
        bits = self._recipe.weight_bits_of(self._network.by_name[name].label)
        largest = np.abs(weight.reshape(len(weight), -1)).max(axis=1, initial=0.0)
        return np.asarray(largest / (2 ** (bits - 1) - 1))


def _weight(node: Node) -> Real:
    if isinstance(node.op, ops.Conv2d | ops.Linear):
        return node.op.weight.data.astype(np.float64)
    return np.ones((1, 1))


def _by_row(values: Real, like: Real) -> Real:
    """One value per output channel, ready to meet the rows of `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 1)) if values.ndim == 1 < like.ndim else values


def _integer(op: Synapse, weights: Real, delta: Real, *, keep: bool = False) -> Synapse:
    # The bias now belongs to the neuron: adding it to every branch would count it twice.
    zero = Array(np.zeros(op.bias.shape, np.int32))
    steps = weights / _by_row(delta, weights)
    rounded = keep_sums(steps) if keep and steps.ndim == 4 else np.rint(steps)
    narrow = np.abs(rounded).max(initial=0) <= np.iinfo(np.int8).max
    weight = Array(rounded.astype(np.int8 if narrow else np.int16))
    return dataclasses.replace(op, weight=weight, bias=zero)


def _integer_neuron(
    model: IF | LIF | CubaLIF, bias: Real, delta: Real, timesteps: int
) -> IntegerNeuron:
    real = model.threshold.data.astype(np.float64)
    threshold = np.maximum(1, np.rint(real / _by_row(delta, real))).astype(np.int64)
    u_keep, v_keep, v_init = 0, KEEP_ONE, np.zeros((), np.int64)
    # IF fires at v >= threshold, the leaky models at v > threshold: both become v > n.
    above = threshold
    total_bias = bias / _by_row(delta, np.asarray(bias))
    if isinstance(model, IF):
        above = threshold - 1
        v_init = np.rint(model.v_init * threshold).astype(np.int64)
    elif timesteps > 1:
        # A membrane that lasts one timestep has nothing to leak.
        v_keep = _keep(model.v_keep)
    if isinstance(model, LIF) and model.at_threshold:
        above = threshold - 1
    if isinstance(model, LIF):
        total_bias = total_bias + model.drive / delta
    if isinstance(model, CubaLIF):
        u_keep = _keep(model.u_keep)
    return IntegerNeuron(
        model=type(model).__name__,  # type: ignore[arg-type]
        u_keep=u_keep,
        v_keep=v_keep,
        state_shift=0,
        state_bits=0,
        bias=_int32(np.rint(total_bias)),
        fire_above=_int32(above),
        reset=model.reset,
        reset_by=_int32(threshold),
        v_init=_int32(v_init),
        payloads=model.payloads if isinstance(model, IF) else (1,),
        advance=model.advance if isinstance(model, IF) else "clock",
    )


def _relu8(model: RoundedReLU, bias: Real, delta: Real) -> ReLU8:
    """y = round((a delta + b) / step) as integers."""
    real = model.step.data.astype(np.float64)
    ratio = np.asarray(_by_row(delta, real) / real)
    exponent = MULTIPLIER_BITS - 1 - int(np.floor(np.log2(ratio.max())))
    shift = min(max(exponent, 1), SHIFT_MAX)
    zero = model.zero / ratio if model.zero else 0.0
    return ReLU8(
        bias=_int32(np.rint(bias / _by_row(delta, np.asarray(bias)) + zero)),
        multiplier=_int32(np.rint(ratio * 2.0**shift)),
        shift=shift,
        largest=model.largest,
    )


def _with_factors(network: Network, factors: dict[str, float]) -> Network:
    """A real factor behind every node named."""
    nodes: list[Node] = []
    alias: dict[str, str] = {}
    for node in network.nodes:
        nodes.append(dataclasses.replace(node, inputs=tuple(alias.get(i, i) for i in node.inputs)))
        if node.name in factors:
            alias[node.name] = f"{node.name}_value"
            scale = ops.Scale(factors[node.name])
            nodes.append(Node(alias[node.name], scale, (node.name,), node.origin))
    return network.replace(nodes=tuple(nodes))


def _keep(fraction: Array) -> int:
    """One decay for the whole population, in 1/4096."""
    values = np.unique(np.rint(fraction.data.astype(np.float64) * KEEP_ONE).astype(np.int64))
    if values.size != 1:
        raise NmError(
            Diagnostic(
                code="NM0210",
                message="the neurons of one population must share one decay",
                found=f"{values.size} different decays, {values.min()} to {values.max()} of 4096",
                help=("split the population into layers with one time constant each",),
            )
        )
    return int(values[0])


def _int32(values: npt.ArrayLike) -> Array:
    return Array(np.asarray(values).astype(np.int32))
