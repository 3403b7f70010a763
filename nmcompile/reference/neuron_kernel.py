"""The compiled definition of the integer neuron; equations in `IntegerNeuron`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nmcompile.reference.jit import njit

I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]

INT32_LIMIT = 2**31 - 1


@njit
def rsz(x: Any, keep: Any) -> Any:
    """x * keep / 4096 rounded toward zero (Loihi's decay rounding)."""
    product = x * keep
    if product < 0:
        return -((-product) >> 12)
    return product >> 12


@njit
def _current(acc: Any, u: Any, u_keep: int, shift: int, bits: int) -> Any:
    """u[t] before it is stored, 64 bits wide."""
    new_u = np.int64(acc) << shift
    if u_keep != 0:
        new_u += rsz(np.int64(u), np.int64(u_keep))
    if bits > 0:
        half = np.int64(1) << (bits - 1)
        if new_u > half:
            new_u -= 2 * half
        elif new_u <= -half:
            new_u += 2 * half
    return new_u


@njit
def _membrane(v: Any, new_u: Any, bias: Any, v_keep: int, bits: int) -> Any:
    """v[t] before the reset, 64 bits wide."""
    new_v = np.int64(v)
    if v_keep != 4096:
        new_v = rsz(new_v, np.int64(v_keep))
    new_v += new_u + bias
    if bits > 0:
        half = np.int64(1) << (bits - 1)
        new_v = min(max(new_v, 1 - half), half - 1)
    return new_v


@njit
def _left_int32(new_u: Any, new_v: Any) -> Any:
    return new_v > INT32_LIMIT or new_v < -INT32_LIMIT or abs(new_u) > INT32_LIMIT


@njit
def neuron_step(
    acc: I32,
    u: I32,
    v: I32,
    spikes: U8,
    bias: I32,
    fire_above: I32,
    reset_by: I32,
    u_keep: int,
    v_keep: int,
    shift: int,
    bits: int,
    subtract: bool,
) -> int:
    """One timestep of a population whose spikes are 0 or 1; updates `u`, `v`, `spikes` in place.

    Args:
        acc: `(N,)` accumulated input.
        u: `(N,)` synaptic current. v: `(N,)` membrane. spikes: `(N,)` out.
        bias: `(P,)` with P dividing N; neuron i uses entry i mod P (P = channels in
            channels-last order, 1 for a scalar, N for one value per neuron). Likewise
            `fire_above` and `reset_by`, of the same length.
        u_keep: kept current in 1/4096. v_keep: kept membrane in 1/4096.
        shift: left shift of the input. bits: state width, 0 for unbounded.
        subtract: reset by subtraction (else to zero).

    Returns:
        Number of spikes, or -1 when a state left int32 (a bounded current is wrapped once).
    """
    count = 0
    n = acc.shape[0]
    period = bias.shape[0]
    overflow = False
    for base in range(0, n, period):
        for k in range(period):
            i = base + k
            new_u = _current(acc[i], u[i], u_keep, shift, bits)
            new_v = _membrane(v[i], new_u, bias[k], v_keep, bits)
            if _left_int32(new_u, new_v):
                overflow = True
            fired = new_v > fire_above[k]
            if fired:
                count += 1
                new_v = new_v - reset_by[k] if subtract else np.int64(0)
            spikes[i] = 1 if fired else 0
            u[i] = new_u
            v[i] = new_v
    return -1 if overflow else count


@njit
def coded_step(
    acc: I32,
    u: I32,
    v: I32,
    spikes: U8,
    bias: I32,
    fire_above: I32,
    reset_by: I32,
    u_keep: int,
    v_keep: int,
    shift: int,
    bits: int,
    subtract: bool,
    payloads: I32,
    burst: bool,
    step: int,
    streak: U8,
) -> int:
    """As `neuron_step`, of a population whose spikes carry payloads.

    Args:
        acc: and all up to `subtract`: see `neuron_step`; `spikes` receives the payloads.
        payloads: see `nmcompile.ir.neurons`. burst: advance by spikes instead of by timesteps.
        step: timestep within the frame, from 0.
        streak: `(N,)` spikes in a row so far, up to the last payload's index; updated. Empty
            without `burst`.
    """
    count = 0
    n = acc.shape[0]
    period = bias.shape[0]
    last = payloads.shape[0] - 1
    overflow = False
    for base in range(0, n, period):
        for k in range(period):
            i = base + k
            new_u = _current(acc[i], u[i], u_keep, shift, bits)
            new_v = _membrane(v[i], new_u, bias[k], v_keep, bits)
            if _left_int32(new_u, new_v):
                overflow = True
            payload = np.int64(payloads[streak[i] if burst else step % (last + 1)])
            level = np.int64(fire_above[k]) + (payload - 1) * np.int64(reset_by[k])
            fired = payload > 0 and new_v > level
            if fired:
                count += 1
                new_v = new_v - payload * np.int64(reset_by[k]) if subtract else np.int64(0)
            if burst:
                streak[i] = min(streak[i] + 1, last) if fired else 0
            spikes[i] = payload if fired else 0
            u[i] = new_u
            v[i] = new_v
    return -1 if overflow else count
