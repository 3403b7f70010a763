"""When the steps of all layers run: the earliest phases in which everything is there to be read.

A step may read a value from the phase after it was written, up to the phase in which the next
timestep's value is written in its place. Both follow from one pair of steps that is furthest apart
along the rows and one along the columns, because a step's phase is a sum over both axes. The
earliest starts satisfy the first condition; the second one says how long a timestep must last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.mapping.schedule import Fold
from nmcompile.backends.tianjic.mapping.tiling import Tiled
from nmcompile.mapping.populations import Projection
from nmcompile.mapping.window import Window

I64 = npt.NDArray[np.int64]
HOST_START = -1
"""Phase in which the host sends the first rows, so that phase 0 can read them."""


@dataclass(frozen=True)
class Timing:
    """Phases of one network.

    Attributes:
        interval: phases of a timestep.
        start: population -> phase of its first step (of its parts, where sums are partial).
        levels: population -> phases from a step to the phase in which its outputs are sent.
        folds: population, and the input -> its fold.
        ticks: phases of one frame of T timesteps, until the last output was sent.
    """

    interval: int
    start: Mapping[str, int]
    levels: Mapping[str, int]
    folds: Mapping[str, Fold]
    ticks: int


def timing(
    phases: int,
    timesteps: int,
    source: tuple[str, Fold],
    layers: Sequence[Tiled],
) -> Timing:
    """The earliest starts, and the shortest timestep that they allow.

    Args:
        phases: of a timestep, at least. timesteps: T.
        source: name and fold of the network's input.
        layers: in network order.
    """
    folds = {source[0]: source[1]}
    written = {source[0]: (HOST_START, HOST_START)}
    start: dict[str, int] = {}
    interval, last = phases, 0
    for tiled in layers:
        name, fold = tiled.layer.population.name, tiled.layer.fold
        begin, used = 0, phases
        for p in tiled.layer.population.projections:
            wait, _ = _spans(p, folds[p.source], fold)
            begin = max(begin, written[p.source][1] + wait + 1)
        for p in tiled.layer.population.projections:
            _, kept = _spans(p, folds[p.source], fold)
            used = max(used, begin + kept - written[p.source][0])
        interval, start[name], folds[name] = max(interval, used), begin, fold
        first = begin + tiled.levels
        written[name] = first, first + tiled.turns - 1
        last = max(last, written[name][1] + (fold.ny - 1) * fold.period + fold.nx - 1)
    ticks = last + (timesteps - 1) * interval + 1
    levels = {tiled.layer.population.name: tiled.levels for tiled in layers}
    return Timing(interval, start, levels, folds, ticks)


def _spans(projection: Projection, source: Fold, reader: Fold) -> tuple[int, int]:
    """Phases from the start of the source to that of the reader: at least, and the room used.

    The first is by how much the writer of some element may lag behind its reader, both counted
    from their own start; the second by how much a reader may lag behind the writer.
    """
    y = _gaps(projection.y, (source.rows, source.period), (reader.rows, reader.period))
    x = _gaps(projection.x, (source.columns, 1), (reader.columns, 1))
    if not (y.size and x.size):
        return 0, 0
    return int(y.max() + x.max()), int(-y.min() - x.min())


def _gaps(window: Window, source: tuple[int, int], reader: tuple[int, int]) -> I64:
    """Phase of the write less phase of the read of every (output, position), along one axis."""
    output = np.arange(window.size_out)[:, None]
    position = output * window.stride + np.arange(window.kernel) * window.dilation - window.padding
    write = position // source[0] * source[1]
    gap = write - output // reader[0] * reader[1]
    inside: I64 = gap[(position >= 0) & (position < window.size_in)].astype(np.int64)
    return inside
