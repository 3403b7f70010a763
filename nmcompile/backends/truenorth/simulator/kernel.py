"""Ticks of crossbar cores, compiled.

Every thread has its share of the cores. In a tick it (a) takes the events of its cores, updates
their neurons and writes down, for every share, which bits of that share's scheduler its spikes
set; (b) waits for the others; (c) sets the bits that all shares have for its own. Bits are only
ever set, so that their order changes nothing, and no memory is written by two threads. Lists of
two ticks take turns, so that one meeting a tick is enough.

Cores are taken in batches: while the neurons of one batch are updated, the crossbar rows and
targets that it needs are on their way from memory.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nmcompile.backends.truenorth.simulator import vector
from nmcompile.backends.truenorth.simulator.general import step_group
from nmcompile.backends.truenorth.simulator.sync import meet
from nmcompile.backends.truenorth.simulator.tables import (
    DELAY_BITS,
    I32,
    I64,
    LANE_BITS,
    PLAIN,
    RANDOM,
    SCHEDULER_SLOTS,
    U8,
    U64,
    Tables,
)
from nmcompile.backends.truenorth.simulator.vector import EVENTS_MAX, LANES
from nmcompile.reference.jit import njit_borrowing

BATCH = 16
AHEAD = 8
"""Entries of a list whose memory is asked for in advance."""
_ONE = np.uint64(1)
_WEIGHTS, _ROWS = 4 * LANES, vector.ROWS * LANES


class State(NamedTuple):
    """What changes.

    Attributes:
        v: `(groups x 64,)` membranes. scheduler: `(16 x words,)` bits of axons by tick mod 16.
        resting: `(cores,)` whether a core without events stays as it is.
        sops: `(cores,)` crosspoints that an event met. fired: `(cores,)` spikes.
    """

    v: I32
    scheduler: U64
    resting: U8
    sops: I64
    fired: I64


class Host(NamedTuple):
    """What the host sends: events of tick k of a run are start[k] ... start[k + 1] - 1.

    Attributes:
        start: empty when it sends nothing. bit: words x 64 + bit of an axon.
    """

    start: I64
    bit: I64


class Boxes(NamedTuple):
    """Lists of bits to be set, from share to share.

    Attributes:
        core0: `(shares + 1,)` first core of every share. word0: likewise its first word.
        first: `(shares, shares, 2)` start of every list in `entry`. end: likewise.
        entry: scheduler word << 6 | bit.
        counter: `(1,)` see `sync.meet`.
    """

    core0: I64
    word0: I64
    first: I64
    end: I64
    entry: I64
    counter: I64


class Scratch(NamedTuple):
    """What a share writes and forgets.

    Attributes:
        events: `(axons of a batch,)` see `vector.integrate`. start: `(BATCH + 1,)` of its cores.
        spikes: `(neurons of a batch,)` lanes that fired. end: `(shares,)` of the lists it writes.
    """

    events: I64
    start: I64
    spikes: I64
    end: I64


class Record(NamedTuple):
    """What is kept of every tick: row k of tick k, as far as there are rows.

    Attributes:
        spikes: `(rows, groups)` words. arrived: `(rows, words)` axons that had an event.
    """

    spikes: U64
    arrived: U64


@njit_borrowing
def run_share(
    share: int,
    tick: int,
    ticks: int,
    seed: np.uint64,
    tables: Tables,
    state: State,
    host: Host,
    boxes: Boxes,
    record: Record,
    scratch: Scratch,
) -> None:
    """Run the cores of a share.

    Args:
        share: which. tick: number of the first tick, from 1. ticks: how many. seed: of draws.
        tables: the network. host: its input. state, boxes, record, scratch:
            changed in place.
    """
    low, high = boxes.core0[share], boxes.core0[share + 1]
    shares, words = boxes.core0.shape[0] - 1, tables.word0[-1]
    events, start, spikes, end = scratch
    for k in range(ticks):
        now, turn = tick + k, k & 1
        slot = (now % SCHEDULER_SLOTS) * words
        for other in range(shares):
            end[other] = boxes.first[share, other, turn]
        _inject(k, slot, boxes.word0[share], boxes.word0[share + 1], host, state)
        for first in range(low, high, BATCH):
            last = min(first + BATCH, high)
            _gather(first, last, slot, k, tables, state, record, events, start)
            count = 0
            for core in range(first, last):
                e0, e1 = start[core - first], start[core - first + 1]
                if e0 == e1 and state.resting[core]:
                    continue
                fired = _update(core, (e0, e1), now, seed, tables, state, events, spikes, count)
                if k < record.spikes.shape[0]:
                    _keep(spikes, count, fired, record.spikes[k])
                count += fired
            _post(count, spikes, now, end, tables, state, boxes)
        for other in range(shares):
            boxes.end[share, other, turn] = end[other]
        if shares > 1:
            meet(boxes.counter, shares * (k + 1))
        for other in range(shares):
            first, last = boxes.first[other, share, turn], boxes.end[other, share, turn]
            _deliver(first, last, boxes.entry, state.scheduler)


@njit_borrowing
def _inject(k: Any, slot: Any, low: Any, high: Any, host: Host, state: State) -> None:
    """Set the bits of a share that the host sets."""
    if k + 1 < host.start.shape[0]:
        for i in range(host.start[k], host.start[k + 1]):
            bit = host.bit[i]
            word = bit >> LANE_BITS
            if low <= word < high:
                state.scheduler[slot + word] |= _ONE << np.uint64(bit & (LANES - 1))


@njit_borrowing
def _gather(
    first: Any,
    last: Any,
    slot: Any,
    k: Any,
    tables: Tables,
    state: State,
    record: Record,
    events: I64,
    start: I64,
) -> None:
    """Take the events of a batch out of the scheduler; ask for their crossbar rows."""
    n = 0
    for core in range(first, last):
        start[core - first] = n
        axon0, row0 = tables.axon0[core], tables.row0[core]
        width = tables.group0[core + 1] - tables.group0[core]
        word0 = tables.word0[core]
        for at in range(word0, tables.word0[core + 1]):
            word = state.scheduler[slot + at]
            if k < record.arrived.shape[0]:
                record.arrived[k, at] = word
            state.scheduler[slot + at] = 0
            while word != 0:
                axon = ((at - word0) << LANE_BITS) + vector.lowest(word)
                word &= word - _ONE
                row = row0 + axon * width
                vector.prefetch(tables.crossbar, row)
                events[n] = row << 2 | tables.kind[axon0 + axon]
                n += 1
    start[last - first] = n


@njit_borrowing
def _update(
    core: Any,
    arrived: tuple[Any, Any],
    now: Any,
    seed: Any,
    tables: Tables,
    state: State,
    events: I64,
    spikes: I64,
    count: Any,
) -> Any:
    """One tick of a core; its spikes are listed from `count` on, their number is returned."""
    first, last = arrived
    begin, group0 = count, tables.group0[core]
    for group in range(group0, tables.group0[core + 1]):
        mode = tables.mode[group]
        if mode == RANDOM:
            word = step_group(core, group, now, seed, events, first, last, tables, state.v)
        else:
            rest = _integrate(group, group - group0, first, last, events, tables, state, mode)
            if mode == PLAIN:
                word = _step(group, group - group0, rest, last, events, tables, state)
            else:
                word = step_group(core, group, now, seed, events, last, last, tables, state.v)
        while word != 0:
            lane = group * LANES + vector.lowest(word)
            word &= word - _ONE
            vector.prefetch(tables.target, lane)
            spikes[count] = lane
            count += 1
    state.fired[core] += count - begin
    state.sops[core] += _met(core, first, last, events, tables)
    if tables.can_rest[core]:
        state.resting[core] = _rests(core, tables, state)
    return count - begin


@njit_borrowing
def _integrate(
    group: Any,
    column: Any,
    first: Any,
    last: Any,
    events: I64,
    tables: Tables,
    state: State,
    mode: Any,
) -> Any:
    """Add events to membranes, all but those that `vector.step` can add; returns its first."""
    kept = EVENTS_MAX if mode == PLAIN else 0
    weights = tables.profile[group] * _WEIGHTS
    while last - first > kept:
        some = min(first + EVENTS_MAX, last)
        vector.integrate(
            *(state.v, group * LANES, tables.crossbar, column),
            *(events, first, some, tables.weights, weights),
        )
        first = some
    return first


@njit_borrowing
def _step(
    group: Any, column: Any, first: Any, last: Any, events: I64, tables: Tables, state: State
) -> Any:
    """One tick of a group of plain neurons; returns the word of those that fired."""
    profile = tables.profile[group]
    arrivals = (tables.crossbar, column, events, first, last, tables.weights, profile * _WEIGHTS)
    rows = (tables.rows, profile * _ROWS, tables.clip)
    return vector.step(state.v, group * LANES, *arrivals, *rows)


@njit_borrowing
def _keep(spikes: I64, begin: Any, count: Any, row: U64) -> None:
    """Record the spikes of a core."""
    for i in range(begin, begin + count):
        row[spikes[i] // LANES] |= _ONE << np.uint64(spikes[i] % LANES)


@njit_borrowing
def _met(core: Any, first: Any, last: Any, events: I64, tables: Tables) -> Any:
    """Crosspoints that the events of a core met."""
    width = tables.group0[core + 1] - tables.group0[core]
    met = 0
    for i in range(first, last):
        row = events[i] >> 2
        for word in range(row, row + width):
            met += vector.ones(tables.crossbar[word])
    return met


@njit_borrowing
def _rests(core: Any, tables: Tables, state: State) -> Any:
    """Whether no neuron of a core without leak would change without an event."""
    for group in range(tables.group0[core], tables.group0[core + 1]):
        begin = tables.profile[group] * _ROWS
        if vector.restless(state.v, group * LANES, tables.rows, begin) != 0:
            return False
    return True


@njit_borrowing
def _post(
    count: Any,
    spikes: I64,
    now: Any,
    end: I64,
    tables: Tables,
    state: State,
    boxes: Boxes,
) -> None:
    """Write down which bits the spikes of a batch set, for the share that owns them."""
    words, shares = tables.word0[-1], boxes.core0.shape[0] - 1
    for i in range(count):
        target = tables.target[spikes[i]]
        if target < 0:
            continue
        delay = target & ((1 << DELAY_BITS) - 1)
        bit = target >> DELAY_BITS
        other = 0
        while other < shares - 1 and bit >> LANE_BITS >= boxes.word0[other + 1]:
            other += 1
        at = ((now + delay) % SCHEDULER_SLOTS) * words * LANES + bit
        boxes.entry[end[other]] = at
        end[other] += 1


@njit_borrowing
def _deliver(first: Any, last: Any, entry: I64, scheduler: U64) -> None:
    """Set the bits of a list."""
    for i in range(first, last):
        if i + AHEAD < last:
            vector.prefetch(scheduler, entry[i + AHEAD] >> LANE_BITS)
        scheduler[entry[i] >> LANE_BITS] |= _ONE << np.uint64(entry[i] & (LANES - 1))
