"""Operators of networks whose shortcuts add membrane values, and of their attention.

x is the input of a timestep, y the output. A memory `(heads, K, V)` is what keys and values of a
map make of each other; networks hand it on through slots.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from nmcompile.ir.arrays import Array
from nmcompile.ir.omitted import OMITTED

NO_SHIFT: Final = Array(np.int32(0))
EXP_FRACTION: Final = 256
"""Steps per unit of a gate's integer score."""


@dataclass(frozen=True, slots=True)
class Offset:
    """y = x + value: learned positions, or the bias of a layer that ends in a shortcut.

    On integers first y = x 2^shift; a negative shift rounds, halves upwards:
    floor(x / 2^-shift + 1/2).

    Attributes:
        value: `(C,)` or `(C, H, W)`, or `(T, C, H, W)` with one map for every timestep.
        shift: of integers, scalar or `(C,)`.
        bits: width of y, sign included, which the interpreter checks; 0 for real numbers.
    """

    value: Array
    shift: Array = field(default=NO_SHIFT, metadata=OMITTED)
    bits: int = field(default=0, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class Repeat:
    """y[t C + c] = x[c], t = 0 ... times - 1: one map for several steps of a memory."""

    times: int


@dataclass(frozen=True, slots=True)
class Bilinear:
    """x enlarged by a whole factor f: bilinear, borders repeated (torch's align_corners = False).

    Place i of y lies at (i + 1/2) / f - 1/2 of x, so that all weights are multiples of 1 / (2 f)^2.

    Attributes:
        factor: f.
        scaled: y is (2 f)^2 times that, and integers stay integers.
    """

    factor: int
    scaled: bool = False

    @property
    def denominator(self) -> int:
        """(2 f)^2, of all weights."""
        return (2 * self.factor) ** 2


@dataclass(frozen=True, slots=True)
class KeyValue:
    """The memory of keys k (input 0, `(h K, H, W)`) and values v (input 1, `(h V, H, W)`).

        y[g, i, j] = sum over the places p of k[g K + i, p] v[g V + j, p]

    A product of two activities: of spikes that come in several micro-steps one side has to be
    counted first.

    Attributes:
        heads: h.
    """

    heads: int


@dataclass(frozen=True, slots=True)
class Query:
    """What queries q (input 0, `(h K, H, W)`) find in a memory m (input 1, `(h, K, V)`).

        y[g V + j, p] = sum over i of q[g K + i, p] m[g, i, j]

    Several steps of a memory are so many heads more.

    Attributes:
        heads: h.
    """

    heads: int


@dataclass(frozen=True, slots=True)
class Narrow:
    """A memory of integers as the weights of synapses hold it.

        y = min(round(x multiplier / 2^shift), largest), half to even

    Attributes:
        multiplier: > 0. shift: >= 0. largest: of y; x is never negative.
    """

    multiplier: int
    shift: int
    largest: int


@dataclass(frozen=True, slots=True)
class Store:
    """y = x, which the program slot `slot` keeps: all timesteps along the first axis, `(T C, ...)`.

    A network writes as many slots as it has of these; see `Slot` for the reader.
    """

    slot: str


@dataclass(frozen=True, slots=True)
class ChannelGate:
    """One weight for every step and channel, from all places of its map.

        h = NILIF of (reduce x[s, c] + reduce_bias), over the steps s
        g = score h + score_bias;  y[c] = sum over s of softmax over s (g[s, c]) x[s, c]

    x has `steps` groups of channels; h are spikes n / levels of
    `nmcompile.ir.neurons.NILIF`. With `one` > 0 all of it is integer: x are counts n, the neurons
    are `IntegerNILIF`s with this `one`, g has `score_one` integers per unit, and, with
    e[d] = `exponentials` of d / 256 below the largest g,

        y[c] = (sum over s of e[s] n[s, c] 2^12) // (sum over s of e[s])

    Attributes:
        reduce: `(N / 2, N)`, of N places. reduce_bias: `(N / 2,)`.
        score: `(N / 2,)`. score_bias: scalar.
        keep: of the neurons, see `NILIF` or `IntegerNILIF`.
        steps: of the memory. levels: of the neurons.
        one, score_one, exponentials: see above.
    """

    reduce: Array
    reduce_bias: Array
    score: Array
    score_bias: Array
    keep: Array
    steps: int
    levels: int = 4
    one: int = 0
    score_one: int = 0
    exponentials: Array = NO_SHIFT


GATE_ONE: Final = 1 << 12
"""What the integer form of `ChannelGate` multiplies its mean by."""

MembraneOp = Offset | Repeat | Bilinear | KeyValue | Query | Narrow | Store | ChannelGate
