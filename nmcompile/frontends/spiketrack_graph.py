"""SpikeTrack's torch modules as IR nodes; batch normalisation is folded into the convolutions.

A membrane stream is a chain of `Add`s. Convolutions that read the same spikes (query, key and
value of an attention, the branches of the head) are one convolution with the channels of all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import Bilinear, Offset
from nmcompile.ir.network import Node
from nmcompile.ir.neurons import NILIF

if TYPE_CHECKING:
    import torch

    from nmcompile.architectures.spiketrack import neuron as torch_neurons
    from nmcompile.architectures.spiketrack.layers import ConvBN

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Kernel:
    """A convolution with its batch normalisation folded in.

    Attributes:
        weight: `(C_out, C_in / groups, k, k)`. bias: `(C_out,)`. stride, groups: of both axes.
    """

    weight: Real
    bias: Real
    stride: int = 1
    groups: int = 1

    @property
    def op(self) -> ops.Conv2d:
        """The operator; it pads by half its kernel."""
        side = self.weight.shape[-1] // 2
        return ops.Conv2d(
            Array(self.weight.astype(np.float32)),
            Array(self.bias.astype(np.float32)),
            (self.stride, self.stride),
            (side, side),
            groups=self.groups,
        )


@dataclass
class Graph:
    """The nodes of one network so far.

    Attributes:
        steps: T of the network. nodes: in order.
    """

    steps: int
    nodes: list[Node] = field(default_factory=list)

    def add(self, label: str, op: ops.Op, *inputs: str) -> str:
        """Append a node and return its name."""
        name = label.replace(".", "_")
        taken = {node.name for node in self.nodes}
        while name in taken:
            name += "_"
        self.nodes.append(Node(name, op, inputs, label))
        return name

    def neuron(
        self, label: str, *modules: torch_neurons.NILIF, source: str, channels: Sequence[int]
    ) -> str:
        """NI-LIF neurons; those of several modules lie one behind the other.

        Args:
            label: the user's name. modules: whose decays they have.
            source: node of their currents. channels: of each module.
        """
        rows = [_keep(module)[: self.steps - 1] for module in modules]
        keep = rows[0]
        if len(rows) > 1:
            wide = [np.repeat(r[:, None], n, axis=1) for r, n in zip(rows, channels, strict=True)]
            keep = np.concatenate(wide, axis=1)
        return self.add(label, ops.Neuron(NILIF(Array(keep))), source)

    def spikes(self, label: str, module: torch_neurons.NILIF, source: str) -> str:
        """NI-LIF neurons of one module, over the timesteps of the network."""
        return self.neuron(label, module, source=source, channels=())

    def over_steps(self, label: str, module: torch_neurons.NILIF, source: str, steps: int) -> str:
        """NI-LIF neurons whose steps are groups of channels."""
        keep = Array(_keep(module)[: steps - 1])
        return self.add(label, ops.Neuron(NILIF(keep, stacked=steps)), source)

    def joining(self, label: str, kernel: Kernel, source: str, *, enlarge: int = 1) -> str:
        """A convolution that enters a stream: its bias is an offset behind it.

        Args:
            label: the user's name. kernel: the layer. source: node that it reads.
            enlarge: factor of a bilinear enlargement in between.
        """
        zero = dataclasses.replace(kernel, bias=kernel.bias * 0.0)
        x = self.add(label, zero.op, source)
        if enlarge > 1:
            x = self.add(f"{label}.enlarge", Bilinear(enlarge), x)
        return self.add(f"{label}.bias", Offset(Array(kernel.bias.astype(np.float32))), x)

    def chain(self, label: str, layers: Sequence[Any], source: str) -> str:
        """Pairs of (NI-LIF, ConvBN), each a `Sequential`, of which the last one joins a stream."""
        for index, (neuron, layer) in enumerate(layers):
            at = f"{label}.{index}"
            source = self.spikes(f"{at}.neuron", neuron, source)
            if index == len(layers) - 1:
                return self.joining(f"{at}.conv", kernel(layer), source)
            source = self.add(f"{at}.conv", kernel(layer).op, source)
        return source

    def positioned(self, label: str, positions: torch.Tensor, source: str) -> str:
        """The learned map of every timestep added: `(T, 1, C, P, P)`, of which one stays alone."""
        values = array(positions)[: self.steps, 0]
        return self.add(label, Offset(Array(values[0] if len(values) == 1 else values)), source)


def kernel(layer: ConvBN, part: slice = slice(None)) -> Kernel:
    """`w g / sqrt(var + eps)` and `beta + (b - mean) g / sqrt(var + eps)`.

    Args:
        layer: convolution with batch normalisation. part: output channels.
    """
    norm: Any = layer.bn
    factor = array(norm.weight) / np.sqrt(array(norm.running_var) + norm.eps)
    bias = 0.0 if layer.conv.bias is None else array(layer.conv.bias)
    return Kernel(
        (array(layer.conv.weight) * factor[:, None, None, None])[part],
        (array(norm.bias) + (bias - array(norm.running_mean)) * factor)[part],
        int(layer.conv.stride[0]),
        int(layer.conv.groups),
    )


def beside(kernels: Sequence[Kernel], *, grouped: bool = False) -> Kernel:
    """Several convolutions as one, with the output channels of all.

    Args:
        kernels: of one shape but for the outputs.
        grouped: every one reads channels of its own, else all read the same.
    """
    first = kernels[0]
    return Kernel(
        np.concatenate([k.weight for k in kernels]),
        np.concatenate([k.bias for k in kernels]),
        first.stride,
        sum(k.groups for k in kernels) if grouped else first.groups,
    )


def array(tensor: torch.Tensor) -> Real:
    """A parameter in double precision."""
    found: Real = tensor.detach().double().numpy()
    return found


def _keep(module: torch_neurons.NILIF) -> Real:
    kept: Real = 1.0 / (1.0 + np.exp(-array(module.theta)))
    return kept
