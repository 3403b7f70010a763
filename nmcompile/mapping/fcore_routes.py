"""What functional cores hear from each other, over all steps: compiled walks through the tables.

Elements of all maps have one numbering, senders another one, see `FCoreGraph.senders`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
SENDING: Final = ("neuron0", "neurons", "population", "ny", "nx", "ey", "ex", "ec")
"""Columns of cores that say what their neurons send."""
HEARING: Final = ("axon0", "axons", "ny", "nx")
"""Columns of cores that say what their axons read."""


@njit
def set_owners(
    owner: I64,
    first: I64,
    shapes: I64,
    cores: tuple[I32, ...],
    neurons: tuple[I32, ...],
    original: int,
) -> None:
    """Enter the neuron of every element that an original sends.

    Args:
        owner: `(elements,)`, changed in place.
        first: first element of every population. shapes: `(populations, 3)` (C, H, W).
        cores: columns `SENDING`. neurons: columns role, c, y, x.
        original: the role of those that send elements.
    """
    neuron0, count, population, ny, nx, ey, ex, ec = cores
    role, c, y, x = neurons
    for core in range(len(neuron0)):
        shape = shapes[population[core]]
        for n in range(neuron0[core], neuron0[core] + count[core]):
            if role[n] != original:
                continue
            for ky in range(ny[core]):
                row = y[n] + ky * ey[core]
                for kx in range(nx[core]):
                    column = x[n] + kx * ex[core]
                    if row < shape[1] and column < shape[2]:
                        place = (row * shape[2] + column) * shape[0] + c[n] + kx * ec[core]
                        owner[first[population[core]] + place] = n


@njit
def heard(
    owner: I64,
    first: I64,
    shapes: I64,
    cores: tuple[I32, ...],
    axons: tuple[I32, ...],
    senders: int,
    partial: int,
) -> tuple[I64, I64]:
    """Sender and core of every route, ascending: a core hears a sender once, whatever the axons.

    The routes of all senders are counted first, then written where they belong.

    Args:
        owner: `(elements,)` sender of every element, -1 for none.
        first: first element of every map, the input's first. shapes: `(maps, 3)` (C, H, W).
        cores: columns `HEARING`. axons: columns source, c, y, x, dy, dx.
        senders: their number. partial: the source of partial sums.
    """
    axon0, count, ny, nx = cores
    source, c, y, x, dy, dx = axons
    last = np.empty(senders, np.int64)  # the core that heard a sender last
    routes = np.zeros(senders, np.int64)
    place = np.zeros(senders, np.int64)
    target = np.empty(0, np.int64)
    for writing in range(2):
        last[:] = -1
        for core in range(len(axon0)):
            for a in range(axon0[core], axon0[core] + count[core]):
                sums = source[a] == partial
                shape = shapes[0 if sums else source[a] + 1]
                for ky in range(1 if sums else ny[core]):
                    row = y[a] + ky * dy[a]
                    if not sums and (row < 0 or row >= shape[1]):
                        continue
                    for kx in range(1 if sums and dx[a] == 0 else nx[core]):
                        if sums:
                            sender = np.int64(c[a] + kx * dx[a])
                        else:
                            column = x[a] + kx * dx[a]
                            if column < 0 or column >= shape[2]:
                                continue
                            element = (row * shape[2] + column) * shape[0] + c[a]
                            sender = owner[first[source[a] + 1] + element]
                        if sender < 0 or last[sender] == core:
                            continue
                        last[sender] = core
                        if writing:
                            target[place[sender]] = core
                            place[sender] += 1
                        else:
                            routes[sender] += 1
        if not writing:
            place[:] = np.cumsum(routes) - routes
            target = np.empty(routes.sum(), np.int64)
    return np.repeat(np.arange(senders), routes), target
