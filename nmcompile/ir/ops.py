"""The operators of a network. Frozen; the docstring is the definition.

x is the input of a timestep, y the output, `(C, H, W)` unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import MembraneOp
from nmcompile.ir.neurons import NeuronModel
from nmcompile.ir.omitted import OMITTED
from nmcompile.ir.types import EdgeKind

Pair = tuple[int, int]
EncodeMode = Literal["constant", "impulse", "rate", "phase", "burst"]
PoolRule = Literal["running_max", "gate", "or"]
ZERO: Final = Array(np.int32(0))


@dataclass(frozen=True, slots=True)
class Input:
    """The network's input: `values` are one static image per frame, `spikes` a train `(T, ...)`.

    Spikes may be wide and signed: so does a video enter, one of its frames at every timestep.

    Attributes:
        kind: what arrives.
        shape: `(C, H, W)` or `(N,)`.
        bits: width of an element, 0 for real numbers.
        signed: whether elements may be negative.
    """

    kind: EdgeKind
    shape: tuple[int, ...]
    bits: int = 0
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """y = x: marks what leaves the network."""


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Cross-correlation (torch convention, kernel not flipped), zero padding.

        y[o, i, j] = bias[o] + sum_{c, a, b} weight[o, c, a, b] x[c', i s_y + a d_y - p_y, ...]

    Attributes:
        weight: `(C_out, C_in / groups, K_y, K_x)`.
        bias: `(C_out,)`; added once per timestep.
        stride: (y, x). padding: (y, x). dilation: (y, x). groups: channel groups.
    """

    weight: Array
    bias: Array
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Linear:
    """y = weight x + bias, x of shape `(N,)`.

    Attributes:
        weight: `(N_out, N_in)`.
        bias: `(N_out,)`; added once per timestep.
    """

    weight: Array
    bias: Array


@dataclass(frozen=True, slots=True)
class BatchNorm2d:
    """y = (x - mean) / sqrt(variance + eps) * weight + bias, per channel."""

    weight: Array
    bias: Array
    mean: Array
    variance: Array
    eps: float


@dataclass(frozen=True, slots=True)
class AvgPool2d:
    """Mean over `kernel` windows at `stride`, zero padding counted in the mean."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True, slots=True)
class SumPool2d:
    """Sum over `kernel` windows at `stride`."""

    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    """Maximum over `kernel` windows at `stride`; `ceil` keeps partial windows at the end."""

    kernel: Pair
    stride: Pair
    ceil: bool = False


@dataclass(frozen=True, slots=True)
class SpikeMaxPool2d:
    """Max pooling of spike trains, zero padding none.

    n_i[t] is the sum of what input i spiked up to t, timestep t included.

    "running_max": y[t] = the rise of max_i n_i over the window, so that y's sum equals the
    window's largest sum at every t; of binary spikes it is a spike exactly when the maximum
    rises. "gate": y[t] = the spike of argmax_i n_i[t], the first one in (y, x) order where several
    are largest (Rueckauer et al. 2017, section 2.2.6). "or": y[t] = the largest spike in the window
    (over-counts when windows hold several active inputs).
    """

    kernel: Pair
    stride: Pair
    ceil: bool = False
    rule: PoolRule = "running_max"


@dataclass(frozen=True, slots=True)
class Neuron:
    """A population of spiking neurons; see `nmcompile.ir.neurons` for the equations."""

    model: NeuronModel


@dataclass(frozen=True, slots=True)
class Activation:
    """y = max(x, 0) for kind "relu"."""

    kind: Literal["relu"] = "relu"


@dataclass(frozen=True, slots=True)
class Add:
    """y = sum of the inputs, all of one shape.

    Attributes:
        bits: of a sum of integers, sign included, which the interpreter checks; 0 for as many as
            it may need.
    """

    bits: int = field(default=0, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class Scale:
    """y = factor * x + offset (real), applied on the host or folded by a pass."""

    factor: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Shift:
    """y = x >> bits, arithmetic (floor), after the whole sum; Loihi's negative weight exponent."""

    bits: int


@dataclass(frozen=True, slots=True)
class Flatten:
    """y of shape `(C*H*W,)` in (C, H, W) order."""


@dataclass(frozen=True, slots=True)
class Crop:
    """y[c, i, j] = x[c, top + i, left + j], of extent `height` x `width`: a part of a map."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Channels:
    """y[g count + c, i, j] = x[g C / groups + first + c, i, j]: some channels of every group.

    A vector of N is a map of N channels and one position.

    Attributes:
        first: of the channels taken. count: how many.
        groups: into which the C channels of x divide.
    """

    first: int
    count: int
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Delay:
    """y[t] = x[t - ticks] of a spike train, nothing before: the delay of an axon.

    A linear layer with a matrix of delays is a sum of linear layers behind several delays.
    """

    ticks: int


@dataclass(frozen=True, slots=True)
class Slot:
    """y = the contents of a program slot, written by another network (the template z).

    Attributes:
        slot: name of the program slot.
        shape: `(C, h, w)` of its contents, or `(T, C, h, w)` of a bank with one template for
            every timestep (`Store` puts the timesteps of a network along the first of three axes).
        bits: width of an element, 0 for real numbers.
        signed: whether elements may be negative.
    """

    slot: str
    shape: tuple[int, ...]
    bits: int = 0
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Correlate:
    """Valid cross-correlation of input 0 (x) with input 1 (the template z), over all channels.

        y[0, i, j] = sum_{c, a, b} z[c, a, b] x[c, i + a, j + b]

    With `signed_pairs`, x[2c] - x[2c + 1] stands in the place of x[c]. Of a bank, timestep t uses
    z[t]. On spike counts this is potential matching (PSM, SiamSNN eq. 6) up to the factor 1/(2T);
    on spikes, summed over time (`Accumulate`), it is any of PSM, TSM and HSM: the bank decides
    (`nmcompile.matching.bank`). With `groups`, y has one map for each group of consecutive channels
    of z: partial sums, which `Accumulate` adds, or with a group for every channel the depthwise
    correlation (SiamFC++).

    Attributes:
        signed_pairs: see above.
        words: synapses that hold one element of z; an element beyond `largest` needs several.
        largest: magnitude that one synapse can hold, 0 for any.
        groups: see above.
        zero: of x, the number that stands for 0: x - zero stands in the place of x.
    """

    signed_pairs: bool = False
    words: int = 1
    largest: int = 0
    groups: int = 1
    zero: int = field(default=0, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class TemplateTaps:
    """Depthwise taps of the template z (input 1): a map for every channel and bit of its elements.

        y[c P + p, i, j] = sum_{a, b} bit_p(z[c, a, b]) x[c, i + a, j + b],  p = 0 ... P - 1

    x are spikes, z is not negative; sum_{c, p} 2^p y[c P + p] is the correlation. With
    `signed_pairs`, x[2c] - x[2c + 1] stands in the place of x[c], z may be negative, and every bit
    has two rails, of which the second one counts negative. With z+ = max(z, 0), z- = max(-z, 0):

        y[2 (c P + p)]     = sum of bit_p(z+) x[2c] + bit_p(z-) x[2c + 1]
        y[2 (c P + p) + 1] = sum of bit_p(z-) x[2c] + bit_p(z+) x[2c + 1]

    No sum is negative: neurons behind them send their spikes and never have to take one back.

    Attributes:
        planes: P, bits of the magnitude of an element.
        signed_pairs: see above.
    """

    planes: int
    signed_pairs: bool = False

    @property
    def rails(self) -> int:
        """Maps of one bit of a channel; also the lines on which a channel of x comes."""
        return 2 if self.signed_pairs else 1


@dataclass(frozen=True, slots=True)
class Accumulate:
    """y[t] = y[t-1] + the sum of x[c, t] over the channels c; y[0] = start.

    A neuron that never fires for every element of x; the host reads their membranes after the
    frame and adds the channels. With `apart` nothing is added: y has the shape of x.

    Attributes:
        apart: see above.
        start: scalar, `(C,)` or full shape of x: membranes at the start of every frame.
    """

    apart: bool = field(default=False, metadata=OMITTED)
    start: Array = field(default=ZERO, metadata=OMITTED)


@dataclass(frozen=True, slots=True)
class TemplateBank:
    """y[t] = sum over m of M[t, m] x[m]: an exemplar's spikes, filtered over time, `(T, C, h, w)`.

    With `signed_pairs`, x[2c] - x[2c + 1] stands in the place of x[c]. M is
    `nmcompile.matching.bank.TimeWeights.matrix`: SiamSNN eqs. 8 and 9 made integer.

    Attributes:
        timesteps: T.
        potential: lambda_v of eq. 9. temporal: lambda_t. period: tau of eq. 8, timesteps.
    """

    timesteps: int
    potential: int
    temporal: int
    period: int
    signed_pairs: bool = False


@dataclass(frozen=True, slots=True)
class Encode:
    """Input coding: how a static image x drives the first layer.

    "constant": the image is applied at every timestep (T transductions).
    "impulse": the image is applied at t = 1 only; the population behind it holds its current.
    The other modes turn unsigned integers into spikes, the host's work; with p[t] from `payloads`
    as in `nmcompile.ir.neurons` (advance "burst" for mode "burst"), v[0] = `start`:

        v[t] = v[t-1] + x;  y[t] = p[t] where p[t] > 0 and v[t] >= p[t] * threshold, else 0
        v[t] -= threshold * y[t]

    except that in mode "phase" v[t] = x at the first timestep of every period and nothing is added
    in between: with payloads 2^(K-1) ... 1 and threshold 1 y is the K-bit x, highest bit first.
    """

    mode: EncodeMode = "constant"
    payloads: tuple[int, ...] = (1,)
    threshold: int = 1
    start: int = 0

    @property
    def spikes(self) -> bool:
        """Whether spikes come out, rather than the image itself."""
        return self.mode not in ("constant", "impulse")


@dataclass(frozen=True, slots=True)
class Decode:
    """y = sum over t of x[t]; with `signed_pairs` y[c] = sum over t of x[2c, t] - x[2c + 1, t].

    The host's read-out of a spike train: `(C, H, W)` counts in 0..T, or `(C/2, H, W)` in -T..T.
    """

    signed_pairs: bool = False


Op = (
    Input
    | Output
    | Conv2d
    | Linear
    | BatchNorm2d
    | AvgPool2d
    | SumPool2d
    | MaxPool2d
    | SpikeMaxPool2d
    | Neuron
    | Activation
    | Add
    | Scale
    | Shift
    | Flatten
    | Crop
    | Channels
    | Delay
    | Slot
    | Correlate
    | TemplateTaps
    | Accumulate
    | TemplateBank
    | Encode
    | Decode
    | MembraneOp
)

LINEAR_OPS = (Conv2d, Linear, AvgPool2d, SumPool2d)
"""Operators that are linear in x and therefore map to synapses."""
