"""Use all cores of the chips that are powered anyway: make the busiest core less busy.

A tick ends when the busiest core is done, and static power is paid per chip. So layers are cut
into tiles of about equal work: with work W_p of population p, tile counts n_p are the smallest
with W_p / n_p <= L for the least L that a number of tiles allows. The tiles are then packed so
that the busiest core has least to do (first fit under ever lower loads: multifit, Coffman, Garey
and Johnson 1978), and exchanged between cores within that load to save packets.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.assemble import Traffic
from nmcompile.mapping.axes import Interval, Intervals
from nmcompile.mapping.demand import Grid
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.merge import TILES_MAX, TRIES, TRIES_MAX, Packing
from nmcompile.mapping.nets import nets_of
from nmcompile.mapping.pack import first_fit
from nmcompile.mapping.populations import Population, Projection, Stages
from nmcompile.mapping.room import Room, room_of
from nmcompile.mapping.tile import Tiling, demands, tile
from nmcompile.mapping.window import Window, hits

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

NEURON_WORK = 4
"""Synapse accesses that take as long as the service of one neuron in one tick (Loihi 2's idle
neuron against its synaptic operation; Loihi 1 has 1.5). It only shares cores out."""
STEPS = 60
FINENESS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Tiles per core that are tried."""
NEAR = 1.02
"""A packing may be busier than the best one by this much to save packets."""
LOAD_STEPS = 12


def spread(fewest: Tiling, limits: Limits, traffic: Traffic, cores: int) -> Packing | None:
    """The packing on at most `cores` cores whose busiest core has least to do.

    Args:
        fewest: the cut with the fewest tiles.
        limits: of a core.
        traffic: spikes per neuron of a calibration run; ones where missing.
        cores: to use.

    Returns:
        None when `cores` are not enough for any of the cuts tried.
    """
    found: list[tuple[int, Packing]] = []
    for tiles_per_core in FINENESS:
        counts = tile_counts(fewest, traffic, int(cores * tiles_per_core))
        tiling = tile(fewest.stages, limits, counts)
        if tiling.tiles > TILES_MAX:
            break
        work = loads(tiling, traffic)
        room = room_of([d for _, tiles in demands(tiling, limits) for d in tiles], limits)
        packed = _least_busy(room, work, cores)
        if packed is not None:
            core, busiest = packed
            nets = nets_of(tiling, traffic, limits.axon_atoms)
            found.append((busiest, Packing(tiling, room.and_(work, busiest), nets, core)))
    if not found:
        return None
    least = min(busiest for busiest, _ in found)
    near = [packing for busiest, packing in found if busiest <= NEAR * least]
    return min(near, key=lambda p: p.packets).exchanged(TRIES, TRIES_MAX)


def loads(tiling: Tiling, traffic: Traffic) -> I64:
    """`(tiles,)` synapse accesses of every tile in one inference, neuron updates converted."""
    grids = dict(tiling.grids)
    found = []
    for population in tiling.stages.populations:
        grid = grids[population.name]
        neurons = np.einsum("y,x,c->yxc", *(_lengths(i) for i in (grid.ys, grid.xs, grid.cs)))
        work = NEURON_WORK * tiling.stages.timesteps * neurons
        for projection in population.projections:
            work += _tile_accesses(projection, grid, traffic.get(projection.source))
        found.append(np.ceil(work).astype(np.int64).reshape(-1))
    return np.concatenate(found)


def _least_busy(room: Room, work: I64, cores: int) -> tuple[I32, int] | None:
    """A packing and the load of its busiest core."""
    order = np.argsort(-work, kind="stable")
    low, high = max(int(work.max()), -(-int(work.sum()) // cores)), int(work.sum())
    best = first_fit(room.and_(work, high), order, cores)
    if best is None:
        return None
    high = int(np.bincount(best, weights=work).max())
    for _ in range(LOAD_STEPS):
        middle = (low + high) // 2
        core = first_fit(room.and_(work, middle), order, cores)
        if core is None:
            low = middle + 1
        else:
            best, high = core, int(np.bincount(core, weights=work).max())
    return best, high


def tile_counts(smallest: Tiling, traffic: Traffic, budget: int) -> dict[str, int]:
    """How many tiles every population may use so that the busiest tile has least to do.

    Args:
        smallest: the cut with the fewest tiles.
        traffic: spikes per neuron of a calibration run; ones where missing.
        budget: tiles to share out.
    """
    work = {p.name: work_of(p, smallest.stages, traffic) for p in smallest.stages.populations}
    fewest = {name: grid.tiles for name, grid in smallest.grids}
    low, high = 0.0, max(work.values()) + 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if sum(_counts(work, fewest, middle).values()) <= budget:
            high = middle
        else:
            low = middle
    return _counts(work, fewest, high)


def work_of(population: Population, stages: Stages, traffic: Traffic) -> float:
    """Synapse accesses of a population in one inference, neuron updates converted."""
    channels, height, width = population.shape
    whole = Grid(((0, height),), ((0, width),), ((0, channels),))
    accesses = (_tile_accesses(p, whole, traffic.get(p.source)) for p in population.projections)
    return float(sum(a.sum() for a in accesses)) + NEURON_WORK * population.size * stages.timesteps


def _counts(work: Mapping[str, float], fewest: Mapping[str, int], load: float) -> dict[str, int]:
    return {n: max(fewest[n], int(np.ceil(work[n] / max(load, 1e-9)))) for n in work}


def _tile_accesses(
    projection: Projection, grid: Grid, spikes: npt.NDArray[np.generic] | None
) -> npt.NDArray[np.float64]:
    """`(ys, xs, cs)` accesses of the tiles of a grid, exact at borders."""
    train = np.ones(projection.source_shape) if spikes is None else spikes
    reached = np.einsum(
        "chw,yh,xw->cyx",
        np.asarray(train, np.float64).reshape(projection.source_shape),
        _fan_outs(projection.y, grid.ys),
        _fan_outs(projection.x, grid.xs),
        optimize=True,
    )
    groups = reached.reshape(projection.groups, -1, *reached.shape[1:]).sum(axis=1)
    accesses: npt.NDArray[np.float64] = np.einsum(
        "gyx,cg->yxc", groups, _widths(projection, grid.cs)
    )
    return accesses


def _widths(projection: Projection, cs: Intervals) -> npt.NDArray[np.float64]:
    """`(cs, groups)` output channels that an interval has in a channel group."""
    out = projection.channels_out
    edges = [(g * out, (g + 1) * out) for g in range(projection.groups)]
    return np.array([[max(0, min(c[1], e[1]) - max(c[0], e[0])) for e in edges] for c in cs], float)


def _fan_outs(window: Window, intervals: Intervals) -> npt.NDArray[np.float64]:
    """`(intervals, positions)` outputs in an interval that an input position reaches."""
    return np.stack([_fan_out(window, interval) for interval in intervals])


def _fan_out(window: Window, outputs: Interval) -> npt.NDArray[np.float64]:
    return np.array([len(hits(window, s, *outputs)) for s in range(window.size_in)], float)


def _lengths(intervals: Intervals) -> npt.NDArray[np.float64]:
    return np.array([high - low for low, high in intervals], float)
