"""Non-zero weights behind every neuron and input element: what one of its spikes operates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nmcompile.mapping.populations import Projection, Stages
from nmcompile.mapping.window import Window

I64 = npt.NDArray[np.int64]


def fanout(
    split: Stages, originals: Mapping[str, I64], neurons: int
) -> dict[str, npt.NDArray[np.generic]]:
    """The table `fanout` of a graph.

    Args:
        split: the network.
        originals: physical number of every output, by population.
        neurons: physical neurons; input elements are numbered behind them.
    """
    lines = {**originals}
    lines[split.input.name] = neurons + np.arange(int(np.prod(split.input.shape)))
    rows = [np.zeros((0, 3), np.int64)]
    for index, population in enumerate(split.populations):
        sums: dict[str, I64] = {}
        for projection in population.projections:
            found = synapses(projection).reshape(-1)
            sums[projection.source] = sums.get(projection.source, np.int64(0)) + found
        for source, count in sums.items():
            used = np.flatnonzero(count)
            table = np.stack([lines[source][used], np.full(len(used), index), count[used]], axis=1)
            rows.append(table)
    whole = np.concatenate(rows)
    whole = whole[np.lexsort((whole[:, 1], whole[:, 0]))]
    names = ("line", "population", "synapses")
    return {f"fanout.{name}": whole[:, k] for k, name in enumerate(names)}


def synapses(projection: Projection) -> I64:
    """`(C, H, W)` non-zero weights that read every element of the source."""
    found = np.zeros(projection.source_shape, np.int64)
    own = projection.weight.data.reshape(
        projection.groups, projection.channels_out, *projection.weight.shape[1:]
    )
    taken = (own != 0).sum(axis=1)
    channels = np.arange(projection.groups)[:, None] * projection.pitch + projection.first
    channels = (channels + np.arange(projection.channels_in)).reshape(-1)
    taken = taken.reshape(-1, *taken.shape[2:])
    on_y = [_read(projection.y, tap) for tap in range(projection.y.kernel)]
    on_x = [_read(projection.x, tap) for tap in range(projection.x.kernel)]
    for i, rows in enumerate(on_y):
        for j, columns in enumerate(on_x):
            found[np.ix_(channels, rows, columns)] += taken[:, i, j, None, None]
    return found


def _read(window: Window, tap: int) -> I64:
    """Positions that outputs read through a tap; each by one output."""
    at = np.arange(window.size_out) * window.stride + tap * window.dilation - window.padding
    return at[(at >= 0) & (at < window.size_in)]
