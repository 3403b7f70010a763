"""What an emitted Lava network consists of; shapes in Lava's (W, H, C) order."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nmcompile.backends.loihi.lava.coding import Coding
from nmcompile.ir import ops
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta

Shape = tuple[int, ...]
Stock = Literal["", "LIFReset", "SigmaDelta", "Delta", "Sigma"]
"""The stock process that computes a population exactly, "" for none."""

HIDDEN_MODULES = sys.stdlib_module_names | {"lava", "networkx", "nmcompile", "numpy", "scipy"}
"""Modules that Lava needs while the package's parent folder comes first on the path."""


@dataclass(frozen=True)
class SynapseSpec:
    """One synapse process in front of a population; shapes and pairs in Lava's (W, H, C) order.

    Attributes:
        kind: which stock process; "direct" is our own, one synapse of weight one to each neuron.
        node: the golden node. label: the user's name of it.
        source: identifier of the layer it reads, "inp" for the network's input.
        flatten: whether an image is read as a vector in (C, H, W) order.
        weight: golden layout, int8; of a template int32 numbers of the slot's elements, from 1
            and with their sign.
        in_shape: shape of the input port.
        stride, padding, dilation: (x, y). groups: channel groups.
        message_bits: width of a graded spike, 0 for binary ones.
        port: number of the partial sum that it adds to.
        wait: ticks that its spikes are held back; None where it takes them as they come.
        source_delay: ticks that its source is behind the input.
        delays: of kind "delay_dense", further ticks of every weight.
        word: of a template, which word of the elements this is; None for fixed weights.
    """

    kind: Literal["conv", "dense", "sparse", "delay_dense", "direct"]
    node: str
    label: str
    source: str
    flatten: bool
    weight: npt.NDArray[np.signedinteger[Any]]
    in_shape: Shape
    stride: ops.Pair = (1, 1)
    padding: ops.Pair = (0, 0)
    dilation: ops.Pair = (1, 1)
    groups: int = 1
    message_bits: int = 0
    port: int = 0
    wait: int | None = None
    source_delay: int = 0
    delays: npt.NDArray[np.int64] | None = None
    word: int | None = None

    @property
    def process(self) -> str:
        """Name of the stock process class."""
        return {"delay_dense": "DelayDense"}.get(self.kind, self.kind.capitalize())

    @property
    def kernel_shape(self) -> Shape:
        """Shape of a convolution's weights in Lava's order."""
        out, channels, height, width = self.weight.shape
        return out, width, height, channels


@dataclass(frozen=True)
class LayerSpec:
    """One population with everything in front of it.

    Attributes:
        name: Python identifier. population: the golden node. label: the user's name.
        delay: ticks behind the input (d_p).
        shape: of the output, Lava's order.
        wide: whether what it sends needs more than a byte.
        synapses: their sum is the input; empty for pooling.
        port_shifts: right shift of every partial sum. shift: right shift of the whole sum.
        neuron: the population's model; None for pooling and for a sum of a match.
        stock: which stock process runs it. bias_exp: exponent of a stock LIFReset's bias.
        gain: left shift of its input, the exponent of its matrices.
        pool: the pooling operator. source, in_shape: what it reads. wait: ticks held back.
    """

    name: str
    population: str
    label: str
    delay: int
    shape: Shape
    wide: bool = False
    synapses: tuple[SynapseSpec, ...] = ()
    port_shifts: tuple[int, ...] = (0,)
    shift: int = 0
    neuron: IntegerNeuron | SigmaDelta | None = None
    stock: Stock = ""
    bias_exp: int = 0
    gain: int = 0
    pool: ops.SpikeMaxPool2d | None = None
    source: str = ""
    in_shape: Shape = ()
    wait: int = 0

    @property
    def words(self) -> tuple[tuple[int, SynapseSpec], ...]:
        """The synapse processes that hold words of a template, with their numbers."""
        return tuple((i, s) for i, s in enumerate(self.synapses) if s.word is not None)

    @property
    def has_waits(self) -> bool:
        """Whether the spikes into one of its synapses are held back."""
        return any(s.wait is not None for s in self.synapses)

    @property
    def ports(self) -> tuple[int, ...]:
        """For every synapse process the partial sum that it adds to."""
        return tuple(s.port for s in self.synapses)

    @property
    def dense_shift(self) -> int:
        """The right shift that goes into the weight exponent of its matrices, if it can."""
        if self.gain:
            return -self.gain
        lone = len(self.synapses) == 1 and self.synapses[0].kind in ("dense", "sparse")
        return self.shift if lone else 0

    @property
    def process(self) -> str:
        """Name of the process class of its neurons."""
        if self.pool:
            return "SpikeMaxPool"
        own = "WindowedSigmaDelta" if isinstance(self.neuron, SigmaDelta) else "FixedPointNeuron"
        return self.stock or own


@dataclass(frozen=True)
class TemplateSpec:
    """What the host writes into synapses at run time.

    Attributes:
        slot: name of the program's slot. shape: of its contents.
        largest: magnitude that one word holds, 0 for any.
    """

    slot: str
    shape: Shape
    largest: int


@dataclass(frozen=True)
class LavaPlan:
    """A whole network.

    Attributes:
        name: Python identifier. title: the network's own name.
        timesteps: T. frame_ticks: T, the pipeline and the longest delay.
        input_shape: golden order. input_bits: width of its elements. input_signed: their sign.
        static_input: one image per frame instead of a train. repeat_input: sent at every tick.
        coding: how the host turns the image into spikes.
        layers: in order. output: identifier of the layer that is the output.
        decoded: whether the host counts the output spikes.
        noisy: whether a stock neuron may send before the first timestep of its first frame.
        template: what the host writes at run time.
        unproved: layers with a convolution whose sums are not proved to fit Lava's 24 bits.
    """

    name: str
    title: str
    timesteps: int
    frame_ticks: int
    input_shape: Shape
    input_bits: int
    input_signed: bool
    static_input: bool
    repeat_input: bool
    coding: Coding | None
    layers: tuple[LayerSpec, ...]
    output: str
    decoded: bool
    noisy: bool
    template: TemplateSpec | None
    unproved: tuple[str, ...]

    def layer(self, name: str) -> LayerSpec:
        """The layer with this identifier."""
        return next(layer for layer in self.layers if layer.name == name)

    @property
    def host_works(self) -> bool:
        """Whether the host has to write states or weights while the network runs."""
        stock = {layer.stock for layer in self.layers}
        return self.template is not None or bool(stock & {"SigmaDelta", "Delta", "Sigma"})


def identifier(name: str) -> str:
    """A Python identifier that resembles `name`."""
    text = re.sub(r"\W", "_", name).strip("_").lower() or "network"
    return f"n_{text}" if text[0].isdigit() or keyword.iskeyword(text) else text


def package_name(network: str) -> str:
    """Name of the package of a network; one that would hide another module gets a suffix."""
    name = identifier(network)
    return f"{name}_network" if name in HIDDEN_MODULES else name


def lava_shape(shape: Shape) -> Shape:
    """`(C, H, W)` -> `(W, H, C)`; vectors stay."""
    return tuple(reversed(shape))
