"""Populations of the float interpreter: neurons, spike max pooling, coded inputs (torch)."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import (
    IF,
    LIF,
    NILIF,
    CubaLIF,
    IntegerNeuron,
    IntegerNILIF,
    ReLU8,
    RoundedReLU,
    SigmaDelta,
)
from nmcompile.reference.float_membranes import nilif_step


class State:
    """What a stateful operator keeps between timesteps.

    Attributes:
        u: synaptic current, the running sums of pooled inputs, or sigma.
        v: membrane, running maximum, what a read-out has added up, or the last value.
        residue: what a sigma-delta neuron has not sent. queue: spikes on their way.
        streak: spikes that every neuron has fired in a row. step: timesteps so far.
    """

    u: torch.Tensor | None = None
    v: torch.Tensor | None = None
    residue: torch.Tensor | None = None
    queue: list[torch.Tensor] | None = None
    streak: torch.Tensor | None = None
    step: int = 0


def neuron(op: ops.Neuron, current: torch.Tensor, state: State) -> torch.Tensor:
    """One timestep of a population: payloads where it fires, else 0."""
    model = op.model
    if isinstance(model, IntegerNeuron | IntegerNILIF):
        raise TypeError("the float interpreter runs float neuron models")
    if isinstance(model, SigmaDelta):
        return _sigma_delta(model, current, state)
    if isinstance(model, ReLU8):
        return _relu8(model, current)
    if isinstance(model, NILIF):
        spikes, state.v = nilif_step(model, current, state.v, state.step)
        state.step += 1
        return spikes
    if isinstance(model, RoundedReLU):
        level = torch.floor(current / parameter(model.step, current) + model.zero + 0.5)
        return level.clamp(0, model.largest)
    threshold = parameter(model.threshold, current)
    payload: torch.Tensor | float = 1.0
    if isinstance(model, IF):
        v = (model.v_init * threshold if state.v is None else state.v) + current
        payload = _payload(model.payloads, model.advance == "burst", current, state)
        fired = (v >= payload * threshold) & (torch.as_tensor(payload) > 0)
    elif isinstance(model, LIF):
        v = torch.zeros_like(current) if state.v is None else state.v
        v = parameter(model.v_keep, current) * v + parameter(model.gain, current) * current
        v = v + model.drive
        fired = v >= threshold if model.at_threshold else v > threshold
    elif isinstance(model, CubaLIF):
        u = torch.zeros_like(current) if state.u is None else state.u
        v = torch.zeros_like(current) if state.v is None else state.v
        u = parameter(model.u_keep, current) * u + parameter(model.gain, current) * current
        v = parameter(model.v_keep, current) * v + u
        state.u = u
        fired = v > threshold
    spikes = fired.to(current.dtype) * payload
    state.v = v - spikes * threshold if model.reset == "subtract" else v * ~fired
    _advance(fired, state)
    return spikes


def _sigma_delta(model: SigmaDelta, current: torch.Tensor, state: State) -> torch.Tensor:
    """One timestep of sigma-delta neurons: integers, as at every other level."""
    exponent = model.spike_exp + model.state_exp
    sigma = current * 2**exponent if model.receives == "values" else current
    if model.receives == "changes" and state.u is not None:
        sigma = sigma + state.u
    y = sigma + parameter(model.bias, current)
    y = torch.relu(y) if model.activation == "relu" else y
    last = torch.zeros_like(y) if state.v is None else state.v
    residue = torch.zeros_like(y) if state.residue is None else state.residue
    state.u, state.v = sigma, y
    if model.sends == "values":
        return y
    change = y - last + residue
    sent = change * (change.abs() >= parameter(model.threshold, current))
    state.residue = change - sent
    return torch.floor(sent / 2**model.state_exp)


def _relu8(model: ReLU8, current: torch.Tensor) -> torch.Tensor:
    """8-bit activations: integers, as at every other level."""
    bias, multiplier = (parameter(a, current).long() for a in (model.bias, model.multiplier))
    scaled = (current.round().long() + bias) * multiplier + (1 << (model.shift - 1))
    return (scaled >> model.shift).clamp(0, model.largest).to(current.dtype)


def delay(op: ops.Delay, spikes: torch.Tensor, state: State) -> torch.Tensor:
    """The spikes of `ticks` timesteps ago."""
    queue = state.queue or [torch.zeros_like(spikes)] * op.ticks
    state.queue = [*queue, spikes][1:] if op.ticks else []
    return (queue or [spikes])[0]


def encode(op: ops.Encode, x: torch.Tensor, state: State) -> torch.Tensor:
    """One timestep of an input coding: the image, nothing, or payloads."""
    first = state.step == 0
    if not op.spikes:
        state.step += 1
        return x if op.mode == "constant" or first else torch.zeros_like(x)
    v = torch.full_like(x, op.start) if state.v is None else state.v
    starts = op.mode == "phase" and state.step % len(op.payloads) == 0
    if op.mode != "phase":
        v = v + x
    elif starts:
        v = x
    payload = _payload(op.payloads, op.mode == "burst", x, state)
    fired = (v >= payload * op.threshold) & (torch.as_tensor(payload) > 0)
    spikes = fired.to(x.dtype) * payload
    state.v = v - spikes * op.threshold
    _advance(fired, state)
    return spikes


def _payload(
    payloads: tuple[int, ...], burst: bool, like: torch.Tensor, state: State
) -> torch.Tensor | float:
    """p[t] of `nmcompile.ir.neurons`, one number or one for every neuron."""
    if not burst:
        return float(payloads[state.step % len(payloads)])
    table = torch.tensor(payloads, dtype=like.dtype)
    streak = torch.zeros_like(like) if state.streak is None else state.streak
    return table[streak.clamp(max=len(payloads) - 1).long()]


def _advance(fired: torch.Tensor, state: State) -> None:
    state.streak = fired.long() if state.streak is None else (state.streak + 1) * fired
    state.step += 1


def spike_pool(op: ops.SpikeMaxPool2d, spikes: torch.Tensor, state: State) -> torch.Tensor:
    """One timestep of spike max pooling, see `SpikeMaxPool2d`."""
    if op.rule == "or":
        return F.max_pool2d(spikes, op.kernel, op.stride, ceil_mode=op.ceil)
    sums = spikes if state.u is None else state.u + spikes
    state.u = sums
    # Of equal sums torch gives the place of the first one in (y, x) order.
    best, place = F.max_pool2d_with_indices(sums, op.kernel, op.stride, ceil_mode=op.ceil)
    if op.rule == "gate":
        return spikes.flatten(2).gather(2, place.flatten(2)).view_as(best)
    rise = best if state.v is None else best - state.v
    state.v = best
    return rise


def parameter(array: Array, like: torch.Tensor) -> torch.Tensor:
    """A scalar, `(C,)` or full-shape parameter ready to broadcast over `(B, C, ...)`."""
    tensor = torch.from_numpy(array.data.astype(np.float64)).to(like.dtype)
    if tensor.ndim == 1 and like.ndim == 4:
        return tensor[:, None, None]
    return tensor
