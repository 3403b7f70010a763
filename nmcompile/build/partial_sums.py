"""`--split-fan-in`: layers that fit no core become rate-coded partial sums, measured.

The unit of every output channel is its largest mean sum of a rail over the timesteps, times a
factor that the measured error of the layer chooses, on crops that no later figure is taken from.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.backends.base import Backend
from nmcompile.backends.partial_sums import RateSplitter
from nmcompile.build.accuracy import correlation, relative_error, response_error
from nmcompile.build.execute import NetworkInput, reference_executor
from nmcompile.build.stimuli import Frame, recorded_inputs
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes.manager import Pass
from nmcompile.passes.rate_split import RAILS, FanInCut, Units, rails_of, split_rates
from nmcompile.reference.integer import IntegerRunner
from nmcompile.target import Target

Inputs = Mapping[str, list[NetworkInput]]
Values = npt.NDArray[Any]
CHOICE_FRAMES: Final = 2
"""Crops that the units are chosen on, beside those of the checks."""
LARGE: Final = 500_000
"""Values of a network that has neurons enough for a choice on one crop."""
FACTORS: Final = (0.18, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8)
"""Units to try, in largest mean sums of a rail. Below 1 the busiest rails saturate."""
FIRST: Final = FACTORS.index(0.5)
LARGEST_UNIT: Final = 255
"""Of the rails that the layer's own neurons read: a 9-bit signed weight, one axon per rail."""
NEVER: Final = Array(np.int32(np.iinfo(np.int32).max))


@dataclass(frozen=True)
class SplitLayer:
    """One layer in parts, chosen.

    Attributes:
        network: its network.
        cut: its inputs in parts.
        units: what the spikes of its rails stand for.
    """

    network: str
    cut: FanInCut
    units: Units


@dataclass(frozen=True)
class SplitError:
    """What the parts of a layer cost, over all frames of the check.

    Attributes:
        split: the layer.
        rails: neurons of its rails.
        correlation: Pearson, spike counts of the layer with and without parts.
        relative_error: ||with - without|| / ||without||, of the spike counts.
        saturated: share of the rail neurons that still had a spike to send after the last
            timestep; they send at most one in each.
    """

    split: SplitLayer
    rails: int
    correlation: float
    relative_error: float
    saturated: float


@dataclass(frozen=True)
class FanInSplit:
    """All layers of a build that run in parts.

    Attributes:
        whole: the golden program without parts.
        layers: in network order.
        errors: of each, once measured.
        response: (correlation, relative error) of the final output with and without parts.
    """

    whole: Program
    layers: tuple[SplitLayer, ...]
    errors: tuple[SplitError, ...] = ()
    response: tuple[float, float] | None = None

    @property
    def step(self) -> Pass:
        """The rewriting as a pass."""
        return Pass("split_fan_in", lambda program, _: with_partial_sums(program, self.layers))

    def measured(self, split: Program, frames: tuple[Frame, ...]) -> FanInSplit:
        """The same with the errors of the program `split` on `frames`."""
        if not self.layers:
            return self
        errors = split_errors(self.whole, split, self.layers, frames)
        response = response_error(self.whole, split, frames)
        return dataclasses.replace(self, errors=errors, response=response)


def fan_in_split(
    golden: Program, frames: tuple[Frame, ...], backend: Backend, target: Target
) -> FanInSplit:
    """The layers that need parts, with units chosen on `frames`.

    Raises:
        NmError: NM0328 when the target has no use for rates, NM0330 for layers that cannot be cut.
    """
    if isinstance(backend, RateSplitter):
        return FanInSplit(golden, split_layers(golden, frames, backend, target))
    raise NmError(
        Diagnostic(
            code="NM0328",
            message="this target has no use for approximate partial sums",
            where="--split-fan-in",
            limit="targets of crossbar cores with binary spikes",
            found=f"{target.name}: where its cores can split a fan-in at all, the sum is exact",
            help=("leave the option out",),
        )
    )


def split_layers(
    golden: Program, frames: tuple[Frame, ...], backend: RateSplitter, target: Target
) -> tuple[SplitLayer, ...]:
    """Every layer of the chip's networks that fits no core, with parts and units.

    Networks that share a layer share its units, so that their spikes mean the same.

    Args:
        golden: without partial sums. frames: to choose the units on.
        backend: of the target. target: whose cores are asked.

    Raises:
        NmError: NM0330 for layers that cannot be cut.
    """
    cuts = {n.name: backend.wide_layers(n, target) for n in golden.chip_networks}
    if not any(cuts.values()):
        return ()
    smallest = sorted(golden.chip_networks, key=_size)
    deciding = {cut.layer: (n, cut) for n in reversed(smallest) for cut in cuts[n.name]}
    needed = _leading_to(golden, {network.name for network, _ in deciding.values()})
    inputs = recorded_inputs(reference_executor(needed), frames)
    units = {
        layer: _units(n, cut, inputs[n.name][: 1 if _size(n) > LARGE else None])
        for layer, (n, cut) in deciding.items()
    }
    return tuple(
        SplitLayer(network.name, cut, units[cut.layer])
        for network in golden.chip_networks
        for cut in cuts[network.name]
    )


def with_partial_sums(golden: Program, layers: tuple[SplitLayer, ...]) -> Program:
    """The golden program with the rails of all layers."""

    def changed(network: Network) -> Network:
        for layer in layers:
            if layer.network == network.name:
                network = split_rates(network, layer.cut, layer.units)
        return network

    return golden.map_networks(changed)


def split_errors(
    whole: Program, split: Program, layers: tuple[SplitLayer, ...], frames: tuple[Frame, ...]
) -> tuple[SplitError, ...]:
    """Spike counts of every split layer against the program without parts.

    Errors of earlier layers are part of those of later ones, as they are on the cores.
    """
    if not layers:
        return ()
    wanted, found = (_traces(program, layers, frames) for program in (whole, split))
    errors = []
    for layer in layers:
        a, b = (
            np.concatenate([t.counts[layer.cut.neuron].ravel() for t in traces[layer.network]])
            for traces in (wanted, found)
        )
        names = [name for level in rails_of(layer.cut) for name in level]
        network = split.network(layer.network)
        left = [
            t.v_final[name].reshape(network.types[name].shape) >= _thresholds(network, name)
            for t in found[layer.network]
            for name in names
        ]
        errors.append(
            SplitError(
                layer,
                sum(network.types[name].size for name in names),
                correlation(a.astype(np.float64), b.astype(np.float64)),
                relative_error(a.astype(np.float64), b.astype(np.float64)),
                float(np.mean(np.concatenate([x.ravel() for x in left]))),
            )
        )
    return tuple(errors)


def _traces(program: Program, layers: tuple[SplitLayer, ...], frames: tuple[Frame, ...]) -> Any:
    inputs = recorded_inputs(reference_executor(program), frames)
    found = {}
    for name in {layer.network for layer in layers}:
        runner = IntegerRunner(program.network(name))
        found[name] = [runner.run(i.stimulus, i.slots, record=True) for i in inputs[name]]
    return found


def _thresholds(network: Network, name: str) -> Values:
    model = _model(network.by_name[name])
    shape = network.types[name].shape
    return np.reshape(model.fire_above.data + 1, (-1, *[1] * (len(shape) - 1)))


def _size(network: Network) -> int:
    return sum(edge.size for edge in network.types.values())


def _leading_to(golden: Program, networks: set[str]) -> Program:
    """The program without the work of every frame where the networks do not need it."""
    once = {s.network for s in golden.schedule if s.trigger == "on_init"}
    if not networks <= once:
        return golden
    schedule = tuple(s for s in golden.schedule if s.trigger == "on_init")
    kept = tuple(n for n in golden.networks if n.name in once)
    return dataclasses.replace(golden, networks=kept, schedule=schedule)


def _units(network: Network, cut: FanInCut, inputs: list[NetworkInput]) -> Units:
    """The units with the smallest error of the layer's spike counts, its inputs being exact.

    Small units saturate and large ones are coarse, so that the error has one valley: from a first
    factor the search goes on while it falls, towards larger units and else towards smaller ones.
    """
    whole, inputs = _layer_alone(network, cut.neuron, inputs)
    wanted = _counts(whole, cut, inputs)
    ladder = _ladder(whole, cut, inputs)

    def error(step: int) -> float:
        found = _counts(split_rates(whole, cut, ladder[step]), cut, inputs)
        return relative_error(wanted, found)

    best, least = FIRST, error(FIRST)
    for ahead in (1, -1):
        while 0 <= best + ahead < len(ladder) and (found := error(best + ahead)) < least:
            best, least = best + ahead, found
        if best != FIRST:
            break
    return ladder[best]


def _ladder(network: Network, cut: FanInCut, inputs: list[NetworkInput]) -> list[Units]:
    """Units for every one of `FACTORS`."""
    mean = _largest_means(network, cut, inputs)
    reach = LARGEST_UNIT
    gather: list[int] = []
    for below, above in pairwise(rails_of(cut)):
        # all rails below at their mean rate: half of them are silent for one sign
        gather.append(max(1, round(-(-len(below) // len(above)) / 2)))
        reach = max(1, reach // gather[-1])
    units = (np.clip(np.ceil(f * mean), 1, reach).astype(int) for f in FACTORS)
    return [Units(tuple(unit.tolist()), tuple(gather)) for unit in units]


def _largest_means(network: Network, cut: FanInCut, inputs: list[NetworkInput]) -> Values:
    """Per output channel, the most that a first rail receives per timestep, in the mean."""
    channels = network.types[cut.neuron].shape[0]
    gather = (1,) * (cut.levels - 1)
    counting = split_rates(network, cut, Units((1,) * channels, gather))
    names = rails_of(cut)[0]
    silent = counting.map_nodes(lambda n: _silenced(n) if n.name in names else n)
    runner = IntegerRunner(silent)
    largest = np.zeros(channels)
    for given in inputs:
        trace = runner.run(given.stimulus, given.slots, record=True)
        for name in names:
            held = trace.v_final[name].reshape(channels, RAILS, -1).max(axis=(1, 2))
            largest = np.maximum(largest, held)
    return largest / network.timesteps


def _silenced(node: Node) -> Node:
    model = dataclasses.replace(
        _model(node), fire_above=NEVER, v_init=Array(np.int32(0)), state_bits=0
    )
    return dataclasses.replace(node, op=ops.Neuron(model))


def _counts(network: Network, cut: FanInCut, inputs: list[NetworkInput]) -> Values:
    runner = IntegerRunner(network)
    traces = (runner.run(i.stimulus, i.slots, record=True) for i in inputs)
    counts: Values = np.concatenate([t.counts[cut.neuron].ravel() for t in traces])
    return counts.astype(np.float64)


def _layer_alone(
    network: Network, name: str, inputs: list[NetworkInput]
) -> tuple[Network, list[NetworkInput]]:
    """A population behind the spikes that it reads, and these; with several sources all of it."""
    needed, sources = {name}, set()
    for node in reversed(network.nodes):
        if node.name not in needed:
            continue
        if node.name != name and _spikes(node):
            sources.add(node.name)
        else:
            needed |= set(node.inputs)
    if len(sources) > 1:
        return _up_to(network, name, needed), inputs
    (source,) = sources
    edge = network.types[source]
    feed = Node(source, ops.Input(edge.kind, edge.shape, edge.bits, edge.signed))
    behind = (n for n in network.nodes if n.name in needed - sources)
    alone = network.replace(nodes=(feed, *behind, Node("output", ops.Output(), (name,))))
    if isinstance(network.by_name[source].op, ops.Input):
        return alone, inputs
    runner = IntegerRunner(_up_to(network, source, {source}))
    traces = (runner.run(i.stimulus, i.slots, record=True) for i in inputs)
    return alone, [NetworkInput(trace.spikes[source]) for trace in traces]


def _spikes(node: Node) -> bool:
    return isinstance(node.op, ops.Neuron | ops.SpikeMaxPool2d | ops.Input)


def _up_to(network: Network, name: str, needed: set[str]) -> Network:
    """The part of a network that some nodes depend on, with the spikes of one as its output."""
    needed = set(needed)
    for node in reversed(network.nodes):
        if node.name in needed:
            needed |= set(node.inputs)
    nodes = (n for n in network.nodes if n.name in needed)
    return network.replace(nodes=(*nodes, Node("output", ops.Output(), (name,))))


def _model(node: Node) -> IntegerNeuron:
    if not isinstance(node.op, ops.Neuron) or not isinstance(node.op.model, IntegerNeuron):
        raise TypeError(node.name)
    return node.op.model
