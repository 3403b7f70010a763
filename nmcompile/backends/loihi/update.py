"""One timestep of the neurons of one tile, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.backends.loihi import columns as c
from nmcompile.backends.loihi.pools import pool
from nmcompile.backends.loihi.state import State
from nmcompile.backends.loihi.tables import I32, I64, NEURON, SIGMA_DELTA, U8, Tables
from nmcompile.ir.neurons import KEEP_ONE
from nmcompile.reference.jit import njit
from nmcompile.reference.neuron_kernel import coded_step
from nmcompile.reference.sigma_delta import sigma_delta_step

LEFT_INT32, LEFT_MESSAGE = 1, 2
"""What `Tally.problem` says: a state or a sum left int32, or a message its width."""
INT32_LIMIT = 2**31 - 1
SUM_BITS = 29


@njit
def start(n0: Any, n: Any, tables: Tables, state: State) -> None:
    """The state before the first timestep of a frame."""
    u, v, residue, streak, v_init = state.u, state.v, state.residue, state.streak, tables.v_init
    for i in range(n0, n0 + n):
        u[i] = residue[i] = streak[i] = 0
        v[i] = v_init[i]


@njit
def narrowed(a0: Any, n: Any, wide: I64, acc: I32) -> Any:
    """Move sums of 64 bits into the accumulators; whether one left int32."""
    left: Any = False
    for i in range(a0, a0 + n):
        left |= abs(wide[i]) > INT32_LIMIT
        acc[i] = wide[i]
        wide[i] = 0
    return left


@njit
def port_sum(a0: Any, n: Any, profile: I32, port_shift: I32, acc: I32) -> None:
    """Leave the shifted sum of all ports in the first port's accumulators."""
    port0, ports, shift = profile[c.PORT0], profile[c.PORTS], profile[c.INPUT_SHIFT]
    if ports == 1 and port_shift[port0] == 0 and shift == 0:
        return
    for i in range(a0, a0 + n):
        total = acc[i] >> port_shift[port0]
        for k in range(1, ports):
            total += acc[i + k * n] >> port_shift[port0 + k]
        acc[i] = total >> shift


@njit
def fire(n0: Any, n: Any, a0: Any, step: Any, profile: I32, tables: Tables, state: State) -> Any:
    """Update the neurons n0 ... n0 + n - 1 from the accumulators a0 ...; `step` counts from 0.

    Returns:
        Number of spikes, or what went wrong, negated.
    """
    kind = profile[c.KIND]
    # Where nothing is carried over, a current may be far outside its width before it is wrapped.
    bits = max(profile[c.STATE_BITS], SUM_BITS if profile[c.U_KEEP] == 0 else 0)
    room = np.int64(1) << max(bits - profile[c.STATE_SHIFT], 0)
    if profile[c.PLAIN] != 0 and _within(state.acc, a0, n, room):
        return _plain_step(
            n0,
            n,
            a0,
            profile,
            state.acc,
            state.u,
            state.v,
            state.spikes,
            tables.bias,
            tables.fire_above,
            tables.reset_by,
        )
    if kind == SIGMA_DELTA:
        return _send_values(n0, n, a0, profile, tables, state)
    if kind == NEURON:
        return _integrate(n0, n, a0, step, profile, tables, state)
    own = slice(n0, n0 + n)
    return pool(state.acc[a0 : a0 + n], state.v[own], state.spikes[own], kind)


@njit
def _within(acc: I32, a0: Any, n: Any, limit: Any) -> Any:
    """Whether every accumulator lies strictly between -limit and limit."""
    low = high = np.int32(0)
    for i in range(np.uint64(a0), np.uint64(a0 + n)):
        low, high = min(low, acc[i]), max(high, acc[i])
    return low > -limit and high < limit


@njit
def _kept(x: Any, keep: Any) -> Any:
    """x * keep / 4096 toward zero for |x| <= 2^23, without leaving 32 bits on the way."""
    m = np.int32(abs(x))
    high = np.int32((m >> np.int32(12)) * keep)
    low = np.int32(np.int32((m & np.int32(4095)) * keep) >> np.int32(12))
    kept = np.int32(high + low)
    return np.int32(-kept) if x < 0 else kept


@njit
def _plain_step(
    n0: Any,
    n: Any,
    a0: Any,
    profile: I32,
    acc: I32,
    u: I32,
    v: I32,
    spikes: U8,
    bias: I32,
    fire_above: I32,
    reset_by: I32,
) -> Any:
    """`neuron_step` in 32-bit arithmetic, which becomes vector instructions.

    Exact for profiles that are `PLAIN` while |input| < 2^(state_bits - state_shift): u then leaves
    its width by less than one wrap, and no intermediate value leaves 32 bits. Without a current
    that is carried over, `SUM_BITS` in the place of `state_bits` are enough for the latter.
    """
    half = np.int32(1) << np.int32(profile[c.STATE_BITS] - 1)
    turn = np.int32(half + half)
    u_keep, v_keep = profile[c.U_KEEP], profile[c.V_KEEP]
    shift, subtract = profile[c.STATE_SHIFT], profile[c.SUBTRACT] != 0
    count = np.int32(0)
    first, a = np.uint64(n0), np.uint64(a0)
    for k in range(np.uint64(n)):
        i = first + k
        carried = _kept(u[i], u_keep) if u_keep != 0 else np.int32(0)
        current = np.int32(np.int32(acc[a + k] << shift) + carried)
        # Conditional values instead of branches: they become vector masks.
        current = np.int32(current - turn) if current > half else current
        current = np.int32(current + turn) if current <= -half else current
        held = _kept(v[i], v_keep) if v_keep != KEEP_ONE else v[i]
        level = np.int32(np.int32(held + current) + bias[i])
        level = min(max(level, np.int32(1 - half)), np.int32(half - 1))
        fired = np.int32(1) if level > fire_above[i] else np.int32(0)
        lower = np.int32(level - reset_by[i] * fired) if subtract else np.int32(level * (1 - fired))
        count += fired
        spikes[i] = fired
        u[i] = current
        v[i] = lower
    return np.int64(count)


@njit
def _integrate(
    n0: Any, n: Any, a0: Any, step: Any, profile: I32, tables: Tables, state: State
) -> Any:
    """Integrate-and-fire neurons of any width, with any payloads."""
    own = slice(n0, n0 + n)
    return coded_step(
        state.acc[a0 : a0 + n],
        state.u[own],
        state.v[own],
        state.spikes[own],
        tables.bias[own],
        tables.fire_above[own],
        tables.reset_by[own],
        profile[c.U_KEEP],
        profile[c.V_KEEP],
        profile[c.STATE_SHIFT],
        profile[c.STATE_BITS],
        profile[c.SUBTRACT] != 0,
        tables.payload[profile[c.PAYLOAD0] : profile[c.PAYLOAD1]],
        profile[c.BURST] != 0,
        step,
        state.streak[own],
    )


@njit
def _send_values(n0: Any, n: Any, a0: Any, profile: I32, tables: Tables, state: State) -> Any:
    """Sigma-delta neurons."""
    own = slice(n0, n0 + n)
    message, spikes = state.message[own], state.spikes[own]
    sent = sigma_delta_step(
        state.acc[a0 : a0 + n],
        state.u[own],
        state.v[own],
        state.residue[own],
        message,
        tables.fire_above[own],
        tables.bias[own],
        profile[c.SUMS] != 0,
        profile[c.SENDS_CHANGES] != 0,
        profile[c.RELU] != 0,
        profile[c.SPIKE_EXP],
        profile[c.STATE_EXP],
        profile[c.MESSAGE_BITS],
    )
    for i in range(n):
        spikes[i] = message[i] != 0
    return sent


@njit
def count_active(n0: Any, n: Any, a0: Any, ports: Any, touched: U8, spikes: U8) -> Any:
    """Neurons that received input or fired."""
    active = np.int32(0)
    first, a, stride = np.uint64(n0), np.uint64(a0), np.uint64(n)
    if ports == 1:
        for k in range(stride):
            active += np.int32((touched[a + k] | spikes[first + k]) != 0)
        return active
    for k in range(stride):
        busy = spikes[first + k]
        for port in range(np.uint64(ports)):
            busy |= touched[a + port * stride + k]
        active += np.int32(busy != 0)
    return active
