"""Cut every population into tiles: enumerate (h, w, c), keep what fits, minimise cores.

The whole demand of a tile is a sum over projections of products of one-dimensional sums
(`demand.py`), so that all cuts of a layer are enumerated in milliseconds. Among the cuts that fit,
and have the fewest tiles or little more, the one with the fewest input axons (packets) wins: this
keeps all channels together and makes tiles as square as the layer allows. Given a number of
tiles to use (`balance.py`), the smallest tiles win instead of the fewest. Finer cuts are
there to be merged again, see `nmcompile.mapping.finer`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.axes import Intervals
from nmcompile.mapping.demand import (
    Costs,
    Demand,
    Grid,
    balanced,
    compartments,
    split_atoms,
)
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.plan import Plan
from nmcompile.mapping.populations import Population, Stages
from nmcompile.mapping.shortage import WAYS_OUT, shortage

SWEEPS = 6
SLACK = 1.15
"""A cut may have this many times the fewest tiles (or the smallest tile) to save packets."""


@dataclass(frozen=True)
class Tiling:
    """The cut of a whole network.

    Attributes:
        stages: the network.
        grids: (population, grid), in network order.
        input_groups: channel intervals of the host's input axons.
    """

    stages: Stages
    grids: tuple[tuple[str, Grid], ...]
    input_groups: Intervals

    def plan(self, limits: Limits) -> Plan:
        """Cost tables of this cut."""
        inputs = {self.stages.input.name: self.input_groups}
        return Plan(self.stages.populations, inputs, dict(self.grids), limits)

    @property
    def tiles(self) -> int:
        """Number of tiles of all populations."""
        return sum(grid.tiles for _, grid in self.grids)


def tile(stages: Stages, limits: Limits, counts: Mapping[str, int] | None = None) -> Tiling:
    """Choose a grid for every population.

    Source groups change a layer's input axons and the readers' tiles its output axons, so that
    the choice is repeated until it is stable.

    Args:
        stages: the network.
        limits: of a core.
        counts: tiles that a population may use up; without, it uses as few as fit.

    Raises:
        NmError: NM0302 (neurons or input axons), NM0303 (synapse memory), NM0304 (total
            memory), NM0305 (output axons), NM0306 (delay): one per layer that fits no core.
    """
    _check_delays(stages, limits)
    groups = split_atoms((0, stages.input.shape[0]), limits.axon_atoms)
    grids: dict[str, Grid] = {}
    known: dict[tuple[object, ...], Grid | None] = {}
    for _ in range(SWEEPS):
        before = dict(grids)
        problems: list[Diagnostic] = []
        for population in stages.populations:
            plan = Plan(stages.populations, {stages.input.name: groups}, grids, limits)
            around = plan.around(population)
            if around not in known:
                count = (counts or {}).get(population.name)
                known[around] = best_grid(plan.costs(population), limits, count)
            best = known[around]
            if best is None:
                problems.append(_too_big(plan.costs(population), limits))
                best = _finest(population)
            grids[population.name] = best
        if problems:
            raise NmError(*problems)
        if grids == before:
            break
    tiling = Tiling(stages, tuple(grids.items()), groups)
    _check_stable(tiling, limits)
    return tiling


def demands(tiling: Tiling, limits: Limits) -> list[tuple[Population, list[Demand]]]:
    """Exact demand of every tile, per population in the order of `Grid.boxes`."""
    plan = tiling.plan(limits)
    grids = dict(tiling.grids)
    found = []
    for population in tiling.stages.populations:
        found.append((population, plan.costs(population).tiles(grids[population.name])))
    return found


def best_grid(costs: Costs, limits: Limits, count: int | None = None) -> Grid | None:
    """The grid to take, or None when not even single neurons fit.

    Args:
        costs: of the population.
        limits: of a core.
        count: tiles to use up; None uses as few as fit.
    """
    size = _tiles if count is None else _largest_tile
    best = float("inf")
    fitting = []
    for grid in grids(costs.population, limits):
        if count is not None and grid.tiles > count:
            continue
        if size(grid) <= SLACK * best and costs.fits(grid, limits):
            fitting.append(grid)
            best = min(best, size(grid))
    if not fitting:
        return None if count is None else best_grid(costs, limits)
    near = [grid for grid in fitting if size(grid) <= SLACK * best]
    # The last keys keep the choice deterministic, and channels together, when packets tie.
    return min(near, key=lambda g: (costs.axons(g), size(g), len(g.cs), len(g.ys)))


def _tiles(grid: Grid) -> int:
    return grid.tiles


def _largest_tile(grid: Grid) -> int:
    return _longest(grid.ys) * _longest(grid.xs) * _longest(grid.cs)


def grids(population: Population, limits: Limits) -> Iterator[Grid]:
    """All balanced cuts of a population into tiles with no more neurons than a core has."""
    channels, height, width = population.shape
    largest = limits.neurons // compartments(population, limits)
    columns, parts = list(_cuts(width)), list(_cuts(channels))
    for rows, ys in _cuts(height):
        for across, xs in columns:
            area = rows * across
            if area > largest:
                continue
            for deep, cs in parts:
                if area * deep <= largest:
                    yield Grid(ys, xs, cs)


def _cuts(size: int) -> Iterator[tuple[int, Intervals]]:
    """Balanced cuts of an axis, one for every possible longest interval, which comes first."""
    last = 0
    for parts in range(1, size + 1):
        longest = -(-size // parts)
        if longest != last:
            yield longest, balanced(size, parts)
        last = longest


def _longest(intervals: Intervals) -> int:
    return max(high - low for low, high in intervals)


def _finest(population: Population) -> Grid:
    channels, height, width = population.shape
    return Grid(balanced(height, height), balanced(width, width), balanced(channels, channels))


def _too_big(costs: Costs, limits: Limits) -> Diagnostic:
    """Why not even a tile of one neuron fits."""
    population = costs.population
    demand = costs.worst(_finest(population))
    return shortage(population.layer, "one output neuron", demand, limits) or Diagnostic(
        code="NM0305",
        message="no cut of this layer fits a core",
        where=population.layer,
        help=WAYS_OUT["out_axons"],
    )


def _check_delays(stages: Stages, limits: Limits) -> None:
    problems = [
        Diagnostic(
            code="NM0306",
            message="the skip path needs a longer axon delay than the target has",
            where=projection.layer,
            limit=f"{limits.delay_ticks_max} ticks ({limits.source('delay_ticks_max')})",
            found=str(projection.delay),
            help=("shorten the path beside it, or insert a relay population",),
        )
        for population in stages.populations
        for projection in population.projections
        if projection.delay > limits.delay_ticks_max
    ]
    if problems:
        raise NmError(*problems)


def _check_stable(tiling: Tiling, limits: Limits) -> None:
    problems = []
    for population, tiles in demands(tiling, limits):
        bad = (shortage(population.layer, "a tile", d, limits) for d in tiles)
        problems += [d for d in bad if d is not None][:1]
    if problems:
        raise NmError(*problems)
