"""A frame of mapped cores, compiled: every tile runs through its ticks, level by level.

A level is a set of tiles that reads only what earlier levels have sent; its tiles write disjoint
memory, so that the number of threads changes nothing. A tile that runs through all ticks at once
keeps its weights and its state in the cache. Where tiles feed each other in a circle there is one
level, run tick by tick.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.backends.loihi import columns as c
from nmcompile.backends.loihi.arrive import (
    arrive_alike,
    arrive_graded,
    arrive_mixed,
    arrive_pooled,
    count_parts,
    count_rows,
    finish,
)
from nmcompile.backends.loihi.pools import GATE, RUNNING_MAX
from nmcompile.backends.loihi.state import Flight, History, State, Tally
from nmcompile.backends.loihi.tables import I32, NEURON, SIGMA_DELTA, Tables
from nmcompile.backends.loihi.update import (
    LEFT_INT32,
    count_active,
    fire,
    narrowed,
    port_sum,
    start,
)
from nmcompile.reference.jit import borrowed, njit


@njit
def run_tiles(
    tiles: I32,
    ticks: tuple[int, int],
    tail: int,
    values: bool,
    repeats: int,
    tables: Tables,
    state: State,
    flight: Flight,
    tally: Tally,
    history: History,
) -> None:
    """Run tiles through some ticks of a frame.

    A tile that hears the same from the host at every tick adds it up once.

    Args:
        tiles: of one level; threads may share a level among them.
        ticks: first and last, counted from 1.
        tail: slots of `flight` before those of this frame.
        values: whether host lines carry real values, so that their accesses are MACs.
        repeats: from the second to this tick the host sends what it sent before.
        tables: the mapped network. state, flight, tally, history: changed in place.
    """
    for i in range(tiles.shape[0]):
        _run_tile(
            tiles[i],
            ticks,
            tail,
            values,
            repeats,
            borrowed(tables),
            borrowed(state),
            borrowed(flight),
            borrowed(tally),
            borrowed(history),
        )


@njit
def _run_tile(
    tile: Any,
    ticks: Any,
    tail: Any,
    values: Any,
    repeats: Any,
    tables: Tables,
    state: State,
    flight: Flight,
    tally: Tally,
    history: History,
) -> None:
    """All ticks of one tile."""
    same = min(repeats, ticks[1]) if tables.tile[tile, c.TILE_STEADY] else ticks[0]
    found = (np.int64(0), np.int64(0), np.int64(0))
    for tick in range(ticks[0], ticks[1] + 1):
        if tick == ticks[0] or tick > same:
            found = _receive(tile, tick, tail, values, tables, state, flight, tally)
        _count(tile, tick, found, tables, tally)
        _update(tile, tick, tick < same, tables, state, tally)
        _send(tile, tick + tail - 1, tables, state, flight)
        _record(tile, tick - 1, tables, state, history)


@njit
def _receive(
    tile: Any,
    tick: Any,
    tail: Any,
    values: bool,
    tables: Tables,
    state: State,
    flight: Flight,
    tally: Tally,
) -> Any:
    """Add what arrives: for every in-axon, the rows of the lines that spiked in its tick.

    Returns:
        Accesses to non-zero weights, to zeros, and those of the first by real values.
    """
    inputs, groups = tables.inputs, tables.group
    row, run, weight = tables.row, tables.run, tables.weight
    sent, line, payload = flight.sent, flight.line, flight.payload
    acc, touched, counters, wide_acc = state.acc, state.touched, state.counter, state.wide_acc
    profile = tables.profile[tables.tile[tile, c.TILE_PROFILE]]
    kind, wide = profile[c.KIND], profile[c.WIDE_SUMS] != 0
    pools = kind not in (NEURON, SIGMA_DELTA)
    fresh = kind in (RUNNING_MAX, GATE) and tick == profile[c.START]
    part0, part1 = tables.tile[tile, c.TILE_PART0], tables.tile[tile, c.TILE_PART1]
    neurons = tables.tile[tile, c.TILE_NEURONS]
    sops = zeros = macs = np.int64(0)
    none = np.int64(0)
    waiting = (none, none, none, none, np.int64(-1), none, none)
    for r in range(tables.tile[tile, c.TILE_IN0], tables.tile[tile, c.TILE_IN1]):
        group, counter = inputs[r, c.IN_GROUP], inputs[r, c.IN_COUNTER]
        if fresh:
            for k in range(counter, counter + groups[group, c.GROUP_LINES]):
                counters[k] = 0
        slot = tick + tail - 2 - inputs[r, c.IN_DELAY]
        n = sent[slot, group]
        if n == 0:
            continue
        at = (slot, groups[group, c.GROUP_LINE0], groups[group, c.GROUP_PAYLOAD0])
        row0, acc0, step = inputs[r, c.IN_ROW], inputs[r, c.IN_ACC], inputs[r, c.IN_STEP]
        if pools:
            found = arrive_pooled(
                row0, acc0, kind, counter, at, n, line, payload, row, run, weight, acc, touched,
                counters,
            )  # fmt: skip
        elif wide:
            found = arrive_mixed(
                row0, acc0, at, n, line, payload, row, run, weight, wide_acc, touched
            )
        elif step != c.MIXED and at[2] >= 0:
            found = arrive_graded(
                row0, step, acc0, at, n, line, payload, row, run, weight, acc, touched
            )
        elif step != c.MIXED:
            waiting = arrive_alike(
                row0, step, acc0, at, n, waiting, line, row, run, weight, acc, touched
            )
            if part1 - part0 > 1:
                of_parts = tally.sops[tick - 1, part0:part1]
                found = count_parts(row0, at, n, line, row, tables.nonzero, neurons, of_parts)
            else:
                found = count_rows(row0, at, n, line, row)
        else:
            found = arrive_mixed(row0, acc0, at, n, line, payload, row, run, weight, acc, touched)
        sops += found[0]
        zeros += found[1] - found[0]
        if values and groups[group, c.GROUP_HOST]:
            macs += found[0]
    finish(waiting, run, weight, acc)
    return sops, zeros, macs


@njit
def _count(tile: Any, tick: Any, found: Any, tables: Tables, tally: Tally) -> None:
    """Note what `_receive` found."""
    profile = tables.profile[tables.tile[tile, c.TILE_PROFILE]]
    part0 = tables.tile[tile, c.TILE_PART0]
    sops, zeros, macs = found
    if tables.tile[tile, c.TILE_PART1] - part0 == 1:
        tally.sops[tick - 1, part0] = sops
    tally.zeros[tile] += zeros
    if profile[c.START] <= tick <= profile[c.END]:
        tally.tile_sops[tile] += sops - macs
        tally.tile_macs[tile] += macs


@njit
def _update(tile: Any, tick: Any, keep: Any, tables: Tables, state: State, tally: Tally) -> None:
    """Neurons of one tile; outside their window input is dropped and the state kept.

    Sums that the next tick needs again are kept (`keep`).
    """
    n0, n = tables.tile[tile, c.TILE_NEURON0], tables.tile[tile, c.TILE_NEURONS]
    a0 = tables.tile[tile, c.TILE_ACC0]
    profile = tables.profile[tables.tile[tile, c.TILE_PROFILE]]
    acc, touched, spikes = state.acc, state.touched, state.spikes
    end = a0 + profile[c.PORTS] * n
    left: Any = False
    if profile[c.WIDE_SUMS]:
        left = narrowed(a0, end - a0, state.wide_acc, acc)
    if tick < profile[c.START] or tick > profile[c.END]:
        for i in range(np.uint64(n0), np.uint64(n0 + n)):
            spikes[i] = 0
        if profile[c.KIND] == SIGMA_DELTA:
            for i in range(n0, n0 + n):
                state.message[i] = 0
    else:
        if tick == profile[c.START]:
            start(n0, n, tables, state)
        if left:
            tally.problem[tile] = LEFT_INT32
        port_sum(a0, n, profile, tables.port_shift, acc)
        fired = fire(n0, n, a0, tick - profile[c.START], profile, tables, state)
        if fired < 0:
            tally.problem[tile] = -fired
        tally.tile_spikes[tile] += fired
        for p in range(tables.tile[tile, c.TILE_PART0], tables.tile[tile, c.TILE_PART1]):
            k, own = tables.part[p, c.PART_NEURON], tables.part[p, c.PART_NEURONS]
            busy = count_active(n0 + k, own, a0 + k, profile[c.PORTS], touched, spikes)
            tally.active[tick - 1, p] = busy
    if keep:
        return
    for i in range(np.uint64(a0), np.uint64(end)):
        acc[i] = 0
    for i in range(np.uint64(a0), np.uint64(end)):
        touched[i] = 0


@njit
def _send(tile: Any, slot: Any, tables: Tables, state: State, flight: Flight) -> None:
    """Pack the spikes of every group of a tile."""
    groups, spikes, message = tables.group, state.spikes, state.message
    sent, line, payload = flight.sent, flight.line, flight.payload
    signed = tables.profile[tables.tile[tile, c.TILE_PROFILE], c.KIND] == SIGMA_DELTA
    for group in range(tables.tile[tile, c.TILE_GROUP0], tables.tile[tile, c.TILE_GROUP1]):
        first, payload0 = groups[group, c.GROUP_LINE0], groups[group, c.GROUP_PAYLOAD0]
        count = 0
        for k in range(groups[group, c.GROUP_LINES]):
            if spikes[first + k]:
                line[slot, first + count] = k
                if payload0 >= 0:
                    own = message[first + k] if signed else np.int32(spikes[first + k])
                    payload[slot, payload0 + count] = own
                count += 1
        sent[slot, group] = count


@njit
def _record(tile: Any, row: Any, tables: Tables, state: State, history: History) -> None:
    """Keep the spikes of a tile that somebody wants to see."""
    column = history.column[tile]
    if column < 0:
        return
    n0, n = tables.tile[tile, c.TILE_NEURON0], tables.tile[tile, c.TILE_NEURONS]
    if tables.profile[tables.tile[tile, c.TILE_PROFILE], c.KIND] == SIGMA_DELTA:
        for k in range(n):
            history.wide[row, column + k] = state.message[n0 + k]
    else:
        for k in range(n):
            history.narrow[row, column + k] = state.spikes[n0 + k]


@njit
def inject(values: I32, group0: int, slot: int, tables: Tables, flight: Flight) -> None:
    """Put the host's events of some ticks into as many slots; zeros are not sent.

    Args:
        values: `(ticks, host lines)`. group0: the host's groups are the last ones.
        slot: the first.
    """
    groups, sent, line, payload = tables.group, flight.sent, flight.line, flight.payload
    base = tables.v_init.shape[0]
    for at in range(slot, slot + values.shape[0]):
        for group in range(group0, groups.shape[0]):
            first, payload0 = groups[group, c.GROUP_LINE0], groups[group, c.GROUP_PAYLOAD0]
            count = 0
            for k in range(groups[group, c.GROUP_LINES]):
                value = values[at - slot, first - base + k]
                if value != 0:
                    line[at, first + count] = k
                    if payload0 >= 0:
                        payload[at, payload0 + count] = value
                    count += 1
            sent[at, group] = count
