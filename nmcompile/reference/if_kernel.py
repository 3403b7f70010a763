"""Integrate-and-fire without leak, the case that most timesteps spend their time in.

The same equations as `neuron_kernel.neuron_step` where nothing leaks and a spike is 1 and resets by
subtraction, in 32-bit arithmetic that compiles to vector instructions. Unbounded membranes: an
overflow shows in the sign bits of operands and sum. Bounded ones: no sum can reach 32 bits.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron
from nmcompile.ir.types import EdgeType
from nmcompile.reference.jit import njit, njit_parallel, prange

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

INT32_MIN = -(2**31)
SUMMAND = 2**29
"""Three summands of at most this magnitude stay within int32."""


@njit
def _free_row(a: I32, state: I32, out: U8, own: I32, level: I32, down: I32) -> tuple[Any, Any, Any]:
    """One timestep of a row; spikes, a sign bit set by overflow, and the lowest membrane."""
    count, left, lowest = np.int32(0), np.int32(0), np.int32(0)
    for k in range(state.shape[0]):
        old = state[k]
        drive = np.int32(a[k] + own[k])
        new = np.int32(old + drive)
        left |= ((a[k] ^ drive) & (own[k] ^ drive)) | ((old ^ new) & (drive ^ new))
        lowest = min(lowest, new)
        spike = np.int32(new > level[k])
        count += spike
        state[k] = new - (-spike & down[k])
        out[k] = spike
    return count, left, lowest


@njit
def _bounded_row(
    a: I32,
    u: I32,
    state: I32,
    out: U8,
    own: I32,
    level: I32,
    down: I32,
    held: Any,
    shift: Any,
    half: Any,
) -> Any:
    """One timestep of a row whose current wraps and whose membrane saturates; its spikes."""
    count = np.int32(0)
    around, most, least = np.int32(2 * half), np.int32(half - 1), np.int32(1 - half)
    for k in range(state.shape[0]):
        current = np.int32(np.int32(a[k] << shift) + np.int32(u[k] & held))
        over, under = np.int32(current > half), np.int32(current <= -half)
        current = np.int32(current + (-under & around) - (-over & around))
        u[k] = current
        new = np.int32(np.int32(state[k] + current) + own[k])
        new = min(max(new, least), most)
        spike = np.int32(new > level[k])
        count += spike
        state[k] = new - (-spike & down[k])
        out[k] = spike
    return count


@njit_parallel
def free_steps(
    current: I32,
    v: I32,
    spikes: U8,
    bias: I32,
    fire_above: I32,
    reset_by: I32,
    fired: I64,
    overflow: I32,
    parts: int,
) -> None:
    """Several timesteps; a row of neurons goes through all of them while it is in the cache.

    Args:
        current: `(T, R, C)` input, or `(1, R, C)` when it is the same at every timestep.
        v: `(R, C)` membranes, updated.
        spikes: `(T, R, C)` out.
        bias: `(P, C)` with P dividing R; row i uses entry i mod P. Likewise `fire_above`
            and `reset_by`.
        fired: `(parts,)` out, number of spikes.
        overflow: `(parts,)` out, negative where a membrane left int32.
        parts: number of threads; rows are dealt out one by one.
    """
    period, last = bias.shape[0], current.shape[0] - 1
    for part in prange(parts):
        total = 0
        left, lowest = np.int32(0), np.int32(0)
        for r in range(part, v.shape[0], parts):
            p = r % period
            own, level, down, state = bias[p], fire_above[p], reset_by[p], v[r]
            for t in range(spikes.shape[0]):
                a, out = current[min(t, last), r], spikes[t, r]
                count, sign, low = _free_row(a, state, out, own, level, down)
                total += count
                left |= sign
                lowest = min(lowest, low)
        fired[part] = total
        overflow[part] = -1 if left < 0 or lowest == INT32_MIN else 0


@njit_parallel
def bounded_steps(
    current: I32,
    u: I32,
    v: I32,
    spikes: U8,
    bias: I32,
    fire_above: I32,
    reset_by: I32,
    fired: I64,
    held: bool,
    shift: int,
    bits: int,
    parts: int,
) -> None:
    """As `free_steps`, for states of `bits` bits.

    Args:
        current: and all up to `fired`: see `free_steps`. u: `(R, C)` currents, updated.
        held: whether currents are kept from timestep to timestep.
        shift: left shift of the input. bits: width of current and membrane.
    """
    period, last = bias.shape[0], current.shape[0] - 1
    mask, by, half = np.int32(-1 if held else 0), np.int32(shift), np.int32(1 << (bits - 1))
    for part in prange(parts):
        total = 0
        for r in range(part, v.shape[0], parts):
            p = r % period
            own, level, down = bias[p], fire_above[p], reset_by[p]
            for t in range(spikes.shape[0]):
                a, out = current[min(t, last), r], spikes[t, r]
                total += _bounded_row(a, u[r], v[r], out, own, level, down, mask, by, half)
        fired[part] = total


def runs_as_rows(model: IntegerNeuron, source: EdgeType) -> bool:
    """Whether these kernels compute what the model defines.

    Args:
        model: the neuron. source: type of its input, whose width bounds the sums.
    """
    if model.payloads != (1,) or model.reset != "subtract" or model.v_keep != KEEP_ONE:
        return False
    if model.state_bits == 0:
        return model.u_keep == 0 and model.state_shift == 0
    largest = max(2**source.bits << model.state_shift, 2 ** (model.state_bits - 1))
    tables = (model.bias, model.reset_by, model.v_init)
    largest = max(largest, *(int(np.abs(a.data.astype(np.int64)).max(initial=0)) for a in tables))
    return source.bits > 0 and largest <= SUMMAND and model.u_keep in (0, KEEP_ONE)


class IfRows:
    """A population that runs as rows of channels.

    Args:
        shape: of the population, channels last.
        model: its neurons, for which `runs_as_rows` holds.
        tables: bias, fire_above and reset_by, of one length that divides the population.
    """

    def __init__(
        self, shape: tuple[int, ...], model: IntegerNeuron, tables: tuple[I32, I32, I32]
    ) -> None:
        self._model = model
        self._channels = shape[-1]
        length = max(self._channels, tables[0].size)
        bias, fire_above, reset_by = (np.resize(t, length) for t in tables)
        self._bias = bias.reshape(-1, self._channels)
        self._fire_above = fire_above.reshape(-1, self._channels)
        self._reset_by = reset_by.reshape(-1, self._channels)

    def advance(self, current: I32, u: I32, v: I32, spikes: U8) -> int:
        """Timesteps of `(T, N)` arrays; the spikes fired, or -1 when a membrane left int32."""
        model, parts, channels = self._model, numba.get_num_threads(), self._channels
        current = current.reshape(len(current), -1, channels)
        u, v = u.reshape(-1, channels), v.reshape(-1, channels)
        spikes = spikes.reshape(len(spikes), -1, channels)
        fired, overflow = np.empty(parts, np.int64), np.zeros(parts, np.int32)
        tables = (self._bias, self._fire_above, self._reset_by)
        if model.state_bits:
            widths = (model.state_shift, model.state_bits)
            bounded_steps(current, u, v, spikes, *tables, fired, model.u_keep > 0, *widths, parts)
        else:
            free_steps(current, v, spikes, *tables, fired, overflow, parts)
        return -1 if (overflow < 0).any() else int(fired.sum())
