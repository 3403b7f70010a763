"""Which tiles a spike reaches: one net for all neuron groups with the same source and readers.

A packet goes once to every core that holds a reader, so a net of weight w costs w packets for
every core on it but the source's own: the connectivity (lambda - 1) of a hypergraph.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.assemble import Traffic
from nmcompile.mapping.axes import Intervals, needed_channels, overlapping
from nmcompile.mapping.demand import Grid
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.tile import Tiling
from nmcompile.mapping.window import sources

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mark = tuple[tuple[int, ...], ...]
"""One position of an axis: the source's interval (none for the host), each reader's intervals."""


@dataclass(frozen=True)
class Nets:
    """The nets of a tiling; tiles count through all populations in the order of `Grid.boxes`.

    Attributes:
        tiles: number of tiles.
        weight: `(nets,)` spikes of the calibration run.
        sourced: `(nets,)` whether the first pin is the source; otherwise the host injects.
        first: `(nets + 1,)` where the pins of a net begin in `pin`.
        pin: tiles.
    """

    tiles: int
    weight: I64
    sourced: npt.NDArray[np.bool_]
    first: I32
    pin: I32

    def packets(self, core: I32) -> int:
        """Packets that leave a core or the host, for `(tiles,)` cores."""
        net = np.repeat(np.arange(len(self.weight)), np.diff(self.first))
        cores = int(core.max(initial=0)) + 1
        reached = np.unique(net * cores + core[self.pin]) // cores
        places = np.bincount(reached, minlength=len(self.weight)) - self.sourced
        return int((places * self.weight).sum())

    def of_tiles(self) -> tuple[I32, I32]:
        """Where the nets of every tile begin, `(tiles + 1,)`, and the nets."""
        net = np.repeat(np.arange(len(self.weight), dtype=np.int32), np.diff(self.first))
        order = np.argsort(self.pin, kind="stable")
        first = np.searchsorted(self.pin[order], np.arange(self.tiles + 1)).astype(np.int32)
        return first, net[order]


@dataclass(frozen=True)
class _Reader:
    """One projection, the grid of its population and the number of that grid's first tile."""

    projection: Projection
    grid: Grid
    tile0: int


def nets_of(tiling: Tiling, traffic: Traffic, atoms: int) -> Nets:
    """The nets of a cut.

    Args:
        tiling: the cut.
        traffic: spikes per neuron; one per neuron where missing.
        atoms: neurons that may share an axon.
    """
    grids = dict(tiling.grids)
    tile0, tiles = {}, 0
    for name, grid in tiling.grids:
        tile0[name] = tiles
        tiles += grid.tiles
    # Spikes with different delays are different packets.
    readers: dict[tuple[str, int], list[_Reader]] = {}
    for population in tiling.stages.populations:
        for projection in population.projections:
            reader = _Reader(projection, grids[population.name], tile0[population.name])
            readers.setdefault((projection.source, projection.delay), []).append(reader)
    weights: list[int] = []
    sourced: list[bool] = []
    pins: list[tuple[int, ...]] = []
    for (name, _), reading in readers.items():
        own = grids.get(name)
        groups = tiling.input_groups if own is None else own.groups(atoms)
        shape = reading[0].projection.source_shape
        given = traffic.get(name)
        spikes = np.ones(shape, np.int64) if given is None else np.asarray(given, np.int64)
        found = _nets(spikes.reshape(shape), groups, own, tile0.get(name, 0), reading)
        weights += [weight for weight, _ in found]
        pins += [net for _, net in found]
        sourced += [own is not None] * len(found)
    sizes = np.array([len(net) for net in pins], np.int64)
    return Nets(
        tiles,
        np.array(weights, np.int64),
        np.array(sourced, bool),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        np.array([tile for net in pins for tile in net], np.int32),
    )


def _nets(
    spikes: I64, groups: Intervals, own: Grid | None, tile0: int, readers: list[_Reader]
) -> list[tuple[int, tuple[int, ...]]]:
    """Weight and pins of every net of one source; silent ones are left out."""
    axes = (
        _channel_marks(groups, own, readers),
        _position_marks("y", spikes.shape[1], own, readers),
        _position_marks("x", spikes.shape[2], own, readers),
    )
    kinds = [list(dict.fromkeys(marks)) for marks in axes]
    c, y, x = (_numbers(k, marks) for k, marks in zip(kinds, axes, strict=True))
    per_group = np.stack([spikes[low:high].sum(axis=0) for low, high in groups])
    weight = np.zeros([len(k) for k in kinds], np.int64)
    np.add.at(weight, np.ix_(c, y, x), per_group)
    found = []
    for amount, (kc, ky, kx) in zip(weight.reshape(-1).tolist(), product(*kinds), strict=True):
        boxes = [(r.tile0, r.grid) for r in readers]
        if own is not None:
            boxes.insert(0, (tile0, own))
        net = [
            first + (i * len(grid.xs) + j) * len(grid.cs) + k
            for (first, grid), ys, xs, cs in zip(boxes, ky, kx, kc, strict=True)
            for i, j, k in product(ys, xs, cs)
        ]
        if amount and len(net) > (own is not None):
            found.append((amount, tuple(dict.fromkeys(net))))
    return found


def _numbers(kinds: list[Mark], marks: list[Mark]) -> I64:
    number = {mark: i for i, mark in enumerate(kinds)}
    return np.array([number[mark] for mark in marks], np.int64)


def _channel_marks(groups: Intervals, own: Grid | None, readers: list[_Reader]) -> list[Mark]:
    needed = [[needed_channels(r.projection, c) for c in r.grid.cs] for r in readers]
    held = [] if own is None else _holders(own.cs)
    marks = []
    for group in groups:
        mark = [] if own is None else [held[group[0]]]
        for each in needed:
            mark.append(tuple(i for i, c in enumerate(each) if overlapping((group,), c)))
        marks.append(tuple(mark))
    return marks


def _position_marks(axis: str, size: int, own: Grid | None, readers: list[_Reader]) -> list[Mark]:
    columns = [] if own is None else [_holders(own.ys if axis == "y" else own.xs)]
    for reader in readers:
        grid, p = reader.grid, reader.projection
        window, edges = (p.y, grid.ys) if axis == "y" else (p.x, grid.xs)
        reached: list[list[int]] = [[] for _ in range(size)]
        for i, edge in enumerate(edges):
            for position in sources(window, *edge):
                reached[position].append(i)
        columns.append([tuple(tiles) for tiles in reached])
    return list(zip(*columns, strict=True))


def _holders(intervals: Intervals) -> list[tuple[int, ...]]:
    """For every place of an axis, the interval that it is in."""
    return [(i,) for i, (low, high) in enumerate(intervals) for _ in range(low, high)]
