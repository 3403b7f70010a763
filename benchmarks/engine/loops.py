"""The same spiking network as time loops of other tools: plain torch, and SpikingJelly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron


@dataclass
class Layer:
    """A convolution, the neurons behind it, and the pool behind those.

    Attributes:
        per_channel: bias of the neurons, `(1, C, 1, 1)`.
    """

    conv: ops.Conv2d
    weight: torch.Tensor
    bias: torch.Tensor
    per_channel: torch.Tensor
    above: float
    down: float
    start: float
    pool: ops.SpikeMaxPool2d | None = None

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        """Currents of one timestep."""
        op = self.conv
        return F.conv2d(x, self.weight, self.bias, op.stride, op.padding, op.dilation, op.groups)


def layers_of(network: Network) -> list[Layer]:
    """The chain of a backbone with integrate-and-fire neurons."""
    found: list[Layer] = []
    for node in network.nodes:
        op = node.op
        if isinstance(op, ops.Conv2d):
            weight, bias = (
                torch.from_numpy(a.data.astype(np.float32)) for a in (op.weight, op.bias)
            )
            found.append(Layer(op, weight, bias, torch.zeros(1), 0.0, 0.0, 0.0))
        elif isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
            layer, model = found[-1], op.model
            bias = np.broadcast_to(model.bias.data, layer.weight.shape[:1]).astype(np.float32)
            layer.per_channel = torch.from_numpy(bias)[None, :, None, None]
            layer.above = float(model.fire_above.data)
            layer.down = float(model.reset_by.data)
            layer.start = float(model.v_init.data)
        elif isinstance(op, ops.SpikeMaxPool2d):
            found[-1].pool = op
    return found


@torch.no_grad()
def torch_loop(layers: list[Layer], image: torch.Tensor, timesteps: int) -> torch.Tensor:
    """Spike counts of the last layer; the first layer's currents are computed once.

    Integrate and fire with reset by subtraction, pools that spike when the maximum of the counts
    in their window rises.
    """
    first = layers[0].convolved(image) + layers[0].per_channel
    v: list[Any] = [layer.start for layer in layers]
    counts: list[Any] = [0.0] * len(layers)
    best: list[Any] = [0.0] * len(layers)
    total: Any = 0.0
    for _ in range(timesteps):
        x = first
        for i, layer in enumerate(layers):
            if i:
                x = layer.convolved(x) + layer.per_channel
            v[i] = v[i] + x
            x = (v[i] > layer.above).float()
            v[i] -= x * layer.down
            if layer.pool is not None:
                counts[i] = counts[i] + x
                pool = layer.pool
                top = F.max_pool2d(counts[i], pool.kernel, pool.stride, ceil_mode=pool.ceil)
                x, best[i] = top - best[i], top
        total = total + x
    return total


class SpikingJellyLoop:
    """SpikingJelly's IFNode in single-step mode around the same convolutions and pools."""

    def __init__(self, layers: list[Layer]) -> None:
        from spikingjelly.activation_based import functional, neuron

        self._reset = functional.reset_net
        self._layers = layers
        # The node fires at v >= threshold and subtracts it; integers make that the same rule.
        self._nodes = [
            neuron.IFNode(v_threshold=layer.down, v_reset=None, step_mode="s") for layer in layers
        ]

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        """Spike counts of the last layer; the first layer's currents are computed once."""
        layers, nodes = self._layers, self._nodes
        first = layers[0].convolved(image) + layers[0].per_channel
        for node in nodes:
            self._reset(node)
        counts: list[Any] = [0.0] * len(layers)
        best: list[Any] = [0.0] * len(layers)
        total: Any = 0.0
        for t in range(timesteps):
            x = first
            for i, (layer, node) in enumerate(zip(layers, nodes, strict=True)):
                current = x if i == 0 else layer.convolved(x) + layer.per_channel
                if t == 0:
                    node.v = torch.full_like(current, layer.start)
                x = node(current)
                if layer.pool is not None:
                    counts[i] = counts[i] + x
                    pool = layer.pool
                    top = F.max_pool2d(counts[i], pool.kernel, pool.stride, ceil_mode=pool.ceil)
                    x, best[i] = top - best[i], top
            total = total + x
        return total
