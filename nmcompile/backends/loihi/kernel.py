"""One tick of all cores, compiled. Cores write disjoint memory: any thread count, same bits."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nmcompile.backends.loihi.pools import GATE, RUNNING_MAX, arrival, count_line, pool
from nmcompile.backends.loihi.tables import I32, I64, U8, Tables
from nmcompile.reference.jit import njit, njit_parallel, prange
from nmcompile.reference.neuron_kernel import coded_step, neuron_step

NEURON = 0


class State(NamedTuple):
    """What a chip remembers between ticks (and between frames).

    Attributes:
        u, v: per neuron; of a pooling neuron, v is the running maximum (of the gate, its key).
        acc, touched: per accumulator, zero between ticks.
        counter: per input line of every axon of a pooling neuron that counts.
        spikes: per neuron, payloads of the last tick. streak: spikes in a row, for bursts.
        sent: `(ring, groups)` spikes per group. line: `(ring, lines)` which lines of a group
            spiked, packed at its first line. payload: `(ring, lines)`, likewise packed, of groups
            that carry payloads.
    """

    u: I32
    v: I32
    acc: I32
    touched: U8
    counter: I32
    spikes: U8
    streak: U8
    sent: I32
    line: I32
    payload: I32


class Tally(NamedTuple):
    """What the kernels count.

    Attributes:
        sops, zeros, active: `(cores,)` of one tick: accesses to non-zero weights, to stored
            zeros, and neurons with input or a spike.
        tile_sops, tile_macs, tile_spikes: `(tiles,)` of one frame.
        overflow: `(tiles,)` whether an unbounded state left int32.
    """

    sops: I64
    zeros: I64
    active: I64
    tile_sops: I64
    tile_macs: I64
    tile_spikes: I64
    overflow: U8


@njit_parallel
def tick_all(
    order: I32, tick: int, clock: int, values: bool, tables: Tables, state: State, tally: Tally
) -> None:
    """Run one tick on every core.

    Args:
        order: the cores, such that equal shares are equal work.
        tick: within the frame, from 1. clock: ticks since the chip was reset, from 1.
        values: whether host lines carry real values, so that their accesses are MACs.
        tables: the mapped network. state: changed in place. tally: changed in place.
    """
    for i in prange(order.shape[0]):
        _core(order[i], tick, clock, values, tables, state, tally)


@njit
def _core(
    core: int, tick: int, clock: int, values: bool, tables: Tables, state: State, tally: Tally
) -> None:
    """One tick of one core: receive, update, send."""
    _receive(core, tick, clock, values, tables, state, tally)
    active = 0
    for tile in range(tables.core_tile0[core], tables.core_tile0[core + 1]):
        active += _update(tile, tick, tables, state, tally)
        _send(tile, clock, tables, state)
    tally.active[core] = active


@njit
def _receive(
    core: int, tick: int, clock: int, values: bool, tables: Tables, state: State, tally: Tally
) -> None:
    """Add what arrives: for every in-axon, the rows of the lines that spiked in its tick."""
    ring = state.sent.shape[0]
    sops = zeros = np.int64(0)
    for r in range(tables.core_in0[core], tables.core_in0[core + 1]):
        group = tables.in_group[r]
        slot = (clock - 1 - tables.in_delay[r]) % ring
        count = state.sent[slot, group]
        tile = tables.in_tile[r]
        profile = tables.tile_profile[tile]
        kind = tables.profile_kind[profile]
        counts = kind in (RUNNING_MAX, GATE)
        if counts and tick == tables.profile_start[profile]:
            counter = tables.in_counter[r]
            state.counter[counter : counter + tables.group_lines[group]] = 0
        if count == 0:
            continue
        first = tables.group_line0[group]
        host = tables.group_host[group] != 0
        graded = tables.group_graded[group] != 0
        nonzero = total = np.int64(0)
        marked_run, marked_dst = np.int32(-1), np.int32(-1)
        for k in range(count):
            line = state.line[slot, first + k]
            row = tables.in_row[r] + line
            run0, runs = tables.row_run0[row], tables.row_runs[row]
            if runs == 0:
                continue
            nonzero += tables.row_nonzero[row]
            total += tables.row_total[row]
            base = tables.in_acc[r] + tables.row_dst[row]
            factor = state.payload[slot, first + k] if graded else np.int32(1)
            if kind != NEURON:
                n = np.int32(0)
                if counts:
                    n = count_line(tables.in_counter[r] + line, factor, state.counter)
                _compare(base, row, kind, n, factor, tables, state)
                continue
            if factor == 1:
                _add(base, tables.row_w[row], run0, runs, tables, state.acc)
            else:
                _add_scaled(base, tables.row_w[row], run0, runs, factor, tables, state.acc)
            # Lines of one axon mostly reach the same neurons: mark them once.
            if run0 != marked_run or base != marked_dst:
                _mark(base, run0, runs, tables, state.touched)
                marked_run, marked_dst = run0, np.int32(base)
        sops += nonzero
        zeros += total - nonzero
        if host and values:
            tally.tile_macs[tile] += nonzero
        else:
            tally.tile_sops[tile] += nonzero
    tally.sops[core] = sops
    tally.zeros[core] = zeros


@njit
def _add(base: int, w_base: int, run0: int, runs: int, tables: Tables, acc: I32) -> None:
    """acc += weights, run by run; unsigned indices let the compiler use vector instructions."""
    for r in range(run0, run0 + runs):
        d = np.uint64(base + tables.run_dst[r])
        w = np.uint64(w_base + tables.run_w[r])
        for i in range(np.uint64(tables.run_length[r])):
            acc[d + i] += tables.weight[w + i]


@njit
def _add_scaled(
    base: int, w_base: int, run0: int, runs: int, factor: Any, tables: Tables, acc: I32
) -> None:
    """acc += factor * weights (graded spikes)."""
    for r in range(run0, run0 + runs):
        d = np.uint64(base + tables.run_dst[r])
        w = np.uint64(w_base + tables.run_w[r])
        for i in range(np.uint64(tables.run_length[r])):
            acc[d + i] += factor * tables.weight[w + i]


@njit
def _mark(base: int, run0: int, runs: int, tables: Tables, touched: U8) -> None:
    """Note which accumulators received something."""
    for r in range(run0, run0 + runs):
        d = np.uint64(base + tables.run_dst[r])
        for i in range(np.uint64(tables.run_length[r])):
            touched[d + i] = 1


@njit
def _compare(
    base: int, row: int, kind: int, n: Any, payload: Any, tables: Tables, state: State
) -> None:
    """Pooling: acc holds the largest of this tick's arrivals at every neuron."""
    for r in range(tables.row_run0[row], tables.row_run0[row] + tables.row_runs[row]):
        a0, w0 = base + tables.run_dst[r], tables.row_w[row] + tables.run_w[r]
        for i in range(tables.run_length[r]):
            state.touched[a0 + i] = 1
            key = arrival(kind, n, tables.weight[w0 + i], payload)
            state.acc[a0 + i] = max(state.acc[a0 + i], key)


@njit
def _update(tile: int, tick: int, tables: Tables, state: State, tally: Tally) -> int:
    """Neurons of one tile; returns how many received input or fired."""
    n0, n = tables.tile_neuron0[tile], tables.tile_neurons[tile]
    a0 = tables.tile_acc0[tile]
    profile = tables.tile_profile[tile]
    ports = tables.profile_port0[profile + 1] - tables.profile_port0[profile]
    own = slice(n0, n0 + n)
    spikes = state.spikes[own]
    start = tables.profile_start[profile]
    active = 0
    if tick < start or tick > tables.profile_end[profile]:
        spikes[:] = 0
    else:
        kind = tables.profile_kind[profile]
        u, v = state.u[own], state.v[own]
        if tick == start:
            state.streak[own] = 0
            u[:] = 0
            v[:] = tables.v_init[own]
        acc = _port_sum(a0, n, profile, ports, tables, state.acc)
        if kind == NEURON:
            fired = _fire(acc, own, tick - start, profile, tables, state)
        else:
            fired = pool(acc, v, spikes, kind)
        if fired < 0:
            tally.overflow[tile] = 1
        tally.tile_spikes[tile] += fired
        touched = state.touched[a0 : a0 + n]
        for p in range(1, ports):
            touched |= state.touched[a0 + p * n : a0 + (p + 1) * n]
        for i in range(n):
            active += 1 if touched[i] or spikes[i] else 0
    state.acc[a0 : a0 + ports * n] = 0
    state.touched[a0 : a0 + ports * n] = 0
    return active


@njit
def _fire(acc: I32, own: Any, step: int, profile: int, tables: Tables, state: State) -> int:
    """One timestep of the neurons of one tile; `step` counts from 0."""
    first, last = tables.profile_payload0[profile], tables.profile_payload0[profile + 1]
    payloads = tables.payload[first:last]
    if last - first == 1 and payloads[0] == 1:
        return neuron_step(
            acc,
            state.u[own],
            state.v[own],
            state.spikes[own],
            tables.bias[own],
            tables.fire_above[own],
            tables.reset_by[own],
            tables.profile_u_keep[profile],
            tables.profile_v_keep[profile],
            tables.profile_state_shift[profile],
            tables.profile_state_bits[profile],
            tables.profile_subtract[profile] != 0,
        )
    return coded_step(
        acc,
        state.u[own],
        state.v[own],
        state.spikes[own],
        tables.bias[own],
        tables.fire_above[own],
        tables.reset_by[own],
        tables.profile_u_keep[profile],
        tables.profile_v_keep[profile],
        tables.profile_state_shift[profile],
        tables.profile_state_bits[profile],
        tables.profile_subtract[profile] != 0,
        payloads,
        tables.profile_burst[profile] != 0,
        step,
        state.streak[own],
    )


@njit
def _port_sum(a0: int, n: int, profile: int, ports: int, tables: Tables, acc: I32) -> I32:
    """The shifted sum of all ports, in the first port's accumulators."""
    total = acc[a0 : a0 + n]
    first = tables.profile_port0[profile]
    if tables.port_shift[first] != 0:
        total >>= tables.port_shift[first]
    for p in range(1, ports):
        total += acc[a0 + p * n : a0 + (p + 1) * n] >> tables.port_shift[first + p]
    if tables.profile_input_shift[profile] != 0:
        total >>= tables.profile_input_shift[profile]
    return total


@njit
def _send(tile: int, clock: int, tables: Tables, state: State) -> None:
    """Pack the spikes of every group of a tile into the ring."""
    slot = clock % state.sent.shape[0]
    for group in range(tables.tile_group0[tile], tables.tile_group0[tile + 1]):
        first = tables.group_line0[group]
        graded = tables.group_graded[group] != 0
        count = 0
        for k in range(tables.group_lines[group]):
            if state.spikes[first + k]:
                state.line[slot, first + count] = k
                if graded:
                    state.payload[slot, first + count] = state.spikes[first + k]
                count += 1
        state.sent[slot, group] = count


@njit
def inject(values: I32, first_group: int, clock: int, tables: Tables, state: State) -> None:
    """Put the host's events into the tick before `clock`; zeros are not sent.

    Args:
        values: per host line. first_group: the host's groups are the last ones.
        clock: tick in which the first population receives them.
    """
    slot = (clock - 1) % state.sent.shape[0]
    base = tables.host_line0[0]
    for group in range(first_group, tables.group_line0.shape[0]):
        first = tables.group_line0[group]
        count = 0
        for k in range(tables.group_lines[group]):
            value = values[first - base + k]
            if value != 0:
                state.line[slot, first + count] = k
                state.payload[slot, first + count] = value
                count += 1
        state.sent[slot, group] = count


def new_state(tables: Tables, accumulators: int, counters: int, host_lines: int) -> State:
    """A chip after reset: no spikes in flight; u = 0 and v = v_init."""
    neurons = len(tables.v_init)
    ring = 2 + int(tables.in_delay.max(initial=0))
    return State(
        u=np.zeros(neurons, np.int32),
        v=tables.v_init.copy(),
        acc=np.zeros(accumulators, np.int32),
        touched=np.zeros(accumulators, np.uint8),
        counter=np.zeros(max(1, counters), np.int32),
        spikes=np.zeros(neurons, np.uint8),
        streak=np.zeros(neurons, np.uint8),
        sent=np.zeros((ring, len(tables.group_lines)), np.int32),
        line=np.zeros((ring, neurons + host_lines), np.int32),
        # Untouched pages of it cost no memory: most groups carry no payloads.
        payload=np.zeros((ring, neurons + host_lines), np.int32),
    )


def new_tally(cores: int, tiles: int) -> Tally:
    """All counters at zero."""
    return Tally(
        sops=np.zeros(cores, np.int64),
        zeros=np.zeros(cores, np.int64),
        active=np.zeros(cores, np.int64),
        tile_sops=np.zeros(tiles, np.int64),
        tile_macs=np.zeros(tiles, np.int64),
        tile_spikes=np.zeros(tiles, np.int64),
        overflow=np.zeros(tiles, np.uint8),
    )


__all__ = ["State", "Tally", "inject", "new_state", "new_tally", "tick_all"]
