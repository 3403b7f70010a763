"""How many pins of a net are on a core, for nets of any size in the time of a look.

Every net has a hash table of its own: open addressing, linear probing, at most half full, and
without gaps (deletions move later entries back: Knuth, The Art of Computer Programming 3, 6.4,
algorithm R). So all of them take a few words per pin, not one for every core of every net.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit, njit_borrowing

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Pins = tuple[I64, I32, I32]
"""Where the table of every net begins `(nets + 1,)`; cores, -1 for none, and counts."""


def pins_of(first: I32, pin: I32, core: I32) -> Pins:
    """The tables of all nets.

    Args:
        first: `(nets + 1,)` where the pins of a net begin. pin: tiles.
        core: `(tiles,)` core of every tile.
    """
    most = np.maximum(np.diff(first), 1).astype(np.int64)
    size = 2 << np.ceil(np.log2(most)).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    tables = (start, np.full(start[-1], -1, np.int32), np.zeros(start[-1], np.int32))
    _fill(tables, first, pin, core)
    return tables


@njit_borrowing
def _at(net: int, core: int, pins: Pins) -> int:
    """Where a core stands in the table of a net, or the empty place where it would."""
    start, cores, _ = pins
    begin = start[net]
    mask = start[net + 1] - begin - 1
    at = (core * 40503) & mask
    while cores[begin + at] != core and cores[begin + at] >= 0:
        at = (at + 1) & mask
    found: int = begin + at
    return found


@njit_borrowing
def held(net: int, core: int, pins: Pins) -> int:
    """Pins of a net on a core."""
    found: int = pins[2][_at(net, core, pins)]
    return found


@njit_borrowing
def add(net: int, core: int, pins: Pins) -> None:
    """One pin more of a net on a core."""
    at = _at(net, core, pins)
    pins[1][at] = core
    pins[2][at] += 1


@njit_borrowing
def remove(net: int, core: int, pins: Pins) -> None:
    """One pin less of a net on a core that has some."""
    start, cores, counts = pins
    begin = start[net]
    mask = start[net + 1] - begin - 1
    gap = _at(net, core, pins) - begin
    counts[begin + gap] -= 1
    if counts[begin + gap] > 0:
        return
    at = gap
    while True:
        at = (at + 1) & mask
        if cores[begin + at] < 0:
            break
        home = (cores[begin + at] * 40503) & mask
        # what may stand no earlier than behind the gap stays
        if ((at - home) & mask) >= ((at - gap) & mask):
            cores[begin + gap] = cores[begin + at]
            counts[begin + gap] = counts[begin + at]
            gap = at
    cores[begin + gap] = -1
    counts[begin + gap] = 0


@njit
def _fill(pins: Pins, first: I32, pin: I32, core: I32) -> None:
    for net in range(len(first) - 1):
        for p in range(first[net], first[net + 1]):
            add(net, core[pin[p]], pins)
