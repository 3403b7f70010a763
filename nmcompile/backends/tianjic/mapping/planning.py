"""A network under one schedule: boxes, cores and phases, without tables and places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nmcompile.backends.tianjic.mapping import problems
from nmcompile.backends.tianjic.mapping.layer import Layer, Room
from nmcompile.backends.tianjic.mapping.phases import Timing, timing
from nmcompile.backends.tianjic.mapping.schedule import Fold, Schedule, fold, phases_of
from nmcompile.backends.tianjic.mapping.tiling import Tiled, Tiler
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network
from nmcompile.mapping.populations import Stages
from nmcompile.mapping.stages import stages
from nmcompile.target import FCoreTarget


@dataclass(frozen=True)
class Plan:
    """Everything about a mapping but its tables and places.

    Attributes:
        split: the network as populations. layers: in boxes, in network order. times: phases.
    """

    split: Stages
    layers: tuple[Tiled, ...]
    times: Timing

    @property
    def cores(self) -> int:
        """Cores of all layers."""
        return sum(layer.cores for layer in self.layers)


def readable(network: Network, target: FCoreTarget) -> Stages:
    """The populations of a network that cores can run.

    Raises:
        NmError: NM0301, NM0346: one diagnostic for every layer that no schedule can map.
    """
    split = stages(network)
    _require(problems.refusals(split, target))
    return split


def room_of(target: FCoreTarget) -> Room:
    """What a core of the chip holds."""
    return Room(target.core.axons.value, target.core.neurons.value)


def planned(split: Stages, target: FCoreTarget, schedule: Schedule, tiler: Tiler) -> Plan:
    """Everything about a mapping but its tables and places: boxes, cores, phases.

    Args:
        split: the network, see `readable`. target: the chip. schedule: what is folded in time.
        tiler: of the network.

    Raises:
        NmError: NM0344 where a core has no table for its weights, NM0347 where a partial sum is too
            wide, NM0349 where neurons cannot be folded.
    """
    phases = phases_of(schedule, [p.shape for p in split.populations])
    layers = [
        tiler.tile(Layer(population, fold(schedule, phases, population.shape)))
        for population in split.populations
    ]
    found = (problems.folded_parameters(tiled) for tiled in layers)
    wide = (problems.wide_partial_sum(tiled, split, target) for tiled in layers)
    varied = (problems.too_many_weights(tiled, target) for tiled in layers)
    _require(problem for problem in (*found, *wide, *varied) if problem is not None)
    _, height, width = split.input.shape
    rows = fold(Schedule("semi-folded"), phases, (1, height, width))
    source = split.input.name, Fold(rows.rows, width, rows.ny, 1, rows.period)
    times = timing(phases, split.timesteps, source, layers)
    return Plan(split, tuple(layers), times)


def _require(problems_: Iterable[Diagnostic]) -> None:
    found = tuple(problems_)
    if found:
        raise NmError(*found)
