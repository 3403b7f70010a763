"""The compiled phases: all cores read and compute, then all of them write."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.backends.tianjic.simulator.arithmetic import (
    FIRE_ABOVE,
    I8,
    I32,
    I64,
    KIND,
    RESET,
    RESET_BY,
    V_INIT,
    activation,
    add_rows,
    largest,
    membrane,
)
from nmcompile.backends.tianjic.simulator.memory import Counts, Scratch, State
from nmcompile.backends.tianjic.simulator.tables import Rows, Tables
from nmcompile.mapping.fcore_graph import MAXIMUM, RELU8, SPIKING
from nmcompile.reference.jit import borrowed, njit, njit_borrowing, njit_parallel, prange

U8 = npt.NDArray[np.uint8]
Ends = tuple[int, int]
Times = tuple[int, int, int, int]
"""Phase, phases of a timestep, timesteps, timesteps of a frame."""
SHARE = 8
"""Cores that a thread takes at once."""
(AXON0, AXONS, NEURON0, NEURONS, ROW0, CORE_KIND, START, PERIOD, NY, NX, PARTS, MOVE) = range(12)
(SINGLE, IN_Y0, IN_Y1, IN_X0, IN_X1, MOVE_Y, MOVE_X) = range(12, 19)
(BASE, WITH_Y, WITH_X, Y_FROM, Y_TO, X_FROM, X_TO) = range(7)
(IDLE_Y, IDLE_X, PARAMETER) = range(3, 6)


@njit
def run_phases(
    low: int,
    high: int,
    room: int,
    before: int,
    alone: bool,
    interval: int,
    frame: int,
    train: I32,
    tables: Tables,
    rows: Rows,
    weights: I8,
    state: State,
    scratch: Scratch,
    counts: Counts,
    values: U8,
    first: int,
) -> tuple[int, int]:
    """Run phases from `low` until `high`, or until the list of senders is almost full.

    Args:
        low, high: phases, from -1. room: senders of one phase at most.
        before: senders of earlier phases. alone: whether cores have not computed yet, see
            `compute_together`.
        interval: phases of a timestep. frame: timesteps of a frame.
        train: `(timesteps, inputs)` what the host sends.
        tables, rows, weights: the network. state, scratch, counts: changed.
        values: `(timesteps, elements)` what is sent, kept from element `first` on.

    Returns:
        The phase that comes next, and the senders that are listed.
    """
    cores = tables.core.shape[0]
    filled = 0
    for phase in range(low, high):
        if filled + room > counts.sent.shape[0]:
            return phase, filled
        if alone:
            times = (phase, interval, train.shape[0], frame)
            _compute((0, cores), times, tables, rows, weights, state, scratch, counts)
        _write(tables, state.value, scratch, values, first)
        filled = _senders(tables, scratch, counts.sent, filled)
        filled = _host(phase, interval, train, tables, state.value, counts.sent, filled)
        if phase >= 0:
            counts.sent0[phase + 1] = before + filled
    return high, filled


@njit_parallel
def compute_together(
    times: Times,
    tables: Tables,
    rows: Rows,
    weights: I8,
    state: State,
    scratch: Scratch,
    counts: Counts,
) -> None:
    """Run what the cores of a phase do before they write, in several threads."""
    cores = tables.core.shape[0]
    for share in prange(-(-cores // SHARE)):
        ends = share * SHARE, min(cores, (share + 1) * SHARE)
        _compute(ends, times, tables, rows, weights, state, scratch, counts)


@njit
def _due(ends: Ends, times: Times, core: I64, step: I64) -> None:
    """The steps that cores run in a phase."""
    phase, interval, timesteps, _ = times
    for i in range(ends[0], ends[1]):
        since = phase - core[i, START]
        t, rest = since // interval, since % interval
        ky, kx = rest // core[i, PERIOD], rest % core[i, PERIOD]
        due = since >= 0 and t < timesteps and ky < core[i, NY] and kx < core[i, NX]
        step[i, 0] = t if due else -1
        step[i, 1] = ky
        step[i, 2] = kx


@njit
def _compute(
    ends: Ends,
    times: Times,
    tables: Tables,
    rows: Rows,
    weights: I8,
    state: State,
    scratch: Scratch,
    counts: Counts,
) -> None:
    """Sums of some cores, and what their neurons send."""
    tables, rows, state = borrowed(tables), borrowed(rows), borrowed(state)
    scratch, counts = borrowed(scratch), borrowed(counts)
    _due(ends, times, tables.core, scratch.step)
    phase, _, _, frame = times
    which, what = scratch.which[ends[0] // SHARE], scratch.what[ends[0] // SHARE]
    for core in range(ends[0], ends[1]):
        if scratch.step[core, 0] < 0:
            continue
        out = scratch.out[core, : tables.core[core, NEURONS]]
        out[:] = 0
        if tables.core[core, SINGLE] and _all_inside(core, tables.core, scratch.step):
            met = _add_partial_sums(core, tables, rows, weights, state.value, scratch.step, out)
            counts.operations[phase, core] = met
            counts.zeros[core] += met * (tables.core[core, NEURONS] - 1)
        else:
            arrived = _gather(core, tables, state.value, scratch.step, which, what)
            row0 = tables.core[core, ROW0]
            if tables.core[core, CORE_KIND] == MAXIMUM:
                largest(arrived, which, what, row0, rows, weights, out)
            else:
                add_rows(arrived, which, what, row0, rows, weights, out)
            _count(core, phase, arrived, which, tables, rows, weights, scratch.step, counts)
        if tables.core[core, PARTS] and not tables.edge[core]:
            active = 0
            for j in range(out.shape[0]):
                active += out[j] != 0
            counts.active[phase, core] = active
        else:
            begins = scratch.step[core, 0] % frame == 0
            _send(core, phase, begins, tables, state.v, scratch, counts)


@njit_borrowing
def _gather(core: Any, tables: Tables, value: I32, step: I64, which: I32, what: I32) -> Any:
    """The axons of a core that see something, and what; returns how many."""
    ky, kx = step[core, 1], step[core, 2]
    own, table = tables.core, tables.axon
    axon0, axons = own[core, AXON0], own[core, AXONS]
    found = 0
    if _all_inside(core, own, step):
        moved = ky * own[core, MOVE_Y] + kx * own[core, MOVE_X]
        base = tables.base[axon0 : axon0 + axons]
        for a in range(base.shape[0]):
            x = value[np.uint64(base[a] + moved)]
            which[found] = a
            what[found] = x
            found += x != 0
        return found
    for a in range(axons):
        axon = axon0 + a
        if ky < table[axon, Y_FROM] or ky >= table[axon, Y_TO]:
            continue
        if kx < table[axon, X_FROM] or kx >= table[axon, X_TO]:
            continue
        place = tables.base[axon] + ky * table[axon, WITH_Y] + kx * table[axon, WITH_X]
        x = value[np.uint64(place)]
        which[found] = a
        what[found] = x
        found += x != 0
    return found


@njit_borrowing
def _all_inside(core: Any, own: I64, step: I64) -> Any:
    """Whether all axons of a core see an element, and move alike from step to step."""
    ky, kx = step[core, 1], step[core, 2]
    rows = own[core, IN_Y0] <= ky < own[core, IN_Y1]
    return rows and own[core, IN_X0] <= kx < own[core, IN_X1]


@njit_borrowing
def _add_partial_sums(
    core: Any, tables: Tables, rows: Rows, weights: I8, value: I32, step: I64, out: I32
) -> Any:
    """Products of a core whose rows have one weight each; returns how many are not 0."""
    own = tables.core
    moved = step[core, 1] * own[core, MOVE_Y] + step[core, 2] * own[core, MOVE_X]
    axon0, row0 = own[core, AXON0], own[core, ROW0]
    met = np.int64(0)
    for a in range(own[core, AXONS]):
        x = value[np.uint64(tables.base[axon0 + a] + moved)]
        column = rows.low[row0 + a]
        out[column] += x * np.int32(weights[rows.weight0[row0 + a] + column])
        met += x != 0
    return met


@njit_borrowing
def _count(
    core: Any,
    phase: Any,
    arrived: Any,
    which: I32,
    tables: Tables,
    rows: Rows,
    weights: I8,
    step: I64,
    counts: Counts,
) -> None:
    """Accesses of a core to weights."""
    axon0, row0 = tables.core[core, AXON0], tables.core[core, ROW0]
    met = products = np.int64(0)
    for k in range(arrived):
        row = row0 + which[k]
        many = np.int64(rows.used[row])
        if tables.edge[core]:
            many = _working(core, row, step[core, 1], step[core, 2], tables, rows, weights)
        met += many
        products += many * tables.value[axon0 + which[k]]
    counts.operations[phase, core] = met
    counts.macs[core] += products
    counts.zeros[core] += arrived * tables.core[core, NEURONS] - met


@njit_borrowing
def _working(core: Any, row: Any, ky: Any, kx: Any, tables: Tables, rows: Rows, weights: I8) -> Any:
    """Weights of a row other than 0 whose neurons are not idle."""
    found = np.int64(0)
    neuron0 = tables.core[core, NEURON0]
    for j in range(rows.low[row], rows.high[row]):
        idle = ky >= tables.neuron[neuron0 + j, IDLE_Y] or kx >= tables.neuron[neuron0 + j, IDLE_X]
        if weights[rows.weight0[row] + j] != 0 and not idle:
            found += 1
    return found


@njit_borrowing
def _send(
    core: Any, phase: Any, begins: Any, tables: Tables, v: I32, scratch: Scratch, counts: Counts
) -> None:
    """From sums to what is sent."""
    ky, kx = scratch.step[core, 1], scratch.step[core, 2]
    neuron0, table = tables.core[core, NEURON0], tables.neuron
    out, fired = scratch.out[core], scratch.fired[core]
    many = active = np.int64(0)
    for j in range(tables.core[core, NEURONS]):
        neuron = neuron0 + j
        if ky >= table[neuron, IDLE_Y] or kx >= table[neuron, IDLE_X]:
            continue
        total = np.int64(out[j])
        sent = total
        row = table[neuron, PARAMETER] + kx * tables.core[core, MOVE]
        kind = tables.parameter[row, KIND]
        if kind == RELU8:
            sent = activation(total, row, tables.parameter)
        elif kind == SPIKING:
            place = table[neuron, BASE] + ky * table[neuron, WITH_Y] + kx * table[neuron, WITH_X]
            before = tables.parameter[row, V_INIT] if begins else np.int64(v[place])
            after = membrane(before, total, row, tables.parameter)
            sent = np.int64(1) if after > tables.parameter[row, FIRE_ABOVE] else np.int64(0)
            if sent != 0:
                subtract = tables.parameter[row, RESET] != 0
                after = after - tables.parameter[row, RESET_BY] if subtract else np.int64(0)
            v[place] = after
        out[j] = sent
        if total != 0 or sent != 0:
            active += 1
        if sent != 0:
            fired[many] = neuron
            many += 1
    scratch.many[core] = many
    counts.active[phase, core] = active


@njit
def _write(tables: Tables, value: I32, scratch: Scratch, values: U8, first: int) -> None:
    """Put what cores send where others read it."""
    core, table, step, out = tables.core, tables.neuron, scratch.step, scratch.out
    end = first + values.shape[1]
    for i in range(core.shape[0]):
        t, ky, kx = step[i, 0], step[i, 1], step[i, 2]
        if t < 0:
            continue
        if core[i, PARTS] and not tables.edge[i]:
            first_of = table[core[i, NEURON0], BASE] if core[i, NEURONS] else 0
            for j in range(core[i, NEURONS]):
                value[first_of + j] = out[i, j]
            continue
        for j in range(core[i, NEURONS]):
            n = core[i, NEURON0] + j
            if ky < table[n, IDLE_Y] and kx < table[n, IDLE_X]:
                place = table[n, BASE] + ky * table[n, WITH_Y] + kx * table[n, WITH_X]
                value[place] = out[i, j]
                if first <= place < end:
                    values[t, place - first] = out[i, j]


@njit
def _senders(tables: Tables, scratch: Scratch, sent: I64, filled: int) -> int:
    """List the neurons that sent something."""
    core, edge = tables.core, tables.edge
    step, many, fired, out = scratch.step, scratch.many, scratch.fired, scratch.out
    for i in range(core.shape[0]):
        if step[i, 0] < 0:
            continue
        if core[i, PARTS] and not edge[i]:
            for j in range(core[i, NEURONS]):
                sent[filled] = core[i, NEURON0] + j
                filled += out[i, j] != 0
        else:
            for k in range(many[i]):
                sent[filled] = fired[i, k]
                filled += 1
    return filled


@njit
def _host(
    phase: int, interval: int, train: I32, tables: Tables, value: I32, sent: I64, filled: int
) -> int:
    """The rows that the host sends in a phase."""
    neurons, host = tables.neuron.shape[0], tables.host
    for entry in range(host.shape[0]):
        since = phase - host[entry, 0]
        if since < 0 or since % interval or since // interval >= train.shape[0]:
            continue
        for place in range(host[entry, 1], host[entry, 1] + host[entry, 2]):
            x = train[since // interval, place]
            value[place] = x
            if x != 0:
                sent[filled] = neurons + place
                filled += 1
    return filled
