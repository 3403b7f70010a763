"""Cuts that are finer than needed, to be merged again.

Small tiles of all layers fill cores better, and a tile can share a core with what it reads. What a
tile stores for itself (kernels, the axons of its border) is the price: a layer is cut only as
finely as its tiles together do not fill many more cores than the fewest tiles did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil, sqrt

from nmcompile.mapping.demand import Costs, Demand, Grid, balanced
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.populations import Population
from nmcompile.mapping.room import SUMS
from nmcompile.mapping.tile import Tiling, best_grid, demands

Cuts = Callable[[Costs, Grid], Iterator[Grid | None]]
"""The finer cuts of a layer, finest first; None where there is none."""
STORED_AGAIN, OF_ALL = 1.6, 0.04
"""Finer tiles of a layer may fill this many times the cores that its fewest tiles fill, and this
part of what the whole network fills."""


class Finer:
    """Finer cuts of a network.

    Args:
        fewest: the cut with the fewest tiles.
        limits: of a core.
    """

    def __init__(self, fewest: Tiling, limits: Limits) -> None:
        self._fewest, self._limits = fewest, limits
        plan = fewest.plan(limits)
        self._costs = [plan.costs(population) for population in fewest.stages.populations]
        own = [grid for _, grid in fewest.grids]
        worst = [costs.worst(grid) for costs, grid in zip(self._costs, own, strict=True)]
        self._filled = [_filled(w, g, limits) for w, g in zip(worst, own, strict=True)]
        self._parts: dict[tuple[str, int], Grid | None] = {}

    def divided(self, parts: int) -> Tiling:
        """Cut layers so finely that `parts` of their tiles fit a core."""

        def cuts(costs: Costs, _: Grid) -> Iterator[Grid | None]:
            for part in range(parts, 1, -1):
                yield self._part(costs, part)

        return self._chosen(cuts)

    def aligned(self, parts: int) -> Tiling:
        """Cut layers at the same places of the image; channels stay as they are.

        Args:
            parts: how much finer the layer with the most tiles is cut.
        """
        finest = ceil(sqrt(parts * max(grid.tiles for _, grid in self._fewest.grids)))

        def cuts(costs: Costs, own: Grid) -> Iterator[Grid | None]:
            # Every second cut, every fourth, ...: what remains stays aligned.
            count = finest
            while count > 1:
                yield _squares(costs.population, count, own)
                count = -(-count // 2)

        return self._chosen(cuts)

    def _part(self, costs: Costs, part: int) -> Grid | None:
        """The cut of which `part` tiles fit a core."""
        key = (costs.population.name, part)
        if key not in self._parts:
            self._parts[key] = best_grid(costs, _part_of(self._limits, part))
        return self._parts[key]

    def _chosen(self, cuts: Cuts) -> Tiling:
        """The finest of every layer's cuts that it can afford."""
        fewest, limits = self._fewest, self._limits
        spare = OF_ALL * sum(self._filled)
        chosen = []
        for (name, grid), costs, needed in zip(
            fewest.grids, self._costs, self._filled, strict=True
        ):
            allowed = STORED_AGAIN * needed + spare
            best = grid
            for finer in cuts(costs, grid):
                if finer is None or finer.tiles <= grid.tiles:
                    continue
                worst = costs.worst(finer)
                if worst.fits(limits) and _filled(worst, finer, limits) <= allowed:
                    best = finer
                    break
            chosen.append((name, best))
        return _fitting(Tiling(fewest.stages, tuple(chosen), fewest.input_groups), fewest, limits)


def _squares(population: Population, cuts: int, own: Grid) -> Grid:
    _, height, width = population.shape
    return Grid(balanced(height, min(cuts, height)), balanced(width, min(cuts, width)), own.cs)


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


def _filled(worst: Demand, grid: Grid, limits: Limits) -> float:
    """Cores that the tiles of a grid fill, by the capacity that they fill most."""
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
