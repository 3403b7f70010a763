"""A DashNet checkpoint -> a program of two networks at two rates.

every_frame   view_frame (host)  -> ann: view and attended view -> box
on_event      view_events (host) -> snn: T bins of events        -> box
              filter (host)      <- both boxes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from nmcompile.frontends.torch_export import exported_to_network
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import LIF
from nmcompile.ir.program import Step

if TYPE_CHECKING:
    import torch

    from nmcompile.architectures.dashnet import DashNet, DashNetConfig

ARCHITECTURE: Final = "dashnet"
ANN: Final = "ann"
SNN: Final = "snn"
POOL: Final = (2, 2)


def networks(module: DashNet) -> tuple[Network, ...]:
    """The ANN and the SNN of a module in evaluation mode."""
    return _ann(module), _snn(module)


def _ann(module: DashNet) -> Network:
    import torch

    class Branch(torch.nn.Module):
        """Keeps `ann` as an attribute, so that layer names start with it."""

        def __init__(self) -> None:
            super().__init__()
            self.ann = module.ann

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.ann(images)
            return result

    size = module.config.input_size
    with torch.no_grad():
        exported = torch.export.export(Branch().eval(), (torch.zeros(1, 2, size, size),))
    return exported_to_network(exported, ANN)


def _snn(module: DashNet) -> Network:
    """The spiking network, layer by layer: a loop over time has no exported form."""
    config = module.config
    neuron = LIF(
        v_keep=Array(np.float64(config.decay)),
        gain=Array(np.float64(1.0)),
        threshold=Array(np.float64(config.threshold)),
    )
    side = config.input_size
    nodes = [
        Node("input", ops.Input("spikes", (2, side, side), bits=1)),
        Node("pool", ops.SpikeMaxPool2d(POOL, POOL, rule="or"), ("input",), "snn.pool"),
    ]
    for layer in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc1"):
        if layer == "fc1":
            nodes.append(Node("flatten", ops.Flatten(), (nodes[-1].name,)))
        nodes.append(_layer(module, layer, nodes[-1].name))
        nodes.append(Node(f"{layer}_lif", ops.Neuron(neuron), (layer,), f"snn.{layer}.lif"))
    nodes.append(Node("counts", ops.Decode(), (nodes[-1].name,), "snn.counts"))
    nodes.append(_layer(module, "fc2", "counts"))
    nodes.append(Node("output", ops.Output(), ("fc2",)))
    network = Network(SNN, tuple(nodes), config.timesteps)
    _ = network.types
    return network


def _layer(module: DashNet, name: str, source: str) -> Node:
    import torch

    layer = module.snn.layer(name)
    weight, bias = _array(layer.weight), _array(layer.bias, len(layer.weight))  # type: ignore[arg-type]
    op: ops.Op = ops.Linear(weight, bias)
    if isinstance(layer, torch.nn.Conv2d):
        # The architecture's convolutions are square.
        stride, padding = int(layer.stride[0]), int(layer.padding[0])
        op = ops.Conv2d(weight, bias, (stride, stride), (padding, padding))
    return Node(name, op, (source,), f"snn.{name}")


def _array(tensor: torch.Tensor | None, size: int = 0) -> Array:
    """A parameter; zeros of `size` where a layer has none."""
    if tensor is None:
        return Array(np.zeros(size, np.float32))
    values: npt.NDArray[np.float32] = tensor.detach().numpy()
    return Array(values)


def schedule(config: DashNetConfig) -> tuple[Step, ...]:
    """The ANN with every frame, the SNN and the filter with every window of events."""
    window, period = config.window_s, config.timestep_s
    view = "views read frame memory at addresses that depend on the last box, and the mask too"
    bins = "events enter where the last box says, each timestep's together"
    mix = "the filter weighs two boxes by the time between them, with real arithmetic"
    return (
        Step("view_frame", "every_frame", "host", reason=view),
        Step("ann", "every_frame", "chip", ANN, reads="view_frame"),
        Step("view_events", "on_event", "host", reason=bins, window_s=window, period_s=period),
        Step(
            *("snn", "on_event", "chip", SNN),
            reads="view_events",
            window_s=window,
            period_s=period,
        ),
        Step(
            *("filter", "on_event", "host"),
            reads="snn",
            reason=mix,
            window_s=window,
            period_s=period,
        ),
    )
