"""Cuts that are finer than needed, to be merged again.

Small tiles of all layers fill cores better, and a tile can share a core with what it reads. What a
tile stores for itself (kernels, the axons of its border) is the price: a layer is cut only as
finely as its tiles together do not fill many more cores than the fewest tiles did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil, sqrt

from nmcompile.mapping.demand import Costs, Grid, balanced
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population
from nmcompile.mapping.room import SUMS
from nmcompile.mapping.tile import Tiling, best_grid, demands

Cuts = Callable[[Costs, Grid], Iterator[Grid | None]]
"""The finer cuts of a layer, finest first; None where there is none."""
STORED_AGAIN, OF_ALL = 1.6, 0.04
"""Finer tiles of a layer may fill this many times the cores that its fewest tiles fill, and this
part of what the whole network fills."""


def divided(fewest: Tiling, limits: Limits, parts: int) -> Tiling:
    """Cut layers so finely that `parts` of their tiles fit a core.

    Args:
        fewest: the cut with the fewest tiles.
        limits: of a core.
        parts: tiles of one layer that fit a core together.
    """

    def cuts(costs: Costs, _: Grid) -> Iterator[Grid | None]:
        part = parts
        while part > 1:
            yield best_grid(costs, _part_of(limits, part))
            part -= 1

    return _chosen(fewest, limits, cuts)


def aligned(fewest: Tiling, limits: Limits, parts: int) -> Tiling:
    """Cut layers at the same places of the image; channels stay as in `fewest`.

    Args:
        fewest: the cut with the fewest tiles.
        limits: of a core.
        parts: how much finer than in `fewest` the layer with the most tiles is cut.
    """
    finest = ceil(sqrt(parts * max(grid.tiles for _, grid in fewest.grids)))

    def cuts(costs: Costs, own: Grid) -> Iterator[Grid | None]:
        # Every second cut, every fourth, ...: what remains stays aligned.
        count = finest
        while count > 1:
            yield _squares(costs.population, count, own)
            count = -(-count // 2)

    return _chosen(fewest, limits, cuts)


def _squares(population: Population, cuts: int, own: Grid) -> Grid:
    _, height, width = population.shape
    return Grid(balanced(height, min(cuts, height)), balanced(width, min(cuts, width)), own.cs)


def _chosen(fewest: Tiling, limits: Limits, cuts: Cuts) -> Tiling:
    """The finest of every layer's cuts that it can afford."""
    plan = fewest.plan(limits)
    costs = [plan.costs(population) for population in fewest.stages.populations]
    own = [grid for _, grid in fewest.grids]
    filled = [_filled(c, grid, limits) for c, grid in zip(costs, own, strict=True)]
    spare = OF_ALL * sum(filled)
    chosen = []
    for (name, grid), cost, needed in zip(fewest.grids, costs, filled, strict=True):
        allowed = STORED_AGAIN * needed + spare
        finer = (g for g in cuts(cost, grid) if g is not None and g.tiles > grid.tiles)
        fitting = (g for g in finer if cost.worst(g).fits(limits))
        best = next((g for g in fitting if _filled(cost, g, limits) <= allowed), grid)
        chosen.append((name, best))
    return _fitting(Tiling(fewest.stages, tuple(chosen), fewest.input_groups), fewest, limits)


def _fitting(tiling: Tiling, fewest: Tiling, limits: Limits) -> Tiling:
    """Take back cuts until every tile fits; what a layer needs depends on its neighbours' cuts."""
    own = dict(fewest.grids)
    while True:
        grids = dict(tiling.grids)
        back = set()
        for population, tiles in demands(tiling, limits):
            if all(demand.fits(limits) for demand in tiles):
                continue
            name = population.name
            back |= {name} if grids[name] != own[name] else _neighbours(population, fewest)
        if not back:
            return tiling
        chosen = tuple((name, own[name] if name in back else grid) for name, grid in tiling.grids)
        tiling = Tiling(fewest.stages, chosen, fewest.input_groups)


def _neighbours(population: Population, tiling: Tiling) -> set[str]:
    """What a population reads, and what reads it."""
    found = {projection.source for projection in population.projections}
    for other in tiling.stages.populations:
        if any(projection.source == population.name for projection in other.projections):
            found.add(other.name)
    return found


def _filled(costs: Costs, grid: Grid, limits: Limits) -> float:
    """Cores that the tiles of a grid fill, by the capacity that they fill most."""
    worst = costs.worst(grid)
    used = ((getattr(worst, name), getattr(limits, name)) for name in SUMS)
    return float(grid.tiles * max(need / cap for need, cap in used if cap is not None))


def _part_of(limits: Limits, parts: int) -> Limits:
    """The limits of the `parts`-th part of a core."""
    total = limits.total_memory_bytes
    return replace(
        limits,
        neurons=limits.neurons // parts,
        in_axons=limits.in_axons // parts,
        out_axons=limits.out_axons // parts,
        synapse_memory_bytes=limits.synapse_memory_bytes // parts,
        total_memory_bytes=None if total is None else total // parts,
    )
