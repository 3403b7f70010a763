"""The exchange of tiles counts packets from a table of pins, which must stay true."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from support.mapping import limits, line

from nmcompile.mapping.exchange import exchange
from nmcompile.mapping.finer import Finer
from nmcompile.mapping.merge import smallest_packing
from nmcompile.mapping.pins import Pins, add, held, pins_of, remove
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import tile
from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
TILES, CORES = 24, 9


@njit
def moved_pins(pins: Pins, core: I32, nets: I32, tile: I32, to: I32, found: I32) -> None:
    """Move tiles one by one; then the pins of every net on every core."""
    for step in range(len(tile)):
        for net in range(len(nets)):
            if nets[net, tile[step]]:
                remove(net, core[tile[step]], pins)
                add(net, to[step], pins)
        core[tile[step]] = to[step]
    for net in range(len(nets)):
        for c in range(found.shape[1]):
            found[net, c] = held(net, c, pins)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sets(st.integers(0, TILES - 1), min_size=1), min_size=1, max_size=6),
    st.lists(st.integers(0, CORES - 1), min_size=TILES, max_size=TILES),
    st.lists(st.tuples(st.integers(0, TILES - 1), st.integers(0, CORES - 1)), max_size=200),
)
def test_pins_on_cores_follow_every_move(
    nets: list[set[int]], start: list[int], moves: list[tuple[int, int]]
) -> None:
    member = np.zeros((len(nets), TILES), np.int32)
    for net, tiles in enumerate(nets):
        member[net, sorted(tiles)] = 1
    pin = np.concatenate([sorted(tiles) for tiles in nets]).astype(np.int32)
    first = np.concatenate([[0], np.cumsum([len(n) for n in nets])]).astype(np.int32)
    core = np.array(start, np.int32)
    steps = np.array(moves, np.int32).reshape(-1, 2)
    found = np.zeros((len(nets), CORES), np.int32)
    pins = pins_of(first, pin, core)
    moved_pins(pins, core, member, steps[:, 0].copy(), steps[:, 1].copy(), found)
    for net, tiles in enumerate(nets):
        expected = Counter(core[sorted(tiles)].tolist())
        assert found[net].tolist() == [expected[c] for c in range(CORES)]


def test_the_best_packing_of_a_search_is_returned() -> None:
    """Fewer steps of one search are another search; the last word has the count of packets."""
    caps = limits(neurons=100)
    packing = smallest_packing(Finer(tile(stages(line(size=14)), caps), caps).divided(4), caps, {})
    sent = [
        packing.nets.packets(exchange(packing.core, packing.nets, packing.room, tries))
        for tries in (0, 200, 2000, 20_000)
    ]
    assert sent[0] == packing.packets
    assert max(sent) == sent[0]
    assert sent[-1] < 0.8 * sent[0]
