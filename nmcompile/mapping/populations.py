"""A network as populations, the projections between them, and their timing.

Convention of time: ticks and timesteps count from 1, and for every population p

    mapped[p][t + d_p] = golden[p][t],   t = 1..T

with d_p the number of populations on the longest path before p (0 for the first one, -1 for
the input: what the host injects at tick t - 1 arrives at tick t). A spike takes one tick to the
next core plus the axon delay d_p - 1 - d_source of its projection, which balances all paths, plus
the delays that the network itself asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron, ReLU8, SigmaDelta
from nmcompile.mapping.window import Window

Shape3 = tuple[int, int, int]
Kind = Literal["neuron", "pool_running_max", "pool_gate", "pool_or", "sigma_delta", "relu8"]
InputMode = Literal["impulse", "constant", "spikes", "coded", "bias"]
"""How the input enters: "bias" writes it into neurons before the frame, the others inject it."""
ReadOut = Literal["train", "counts", "membranes", "each_membrane"]
"""What the host takes from the output population: its spikes, their number, or its membranes,
whose channels it adds or leaves apart ("each_membrane")."""
COUNTING_POOLS: tuple[Kind, ...] = ("pool_running_max", "pool_gate")
"""Pooling neurons that count the spikes of every input."""
INPUT_DEPTH = -1


_ZERO = Array(np.int32(0))
NEVER_FIRES = IntegerNeuron(
    model="IF",
    u_keep=0,
    v_keep=KEEP_ONE,
    state_shift=0,
    state_bits=0,
    bias=_ZERO,
    fire_above=Array(np.int32(np.iinfo(np.int32).max)),
    reset="zero",
    reset_by=_ZERO,
    v_init=_ZERO,
)
"""v[t] = v[t-1] + I[t]; passes have proven that no sum leaves the target's membrane."""


@dataclass(frozen=True)
class Projection:
    """The synapses from one source to one population, as a grouped convolution.

    Attributes:
        node: name of the linear operator (of the pooling node itself for pools).
        layer: the user's name of it.
        source: the population (or input) that spikes.
        source_shape: its `(C, H, W)`.
        weight: `(C_out, C_in / groups, K_y, K_x)` integers.
        groups: channel groups.
        y: geometry along y. x: geometry along x.
        port: index into the population's `port_shifts`.
        delay: axon delay in ticks: what balances the paths, and `lag`.
        lag: the network's own delay.
        elements: where the host writes the weights at run time, the number of the slot's element
            that belongs to each of them, from 1 and with its sign; shaped as `weight`.
        word: which of the words of an element these synapses hold.
        planes: where a synapse holds one bit of an element, the bits; output channel o of a group
            then has bit (o // channels_in) % planes. 0 elsewhere.
        first: first channel read in every group of the source, which may have more than
            `channels_in` of them.
    """

    node: str
    layer: str
    source: str
    source_shape: Shape3
    weight: Array
    groups: int
    y: Window
    x: Window
    port: int = 0
    delay: int = 0
    lag: int = 0
    elements: Array | None = None
    word: int = 0
    planes: int = 0
    first: int = 0

    @property
    def channels_in(self) -> int:
        """Input channels per group."""
        return self.weight.shape[1]

    @property
    def pitch(self) -> int:
        """Channels of the source from one group to the next."""
        return self.source_shape[0] // self.groups

    @property
    def channels_out(self) -> int:
        """Output channels per group."""
        return self.weight.shape[0] // self.groups


@dataclass(frozen=True)
class Population:
    """The neurons of one layer.

    Attributes:
        name: node name in the network.
        layer: the user's name of the layer whose synapses feed it.
        kind: what its neurons compute.
        shape: `(C, H, W)`; a vector of N is `(N, 1, 1)`.
        golden_shape: the shape in the network.
        depth: d_p of the module's convention.
        projections: in network order.
        port_shifts: right shift of every port's sum before the ports are added.
        input_shift: right shift of the whole sum.
        model: parameters of a "neuron" population. delta: of a "sigma_delta" population.
        activation: of a "relu8" population.
        bits, signed: range of its spikes.
        wide_sums: whether what arrives may add up to more than 32 bits.
        pixels: whether the host writes the input into the biases, shifted right by `input_shift`;
            such a population has no projections.
    """

    name: str
    layer: str
    kind: Kind
    shape: Shape3
    golden_shape: tuple[int, ...]
    depth: int
    projections: tuple[Projection, ...]
    port_shifts: tuple[int, ...] = (0,)
    input_shift: int = 0
    model: IntegerNeuron | None = None
    delta: SigmaDelta | None = None
    activation: ReLU8 | None = None
    bits: int = 1
    signed: bool = False
    wide_sums: bool = False
    pixels: bool = False

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Stimulus:
    """The network's input: `mode` says when the host injects it, `encode` how it codes spikes.

    `bits` and `signed` are the range of what the host sends.
    """

    name: str
    shape: Shape3
    golden_shape: tuple[int, ...]
    mode: InputMode
    encode: ops.Encode | None = None
    bits: int = 1
    signed: bool = False


@dataclass(frozen=True)
class Stages:
    """A network as populations.

    Attributes:
        network: its name. timesteps: T.
        input: what the host injects.
        populations: in network order.
        output: name of the population that is read out.
        readout: what the host takes from it.
        signed_pairs: whether the read-out subtracts channel 2c + 1 from channel 2c.
        slot: the slot whose contents the host writes into synapses, "" for none.
        slot_shape: `(C, h, w)`, or `(T, C, h, w)` of a bank.
        slot_largest: magnitude that one of its words holds, 0 for any.
    """

    network: str
    timesteps: int
    input: Stimulus
    populations: tuple[Population, ...]
    output: str
    readout: ReadOut
    signed_pairs: bool
    slot: str = ""
    slot_shape: tuple[int, ...] = ()
    slot_largest: int = 0

    @property
    def ticks(self) -> int:
        """Ticks of one inference: T plus the pipeline depth.

        Delays of the network let them grow, so that no spike is still on its way to a core when
        the next inference begins.
        """
        last = (p.depth + max((i.lag for i in p.projections), default=0) for p in self.populations)
        return self.timesteps + max(last)
