"""Units of the neurons that read a correlation out as spikes, chosen on frames and measured.

One unit for every bit of the template's elements: the largest sum of its taps over a frame, of any
channel, spread over the timesteps, times a factor that the error of the response chooses, on crops
that no later figure is taken from. (A unit for every channel loses more: what a channel does not
do in a few crops it does in the next one.)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.build.accuracy import correlation, relative_error
from nmcompile.build.execute import NetworkInput, reference_executor
from nmcompile.build.stimuli import Frame, recorded_inputs
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.passes.manager import Pass
from nmcompile.passes.template_taps import map_units, plane_weights, taps_of, with_units
from nmcompile.reference.executor import last
from nmcompile.reference.integer import IntegerRunner
from nmcompile.reference.template_taps import tap_sums

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
FACTORS: Final = (0.5, 0.7, 1.0, 1.4, 2.0)
"""Units to try, in what a neuron that fires at every timestep would need. Below 1 the busiest
neurons of the frames lose spikes."""
AS_GOOD: Final = 1.1
"""Errors of the response, in the smallest one, that are no reason for smaller units."""


@dataclass(frozen=True)
class ReadOutError:
    """What the read-out costs, over all frames of the check.

    Attributes:
        correlation: Pearson, responses of the counts and of the exact sums, mean of the frames.
        relative_error: ||counts - sums|| / ||sums|| of the responses, likewise.
        saturated: share of the neurons that still held a unit after the last timestep.
    """

    correlation: float
    relative_error: float
    saturated: float


@dataclass(frozen=True)
class ReadOut:
    """The read-out of one correlation on cores.

    Attributes:
        network: its network. layer: the user's name of the correlation.
        taps: inputs of one neuron. parts: sums of which the response consists.
        neurons: of the read-out.
        units: taps that a spike stands for, of every bit of an element.
        factor: of `FACTORS`, that chose them.
        error: once measured.
    """

    network: str
    layer: str
    taps: int
    parts: int
    neurons: int
    units: tuple[int, ...]
    factor: float
    error: ReadOutError | None = None

    def measured(self, golden: Program, inputs: Mapping[str, Sequence[NetworkInput]]) -> ReadOut:
        """The same with the error on what the network received.

        Args:
            golden: with these units. inputs: of its networks.
        """
        network = golden.network(self.network)
        taps = _taps(network)
        frames = [_responses(taps, sums, self.units) for sums in _sums(network, inputs)]
        error = ReadOutError(
            float(np.mean([correlation(exact, found) for exact, found, _ in frames])),
            float(np.mean([relative_error(exact, found) for exact, found, _ in frames])),
            float(np.mean([saturated for *_, saturated in frames])),
        )
        return dataclasses.replace(self, error=error)


def read_outs(golden: Program, frames: tuple[Frame, ...]) -> tuple[ReadOut, ...]:
    """The read-out of every correlation on cores, with units chosen on `frames`.

    Args:
        golden: with units of one. frames: to choose the units on.
    """
    networks = [n for n in golden.chip_networks if taps_of(n) is not None]
    if not networks:
        return ()
    inputs = recorded_inputs(reference_executor(golden), frames)
    return tuple(_chosen(network, inputs) for network in networks)


def read_out_passes(found: tuple[ReadOut, ...]) -> tuple[Pass, ...]:
    """The units as a pass; none without a correlation on cores."""

    def changed(program: Program, _: object) -> Program:
        for one in found:
            program = with_units(program, one.network, one.units)
        return program

    return (Pass("read_out_units", changed),) if found else ()


def _chosen(network: Network, inputs: Mapping[str, Sequence[NetworkInput]]) -> ReadOut:
    """The largest units that are about as good as the best: they lose the fewest spikes."""
    node = _taps(network)
    op = _op(node)
    trains = _sums(network, inputs)
    largest = np.max([sums.sum(axis=0).max(axis=(0, 1)) for sums in trains], axis=0)
    mean = largest.reshape(-1, op.planes, op.rails).max(axis=(0, 2)) / network.timesteps
    ladder = [tuple(max(1, math.ceil(factor * m)) for m in mean.tolist()) for factor in FACTORS]
    errors = [sum(_error(node, sums, units) for sums in trains) for units in ladder]
    best = max(k for k, error in enumerate(errors) if error <= AS_GOOD * min(errors))
    shape = network.types[node.inputs[1]].shape
    return ReadOut(
        network=network.name,
        layer=node.label,
        taps=int(np.prod(shape[1:])) * op.rails,
        parts=len(largest),
        neurons=network.types[node.name].size,
        units=ladder[best],
        factor=FACTORS[best],
    )


def _error(node: Node, sums: Values, units: tuple[int, ...]) -> float:
    exact, found, _ = _responses(node, sums, units)
    return relative_error(exact, found)


def _responses(
    node: Node, sums: Values, plane_units: tuple[int, ...]
) -> tuple[Floats, Floats, float]:
    """Responses of the exact sums and of the counts, flat, and the share of saturated neurons.

    Args:
        node: the taps. sums: `(T, H, W, maps)` of one frame. plane_units: of every bit.
    """
    op, maps = _op(node), sums.shape[-1]
    weights, units = plane_weights(op, maps), map_units(op, maps, plane_units)
    membranes = np.broadcast_to(units // 2, sums.shape[1:]).astype(np.int64)
    counts = np.zeros(sums.shape[1:], np.int64)
    for arrived in sums:
        membranes = membranes + arrived
        fired = membranes >= units
        membranes = membranes - units * fired
        counts += fired
    exact = sums.sum(axis=0, dtype=np.int64) @ weights
    found = (counts * units) @ weights
    saturated = float((membranes >= units).mean())
    return exact.ravel().astype(np.float64), found.ravel().astype(np.float64), saturated


def _sums(network: Network, inputs: Mapping[str, Sequence[NetworkInput]]) -> list[Values]:
    """`(T, H, W, maps)` what reached the read-out neurons, of every frame."""
    node = _taps(network)
    slot = network.by_name[node.inputs[1]].op
    if not isinstance(slot, ops.Slot):
        raise TypeError(node.inputs[1])
    runner = IntegerRunner(network)
    found = []
    for given in inputs[network.name]:
        spikes = runner.run(given.stimulus, given.slots, record=True).spikes
        template = last(given.slots[slot.slot].astype(np.int32))
        found.append(tap_sums(_op(node), last(spikes[node.inputs[0]]), template))
    return found


def _taps(network: Network) -> Node:
    node = taps_of(network)
    if node is None:
        raise ValueError(f"{network.name} has no taps")
    return node


def _op(node: Node) -> ops.TemplateTaps:
    if not isinstance(node.op, ops.TemplateTaps):
        raise TypeError(node.name)
    return node.op
