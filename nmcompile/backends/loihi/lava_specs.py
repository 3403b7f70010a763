"""What an emitted Lava network consists of; shapes in Lava's (W, H, C) order."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.neurons import IntegerNeuron

Shape = tuple[int, ...]

HIDDEN_MODULES = sys.stdlib_module_names | {"lava", "networkx", "nmcompile", "numpy", "scipy"}
"""Modules that Lava needs while the package's parent folder comes first on the path."""


@dataclass(frozen=True)
class SynapseSpec:
    """One synapse process in front of a population; shapes and pairs in Lava's (W, H, C) order.

    Attributes:
        kind: which stock process.
        node: the golden node. label: the user's name of it.
        source: identifier of the layer it reads, "inp" for the network's input.
        flatten: whether an image is read as a vector in (C, H, W) order.
        weight: golden layout, int8.
        in_shape: shape of the input port.
        stride, padding, dilation: (x, y). groups: channel groups.
        message_bits: width of a graded spike, 0 for binary ones.
        shift: right shift of this branch before the sum, where several are added.
        wait: ticks that its spikes are held back, so that all branches are in step.
    """

    kind: Literal["conv", "dense"]
    node: str
    label: str
    source: str
    flatten: bool
    weight: npt.NDArray[np.int8]
    in_shape: Shape
    stride: ops.Pair = (1, 1)
    padding: ops.Pair = (0, 0)
    dilation: ops.Pair = (1, 1)
    groups: int = 1
    message_bits: int = 0
    shift: int = 0
    wait: int = 0


@dataclass(frozen=True)
class LayerSpec:
    """One population with everything in front of it.

    Attributes:
        name: Python identifier. population: the golden node. label: the user's name.
        delay: ticks behind the input (d_p).
        shape: of the output, Lava's order.
        synapses: their sum is the input; empty for pooling.
        shift: right shift of the sum.
        neuron: the population's model. stock: whether a stock LIFReset runs it exactly.
        pool: the pooling operator. source, in_shape: what it reads.
    """

    name: str
    population: str
    label: str
    delay: int
    shape: Shape
    synapses: tuple[SynapseSpec, ...] = ()
    shift: int = 0
    neuron: IntegerNeuron | None = None
    stock: bool = False
    pool: ops.SpikeMaxPool2d | None = None
    source: str = ""
    in_shape: Shape = ()

    @property
    def waits(self) -> tuple[int, ...]:
        """Hold-back of every branch; empty when there is none."""
        return _unless_zero(tuple(s.wait for s in self.synapses))

    @property
    def shifts(self) -> tuple[int, ...]:
        """Shift of every branch; empty when there is none."""
        return _unless_zero(tuple(s.shift for s in self.synapses))

    @property
    def dense_shift(self) -> int:
        """The shift that a lone Dense takes into its weight exponent."""
        lone = len(self.synapses) == 1 and self.synapses[0].kind == "dense"
        return self.shift if lone else 0


@dataclass(frozen=True)
class LavaPlan:
    """A whole network.

    Attributes:
        name: Python identifier. title: the network's own name.
        timesteps: T. depth: delay of the output layer.
        input_shape: golden order.
        static_input: one image per frame instead of a train. repeat_input: sent at every tick.
        layers: in order. output: identifier of the layer that is the output.
        decoded: whether the host counts the output spikes.
        matched: whether a correlation with a run-time template follows, which is left out.
    """

    name: str
    title: str
    timesteps: int
    depth: int
    input_shape: Shape
    static_input: bool
    repeat_input: bool
    layers: tuple[LayerSpec, ...]
    output: str
    decoded: bool
    matched: bool = False

    @property
    def frame_ticks(self) -> int:
        """Ticks of one frame."""
        return self.timesteps + self.depth

    def layer(self, name: str) -> LayerSpec:
        """The layer with this identifier."""
        return next(layer for layer in self.layers if layer.name == name)


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


def _unless_zero(values: tuple[int, ...]) -> tuple[int, ...]:
    return values if any(values) else ()
