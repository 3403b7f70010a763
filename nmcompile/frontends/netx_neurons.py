"""Neurons of a `.net` file as integer populations, with the meaning that lava-dl's loader gives.

CUBA and LOIHI are Lava's LIF: current decay iDecay - 1 (to which the chip adds 1), membrane decay
vDecay, threshold vThMant and biases in units of 64. SDNN is Delta in the input layer, Sigma where
the file has `sigma_output`, else SigmaDelta, with 6 fractional bits in messages and 6 more in the
state. Other fields (refDelay, wgtExp, gradedSpike ...) mean nothing to the loader.

Source: lava-dl 0.6.0 netx/hdf5.py `Network.get_neuron_params`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends.netx_file import NetGroup
from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron, SigmaDelta

Int = npt.NDArray[np.int64]

LIF_TYPES: Final = ("CUBA", "LOIHI")
SIGMA_DELTA: Final = "SDNN"
STATE_SHIFT: Final = 6
STATE_BITS: Final = 24
THRESHOLD_MAX: Final = 2**17
"""Inclusive: the loader's default integrator has it, and never fires."""
BIAS_BITS: Final = 13
SPIKE_EXP: Final = 6
STATE_EXP: Final = 6
MESSAGE_BITS: Final = 16
SUM_BITS: Final = 24
"""Width of what Lava's Sigma sends."""
NEUTRAL: Final = {"refDelay": (0, 1), "wgtExp": (0,), "gradedSpike": (0,)}
"""Fields that the loader passes over, and the values with which that changes nothing."""

INTEGRATOR: Final = NetGroup(
    "the loader's default neuron",
    {"iDecay": np.array(0), "vDecay": np.array(4096), "vThMant": np.array(THRESHOLD_MAX)},
    {"type": "CUBA"},
)
"""What a dense layer without neurons gets."""


def kind_of(neuron: NetGroup) -> str:
    """The neuron's type, one that can be compiled.

    Raises:
        NmError: NM0140 when there is none, NM0142 when it is another one.
    """
    kind = neuron.words.get("type", "nothing")
    if kind not in (*LIF_TYPES, SIGMA_DELTA):
        known = ", ".join((*LIF_TYPES, SIGMA_DELTA))
        raise _refused("its model", neuron.where, kind, known)
    activation = neuron.words.get("activation", "relu")
    if kind == SIGMA_DELTA and activation != "relu":
        raise _refused("its activation", f"{neuron.where}/activation", activation, "relu")
    return kind


def passed_over(neuron: NetGroup) -> tuple[str, ...]:
    """Fields that would change the neuron if the loader read them."""
    return tuple(
        f"{name} = {neuron.numbers[name].reshape(-1)[0]:g}"
        for name, neutral in NEUTRAL.items()
        if name in neuron.numbers
        and neuron.numbers[name].size == 1
        and neuron.numbers[name].reshape(-1)[0] not in neutral
    )


def message_bits(neuron: NetGroup) -> int:
    """Width of the neuron's messages; 1 where spikes are binary."""
    if kind_of(neuron) in LIF_TYPES:
        return 1
    if "messageBits" not in neuron:
        return MESSAGE_BITS
    return _within(neuron, "messageBits", SPIKE_EXP + 2, SUM_BITS)


def spiking(neuron: NetGroup, bias: Int, exponent: int, *, driven: bool = False) -> IntegerNeuron:
    """CUBA or LOIHI.

    Args:
        neuron: the file's group.
        bias: scalar, `(C,)` or full shape, before the shift by 6.
        exponent: further bits of left shift of the input.
        driven: whether the input stands for a bias (input layer): then it never stays in u.

    Raises:
        NmError: NM0140 for a missing field, NM0142 for a value out of range.
    """
    u_keep = KEEP_ONE - _within(neuron, "iDecay", 0, KEEP_ONE)
    v_keep = KEEP_ONE - _within(neuron, "vDecay", 0, KEEP_ONE)
    threshold = _within(neuron, "vThMant", 0, THRESHOLD_MAX)
    largest = 2 ** (BIAS_BITS - 1)
    _bounded(bias, largest, neuron)
    zero = Array(np.zeros((), np.int32))
    return IntegerNeuron(
        model="LIF" if driven or u_keep == 0 else "CubaLIF",
        u_keep=0 if driven else u_keep,
        v_keep=v_keep,
        state_shift=STATE_SHIFT + exponent,
        state_bits=STATE_BITS,
        bias=_in_state_units(bias, STATE_SHIFT),
        fire_above=Array(np.array(threshold << STATE_SHIFT, np.int32)),
        reset="zero",
        reset_by=zero,
        v_init=zero,
    )


def sigma_delta(neuron: NetGroup, bias: Int | None, *, entry: bool) -> SigmaDelta:
    """SDNN.

    Args:
        neuron: the file's group.
        bias: scalar, `(C,)` or full shape, whole numbers; None where the layer has none.
        entry: whether it is the neuron of an input layer, which receives values.

    Raises:
        NmError: NM0140 for a missing field, NM0142 for a value out of range.
    """
    zero = Array(np.zeros((), np.int32))
    if "sigma_output" in neuron and not entry:
        if bias is not None:
            raise _refused("its bias", neuron.where, "a bias", "a sum without one (sigma_output)")
        return SigmaDelta("changes", "values", "none", zero, zero, message_bits=SUM_BITS)
    exponent = SPIKE_EXP + STATE_EXP
    threshold = _within(neuron, "vThMant", 0, (2**31 - 1) >> exponent)
    values = np.zeros((), np.int64) if bias is None else bias
    _bounded(values, (2**31 - 1) >> exponent, neuron)
    return SigmaDelta(
        receives="values" if entry else "changes",
        sends="changes",
        activation="none" if entry else "relu",
        threshold=Array(np.array(threshold << exponent, np.int32)),
        bias=_in_state_units(values, exponent),
        spike_exp=SPIKE_EXP,
        state_exp=STATE_EXP,
        message_bits=message_bits(neuron),
    )


def _in_state_units(bias: Int, shift: int) -> Array:
    """A scalar where there is no bias anywhere: one way to say it."""
    return Array((bias << shift if bias.any() else np.zeros((), np.int64)).astype(np.int32))


def _within(neuron: NetGroup, name: str, low: int, high: int) -> int:
    value = neuron.whole(name)
    if not low <= value <= high:
        raise _refused(f"its {name}", f"{neuron.where}/{name}", str(value), f"{low}..{high}")
    return value


def _bounded(bias: Int, largest: int, neuron: NetGroup) -> None:
    if bias.size and (bias.min() < -largest or bias.max() >= largest):
        found = f"{bias.min()}..{bias.max()}"
        raise _refused("its bias", neuron.where, found, f"{-largest}..{largest - 1}")


def _refused(what: str, where: str, found: str, limit: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0142",
            message=f"this neuron of the lava-dl network cannot be compiled: {what}",
            where=where,
            limit=limit,
            found=found,
        )
    )
