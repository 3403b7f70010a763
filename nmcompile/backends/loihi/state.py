"""What a simulated chip remembers, what is under way in it, and what its kernels count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmcompile.backends.loihi.columns import GROUP_LINES, GROUP_PAYLOAD0, IN_DELAY, WIDE_SUMS
from nmcompile.backends.loihi.tables import I32, I64, U8, U16, Tables


class State(NamedTuple):
    """What the neurons remember between ticks (and between frames).

    Attributes:
        u, v: per neuron; of a pooling neuron, v is the running maximum (of the gate, its key); of
            a sigma-delta neuron, u is sigma and v the last value.
        residue: per neuron, what a sigma-delta neuron has not sent.
        acc, touched: per accumulator, zero between ticks.
        wide_acc: likewise, where sums may leave 32 bits; empty where none can.
        counter: per input line of every axon of a pooling neuron that counts.
        spikes: per neuron, payloads of the last tick (of a wide population, whether it sent).
        message: per neuron, what a neuron of a wide population sent in the last tick.
        streak: spikes in a row, for bursts.
    """

    u: I32
    v: I32
    residue: I32
    acc: I32
    touched: U8
    wide_acc: I64
    counter: I32
    spikes: U8
    message: I32
    streak: U8


class Flight(NamedTuple):
    """What was sent, tick by tick: first the end of the last frame, then this one.

    Attributes:
        sent: `(slots, groups)` spikes per group.
        line: `(slots, lines)` which lines of a group spiked, packed at its first line.
        payload: `(slots, lines of groups that carry payloads)`, likewise packed.
    """

    sent: I32
    line: U16
    payload: I32


class Tally(NamedTuple):
    """What the kernels count in one frame.

    Attributes:
        sops, active: `(ticks, parts)` accesses to non-zero weights; neurons with input or a spike.
        zeros: `(tiles,)` accesses to stored zeros.
        tile_sops, tile_macs, tile_spikes: `(tiles,)`; accesses of spikes and of real values. What
            arrives outside the ticks in which a tile is updated is not counted here.
        problem: `(tiles,)` what went wrong, see `update.LEFT_INT32` and `update.LEFT_MESSAGE`.
    """

    sops: I64
    active: I64
    zeros: I64
    tile_sops: I64
    tile_macs: I64
    tile_spikes: I64
    problem: U8


class History(NamedTuple):
    """Spikes that somebody wants to see.

    Attributes:
        column: `(tiles,)` first column of a tile in `narrow`, or in `wide` where its population
            sends messages; -1 where nobody asks.
        narrow: `(ticks, ...)`. wide: likewise.
    """

    column: I32
    narrow: U8
    wide: I32


def new_state(tables: Tables, accumulators: int, counters: int) -> State:
    """A silent chip: u = 0 and v = v_init."""
    neurons = len(tables.v_init)
    checked = bool(tables.profile[:, WIDE_SUMS].any())
    # Untouched pages of `np.zeros` cost no memory: few neurons send messages.
    return State(
        u=np.zeros(neurons, np.int32),
        v=tables.v_init.copy(),
        residue=np.zeros(neurons, np.int32),
        acc=np.zeros(accumulators, np.int32),
        touched=np.zeros(accumulators, np.uint8),
        wide_acc=np.zeros(accumulators if checked else 0, np.int64),
        counter=np.zeros(max(1, counters), np.int32),
        spikes=np.zeros(neurons, np.uint8),
        message=np.zeros(neurons, np.int32),
        streak=np.zeros(neurons, np.uint8),
    )


def tail_of(tables: Tables) -> int:
    """Slots of the last frame that spikes may still come from."""
    return 1 + int(tables.inputs[:, IN_DELAY].max(initial=0))


def new_flight(tables: Tables, lines: int, ticks: int) -> Flight:
    """Nothing under way.

    Args:
        tables: the mapped network. lines: neurons and host lines. ticks: of a frame.
    """
    slots = tail_of(tables) + ticks
    group = tables.group
    payloads = int(group[group[:, GROUP_PAYLOAD0] >= 0, GROUP_LINES].sum())
    return Flight(
        sent=np.zeros((slots, len(group)), np.int32),
        line=np.zeros((slots, lines), np.uint16),
        payload=np.zeros((slots, payloads), np.int32),
    )


def new_tally(ticks: int, tiles: int, parts: int) -> Tally:
    """All counters at zero."""
    return Tally(
        sops=np.zeros((ticks, parts), np.int64),
        active=np.zeros((ticks, parts), np.int64),
        zeros=np.zeros(tiles, np.int64),
        tile_sops=np.zeros(tiles, np.int64),
        tile_macs=np.zeros(tiles, np.int64),
        tile_spikes=np.zeros(tiles, np.int64),
        problem=np.zeros(tiles, np.uint8),
    )
