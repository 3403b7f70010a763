"""64 neurons with random numbers or leak reversal, one after the other; see `reference.update`."""

from __future__ import annotations

from typing import Any

import numpy as np

from nmcompile.backends.truenorth.simulator import generator
from nmcompile.backends.truenorth.simulator.tables import (
    FLOOR,
    FLOOR_MODE,
    I32,
    I64,
    LEAK,
    LEAK_REVERSAL,
    MASK_BITS,
    RESET_MODE,
    RESET_VALUE,
    STOCHASTIC0,
    STOCHASTIC_LEAK,
    THRESHOLD,
    WEIGHT0,
    Tables,
)
from nmcompile.backends.truenorth.simulator.vector import LANES
from nmcompile.reference.jit import njit, njit_borrowing

_GAMMA, _MIX1, _MIX2 = (np.uint64(n) for n in (generator.GAMMA, generator.MIX1, generator.MIX2))
_TICK, _CORE, _RHO = (np.uint64(n) for n in (generator.TICK_SHIFT, 32, generator.RHO_SHIFT))


@njit
def _mix(value: Any) -> Any:
    value = (value ^ (value >> np.uint64(30))) * _MIX1
    value = (value ^ (value >> np.uint64(27))) * _MIX2
    return value ^ (value >> np.uint64(31))


@njit
def stream_of(seed: Any, core: Any, neuron: Any) -> Any:
    """Where the draws of a neuron start; see `generator`."""
    return _mix(_mix(seed + _GAMMA) + (np.uint64(core) << _CORE) + np.uint64(neuron))


@njit
def draw(stream: Any, tick: Any, index: Any) -> Any:
    """See `generator.draw`."""
    return _mix(stream + _GAMMA * ((np.uint64(tick) << _TICK) + np.uint64(index)))


@njit
def _sign(value: Any) -> Any:
    return np.int64(value > 0) - np.int64(value < 0)


@njit_borrowing
def step_group(
    core: Any,
    group: Any,
    tick: Any,
    seed: Any,
    events: I64,
    first: Any,
    last: Any,
    tables: Tables,
    v: I32,
) -> Any:
    """One tick of the neurons of a group; returns the word of those that fired."""
    column = group - tables.group0[core]
    width = tables.group0[core + 1] - tables.group0[core]
    fired = np.uint64(0)
    for lane in range(min(LANES, tables.neurons[core] - column * LANES)):
        neuron, place = column * LANES + lane, group * LANES + lane
        p = tables.parameters[tables.parameter[place]]
        stream = stream_of(seed, core, neuron)
        total = np.int64(v[place])
        for i in range(first, last):
            row, kind = events[i] >> 2, events[i] & 3
            if (tables.crossbar[row + column] >> np.uint64(lane)) & np.uint64(1) == 0:
                continue
            weight = np.int64(p[WEIGHT0 + kind])
            if p[STOCHASTIC0 + kind]:
                axon = (row - tables.row0[core]) // width
                rho = draw(stream, tick, generator.SYNAPSE0 + axon) >> _RHO
                weight = _sign(weight) if np.uint64(abs(weight)) >= rho else np.int64(0)
            total += weight
        leak = np.int64(p[LEAK])
        if p[STOCHASTIC_LEAK]:
            rho = draw(stream, tick, generator.LEAK) >> _RHO
            leak = _sign(leak) if np.uint64(abs(leak)) >= rho else np.int64(0)
        if p[LEAK_REVERSAL]:
            before = _sign(total)
            total += before * leak
            if _sign(total) == -before:
                total = np.int64(0)
        else:
            total += leak
        total = max(-np.int64(tables.clip), min(np.int64(tables.clip), total))
        total, fires = _threshold(total, p, _eta(p, stream, tick))
        v[place] = total
        if fires:
            fired |= np.uint64(1) << np.uint64(lane)
    return fired


@njit_borrowing
def _eta(p: I32, stream: Any, tick: Any) -> Any:
    if p[MASK_BITS] == 0:
        return np.int64(0)
    mask = (np.uint64(1) << np.uint64(p[MASK_BITS])) - np.uint64(1)
    return np.int64(draw(stream, tick, generator.THRESHOLD) & mask)


@njit_borrowing
def _threshold(v: Any, p: I32, eta: Any) -> Any:
    """Membrane after threshold, reset and floor, and whether the neuron fires."""
    upper = p[THRESHOLD] + eta
    if v >= upper:
        if p[RESET_MODE] == 0:
            return np.int64(p[RESET_VALUE]), True
        return (v - upper if p[RESET_MODE] == 1 else v), True
    lower = p[FLOOR] + (np.int64(0) if p[FLOOR_MODE] else eta)
    if v >= -lower:
        return v, False
    if p[FLOOR_MODE]:
        return -np.int64(p[FLOOR]), False
    if p[RESET_MODE] == 0:
        return -np.int64(p[RESET_VALUE]), False
    return (v + lower if p[RESET_MODE] == 1 else v), False
