"""The same integer network as a torch module, and what other counters say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron


class Fire(nn.Module):
    """Integrate-and-fire with reset by subtraction; spikes carry `payloads` times `scale`."""

    def __init__(self, model: IntegerNeuron, scale: float) -> None:
        super().__init__()
        self.model, self.scale = model, scale
        self.v: torch.Tensor | None = None
        self.t = 0

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        """One timestep."""
        bias, above, down, start = (
            _table(getattr(self.model, name).data, current)
            for name in ("bias", "fire_above", "reset_by", "v_init")
        )
        payload = self.model.payloads[self.t % len(self.model.payloads)]
        v = (start if self.v is None else self.v) + torch.round(current / self.scale) + bias
        fired = (v > above + (payload - 1) * down) & (payload > 0)
        self.v = v - payload * down * fired
        self.t += 1
        return fired.double() * payload * self.scale


class RunningMax(nn.Module):
    """Running-maximum spike pooling."""

    def __init__(self, op: ops.SpikeMaxPool2d) -> None:
        super().__init__()
        self.op = op
        self.sums: torch.Tensor | float = 0.0
        self.best: torch.Tensor | float = 0.0

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        """One timestep."""
        self.sums = self.sums + spikes
        best = F.max_pool2d(self.sums, self.op.kernel, self.op.stride, ceil_mode=self.op.ceil)
        rise, self.best = best - self.best, best
        return rise


class Twin(nn.Module):
    """A chain of convolutions, neurons and pools of `Network`, in double precision.

    Args:
        network: integer level; everything up to its last population runs.
        scale: what a spike carries instead of 1, as in converted networks whose neurons scale
            their output; currents are divided by it again.
    """

    def __init__(self, network: Network, scale: float = 1.0) -> None:
        super().__init__()
        self.timesteps = network.timesteps
        self.spikes_in = network.types[network.input.name].kind == "spikes"
        self.layers = nn.ModuleList()
        for node in network.nodes:
            layer = _layer(node.op, network.types[node.name].shape, scale)
            if layer is not None:
                self.layers.append(layer)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Spikes per neuron of the last population; `(1, T, ...)` or `(1, ...)` input."""
        total = torch.zeros(())
        for t in range(self.timesteps):
            x = batch[:, t] if self.spikes_in else batch
            for layer in self.layers:
                x = layer(x)
            total = total + x
        return total


def _layer(op: ops.Op, shape: tuple[int, ...], scale: float) -> nn.Module | None:
    if isinstance(op, ops.Conv2d):
        out, per_group, *kernel = op.weight.shape
        layer: nn.Module = nn.Conv2d(
            per_group * op.groups, out, tuple(kernel), op.stride, op.padding, op.dilation, op.groups
        )
    elif isinstance(op, ops.Linear):
        layer = nn.Linear(op.weight.shape[1], op.weight.shape[0])
    elif isinstance(op, ops.SumPool2d):
        return nn.AvgPool2d(op.kernel, op.stride, op.padding, divisor_override=1)
    elif isinstance(op, ops.SpikeMaxPool2d):
        return RunningMax(op)
    elif isinstance(op, ops.Flatten):
        return nn.Flatten()
    elif isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
        return Fire(op.model, scale)
    else:
        return None
    layer.weight = nn.Parameter(torch.from_numpy(op.weight.data.astype(np.float64)))
    layer.bias = nn.Parameter(torch.from_numpy(op.bias.data * scale))
    return layer


def _table(data: Any, like: torch.Tensor) -> torch.Tensor:
    tensor = torch.from_numpy(np.asarray(data, np.float64))
    return tensor[:, None, None] if tensor.ndim == 1 and like.ndim == 4 else tensor


@torch.no_grad()
def neurobench(twin: Twin, batch: torch.Tensor) -> dict[str, int]:
    """NeuroBench's SynapticOperations: `sops` (Effective_ACs) and `macs` (Effective_MACs)."""
    from neurobench.hooks.layer import LayerHook
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel

    model = TorchModel(twin)
    model.connection_hooks = [LayerHook(layer) for layer in model.connection_layers()]
    metric = SynapticOperations()
    outputs = model(batch)
    found = metric(model, outputs, (batch, None))
    return {"sops": int(found["Effective_ACs"]), "macs": int(found["Effective_MACs"])}


@torch.no_grad()
def spikingjelly(twin: Twin, batch: torch.Tensor) -> dict[str, int]:
    """SpikingJelly's SynOpCounter, which counts spike-driven operations only."""
    from spikingjelly.activation_based.op_counter import DispatchCounterMode, SynOpCounter

    counter = SynOpCounter()
    with DispatchCounterMode([counter]):
        twin(batch)
    return {"sops": int(counter.get_total())}


Peer = Callable[[Twin, torch.Tensor], Mapping[str, int]]
PEERS: dict[str, Peer] = {"neurobench": neurobench, "spikingjelly": spikingjelly}


def installed() -> dict[str, str]:
    """Versions of the peers that are there."""
    found = {}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
