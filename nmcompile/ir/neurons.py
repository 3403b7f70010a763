"""Neuron models: one float and one integer definition each, with their equations.

Symbols: t timestep, I input current, u synaptic current, v membrane potential, s spike.
All models decide after the whole input of a timestep has arrived.

Payloads (`nmcompile.coding`). A spike of an integrate-and-fire neuron carries an integer p[t] >= 0
and stands for p[t] thresholds; where p[t] = 0 the neuron only accumulates. p[t] is an entry of
`payloads`: entry (t - 1) mod length with advance "clock"; with "burst" entry min(r, length - 1),
r being the spikes that the neuron fired in the timesteps directly before t. Rate coding is (1,).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nmcompile.ir.arrays import Array
from nmcompile.ir.omitted import OMITTED

Reset = Literal["subtract", "zero"]
Advance = Literal["clock", "burst"]
"""What moves a neuron along its payloads: the timestep, or its own spikes."""
Traffic = Literal["changes", "values"]
"""What the messages of a sigma-delta network are."""

KEEP_ONE = 4096
"""Fixed-point one of a decay factor (12 fractional bits, as on Loihi)."""


@dataclass(frozen=True, slots=True)
class IF:
    """Integrate-and-fire, float form.

        v[t] = v[t-1] + I[t];  s[t] = p[t] where p[t] > 0 and v[t] >= p[t] * threshold, else 0
        reset "subtract": v[t] -= threshold * s[t];  "zero": v[t] = 0 where s[t] > 0

    Attributes:
        threshold: scalar, `(C,)` or full shape, in units of the input current.
        reset: what a spike does to the membrane.
        v_init: membrane before the first timestep, in units of the threshold.
        payloads: see the module. advance: likewise.
    """

    threshold: Array
    reset: Reset = "subtract"
    v_init: float = 0.0
    payloads: tuple[int, ...] = (1,)
    advance: Advance = "clock"


@dataclass(frozen=True, slots=True)
class LIF:
    """Leaky integrate-and-fire, float form.

        v[t] = v_keep * v[t-1] + gain * I[t] + v_rest_drive;  s[t] = v[t] > threshold

    With `at_threshold` a neuron that reaches the threshold fires: s[t] = v[t] >= threshold.

    Attributes:
        v_keep: fraction of the membrane kept per timestep, 0..1 (1 - decay).
        gain: factor on the input current (resistance x step / tau of a continuous model).
        threshold: firing level; a spike needs strictly more.
        reset: what a spike does to the membrane.
        drive: constant added at every timestep (leak potential of a continuous model).
        at_threshold: see above.
    """

    v_keep: Array
    gain: Array
    threshold: Array
    reset: Reset = "zero"
    drive: float = 0.0
    at_threshold: bool = field(default=False, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class CubaLIF:
    """Current-based leaky integrate-and-fire (two states), float form.

        u[t] = u_keep * u[t-1] + gain * I[t]
        v[t] = v_keep * v[t-1] + u[t];  s[t] = v[t] > threshold

    Attributes:
        u_keep: fraction of the current kept per timestep, 0..1.
        v_keep: fraction of the membrane kept per timestep, 0..1.
        gain: factor on the input current.
        threshold: firing level; a spike needs strictly more.
        reset: what a spike does to the membrane (the current is untouched).
    """

    u_keep: Array
    v_keep: Array
    gain: Array
    threshold: Array
    reset: Reset = "zero"


@dataclass(frozen=True, slots=True)
class IntegerNeuron:
    """The integer definition that IF, LIF and CubaLIF share; every simulator runs this one.

    With rsz(x) = sign(x) * (|x| >> 12) and a the accumulated integer input of the timestep:

        u[t] = wrap(rsz(u[t-1] * u_keep) + (a << state_shift))
        v[t] = clip(rsz(v[t-1] * v_keep) + u[t] + bias)
        s[t] = p[t] where p[t] > 0 and v[t] > fire_above + (p[t] - 1) * reset_by, else 0
        reset "subtract": v[t] -= reset_by * s[t];  "zero": v[t] = 0 where s[t] > 0

    `wrap` and `clip` act when `state_bits` > 0: u wraps once into (-2^(b-1), 2^(b-1)], v
    saturates at +-(2^(b-1) - 1), as Loihi does (checked against Lava). With `state_bits` = 0
    the states are unbounded integers; the interpreter checks that int32 holds them.
    IF is u_keep = 0, v_keep = 4096; LIF has v_keep < 4096; CubaLIF u_keep > 0. u_keep = 4096
    holds the current (an input sent once drives every later timestep).

    Attributes:
        model: the float model it came from: "IF", "LIF" or "CubaLIF".
        u_keep: kept current in 1/4096, 0..4096.
        v_keep: kept membrane in 1/4096, 0..4096.
        state_shift: left shift of the input into state units (6 on Loihi).
        state_bits: width of u and v, 0 for unbounded.
        bias: int32, scalar, `(C,)` or full shape, in state units, added every timestep.
        fire_above: int32, in state units; strict comparison.
        reset: what a spike does to the membrane.
        reset_by: int32, in state units, for reset "subtract".
        v_init: int32, in state units, membrane at the start of every frame.
        payloads: of spikes, see the module; at most `PAYLOAD_MAX`. advance: likewise.
    """

    model: Literal["IF", "LIF", "CubaLIF"]
    u_keep: int
    v_keep: int
    state_shift: int
    state_bits: int
    bias: Array
    fire_above: Array
    reset: Reset
    reset_by: Array
    v_init: Array
    payloads: tuple[int, ...] = (1,)
    advance: Advance = "clock"


@dataclass(frozen=True, slots=True)
class SigmaDelta:
    """Sigma-delta neuron: integers, the same at every level (checked against Lava's `sdn`).

    With sigma[0] = y[0] = residue[0] = 0 at the start of every inference and exp =
    spike_exp + state_exp:

        receives "changes": sigma[t] = sigma[t-1] + a[t];  "values": sigma[t] = a[t] << exp
        y[t] = act(sigma[t] + bias)
        sends "changes": d = y[t] - y[t-1] + residue[t-1]
                         s = d where |d| >= threshold, else 0;  residue[t] = d - s
                         out[t] = s >> state_exp (arithmetic)
        sends "values":  out[t] = y[t]

    An out of 0 sends nothing. All states are int32; one that leaves it is NM0203, an out that
    leaves its message width NM0217. Lava's SigmaDelta is changes/changes, its Delta
    values/changes/none, its Sigma changes/values/none. values/values/none with both exponents 0
    relays a signed sum (a partial sum).

    Attributes:
        receives: whether the input is the change of a value, or the value.
        sends: likewise, for the output.
        activation: act(x) = max(x, 0) for "relu", x for "none".
        threshold: int32, scalar, `(C,)` or full shape, in state units (already << exp).
        bias: int32, likewise.
        spike_exp: fractional bits of a message. state_exp: further fractional bits of the state.
        message_bits: width of what it sends, two's complement, 1..32.
    """

    receives: Traffic
    sends: Traffic
    activation: Literal["relu", "none"]
    threshold: Array
    bias: Array
    spike_exp: int = 0
    state_exp: int = 0
    message_bits: int = 16


@dataclass(frozen=True, slots=True)
class RoundedReLU:
    """ReLU rounded to 8 bits, float form; no state.

        s[t] = clip(floor(I[t] / step + zero + 1/2), 0, largest)

    With a `zero` above 0 it is no ReLU: s[t] = zero stands for a current of 0, and what is less
    for negative ones.

    Attributes:
        step: of the rounding, scalar, `(C,)` or full shape, in units of the input current.
        zero: see above. largest: at most 255.
    """

    step: Array
    zero: int = field(default=0, metadata=OMITTED)
    largest: int = field(default=255, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class ReLU8:
    """The integer definition of `RoundedReLU`: the neuron of a quantised ANN.

    With a the accumulated integer input of the timestep (`>>` arithmetic, 64-bit product):

        y[t] = clip(((a + bias) * multiplier + 2^(shift - 1)) >> shift, 0, largest)

    y is sent as a graded spike; 0 sends nothing. So an ANN is a network with T = 1.

    Attributes:
        bias: int32, scalar, `(C,)` or full shape, in units of a.
        multiplier: int32 >= 0, likewise; multiplier / 2^shift is the step of a over that of y.
        shift: 1..31.
        largest: at most 255.
    """

    bias: Array
    multiplier: Array
    shift: int
    largest: int = field(default=255, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class NILIF:
    """Normalised integer leaky integrate-and-fire neuron of SpikeTrack, float form.

        U[0] = I[0];  U[s] = keep_s (U[s-1] - S[s-1]) + I[s]
        n[s] = round(clip(U[s], 0, levels)), half to even;  S[s] = n[s] / levels

    The reset takes away n / levels, not n. The steps s are the timesteps of the network, or, with
    `stacked` > 1, so many groups of channels of one timestep. One step has no state.

    Source: SpikeTrack (arXiv 2602.23963) and its published code.

    Attributes:
        keep: keep_1, keep_2 ...: `(steps - 1,)`, or `(steps - 1, C)` for the C channels of a step.
        levels: D, the most spikes of one step.
        stacked: see above.
    """

    keep: Array
    levels: int = 4
    stacked: int = 1


@dataclass(frozen=True, slots=True)
class IntegerNILIF:
    """The integer definition of `NILIF`; it sends n, a graded spike.

    With a the accumulated integer input of a step, and a current of 1 as the integer `one`:

        U[0] = a[0] + bias
        U[s] = ((keep_s (levels U[s-1] - n[s-1] one)) // (4096 levels)) + a[s] + bias
        n[s] = round(clip(U[s] / one, 0, levels)), exactly, half to even

    so n is the number of levels that U reaches: of (k - 1/2) one, k = 1 ... levels, of which odd k
    want strictly more. The bias comes once per step, however many spikes arrive. `//` rounds down.

    Attributes:
        bias: int32, scalar, `(C,)` or full shape. one: int32 > 0, scalar or `(C,)`.
        keep: int32 in 1/4096, shapes as in `NILIF`. levels, stacked: likewise.
    """

    bias: Array
    one: Array
    keep: Array
    levels: int = 4
    stacked: int = 1


PAYLOAD_MAX = 255
"""Trains of unsigned spikes are kept as bytes; those of wider or signed edges as int32."""

NeuronModel = (
    IF | LIF | CubaLIF | IntegerNeuron | SigmaDelta | RoundedReLU | ReLU8 | NILIF | IntegerNILIF
)
