"""The float interpreter (torch): executes float and spiking networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.membrane_ops import Offset, Store
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Preprocess
from nmcompile.reference import float_membranes
from nmcompile.reference.float_correlate import correlate, decode, template_bank
from nmcompile.reference.float_membranes import offset
from nmcompile.reference.float_populations import (
    State,
    delay,
    encode,
    neuron,
    parameter,
    spike_pool,
)
from nmcompile.reference.static import static_nodes

Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FloatTrace:
    """One inference of a float network on a batch.

    Attributes:
        output: `(B, ...)` float64: values, decoded counts, or the spike train `(T, B, ...)`.
        recorded: node name -> `(B, ...)` output summed over timesteps, for the nodes asked for.
        trains: node name -> `(T, B, ...)` output of every timestep, likewise.
        stored: slot -> what the network wrote into it, `(B, T C, ...)`, see `Store`.
    """

    output: Real
    recorded: dict[str, Real] = field(default_factory=dict)
    trains: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    stored: dict[str, Real] = field(default_factory=dict)


class FloatRunner:
    """Runs one network.

    Args:
        network: float or spiking level.
        precision: double by default, so that layout and threads decide no spike; single is
            enough for a network without spiking neurons, and twice as fast.
    """

    def __init__(self, network: Network, precision: torch.dtype = torch.float64) -> None:
        self.network = network
        self._precision = precision
        self._constants: dict[int, torch.Tensor] = {}
        self._static = static_nodes(network)

    @torch.no_grad()
    def run(
        self,
        stimulus: npt.NDArray[Any],
        slots: Mapping[str, npt.NDArray[Any]] | None = None,
        *,
        record: tuple[str, ...] = (),
        trains: tuple[str, ...] = (),
    ) -> FloatTrace:
        """One inference of a batch.

        Args:
            stimulus: `(B, C, H, W)` or `(B, N)`; `(T, B, ...)` for a spikes input.
            slots: contents of the slots, `(C, H, W)`.
            record: names of nodes whose summed output is wanted.
            trains: names of nodes whose output at every timestep is wanted.
        """
        network = self.network
        frames = self._input(stimulus)
        states: dict[str, State] = {}
        totals: dict[str, torch.Tensor] = {}
        outputs: list[torch.Tensor] = []
        stores = {node.name: node.op.slot for node in network.nodes if isinstance(node.op, Store)}
        written: dict[str, list[torch.Tensor]] = {slot: [] for slot in stores.values()}
        steps: dict[str, list[torch.Tensor]] = {name: [] for name in trains}
        values: dict[str, torch.Tensor] = {}
        for t in range(network.timesteps):
            for node in network.nodes:
                if t > 0 and node.name in self._static:
                    continue
                values[node.name] = self._step(node, values, frames, slots or {}, states, t)
            for name in record:
                totals[name] = totals[name] + values[name] if name in totals else values[name]
            for name, train in steps.items():
                train.append(values[name])
            for name, slot in stores.items():
                written[slot].append(values[name])
            outputs.append(values[network.output.name])
        spikes = network.types[network.output.name].kind == "spikes"
        result = torch.stack(outputs) if spikes else outputs[-1]
        recorded = {k: v.double().numpy() for k, v in totals.items()}
        stacked = {k: torch.stack(v).numpy() for k, v in steps.items()}
        stored = {k: torch.cat(v, dim=1).double().numpy() for k, v in written.items()}
        return FloatTrace(result.double().numpy(), recorded, stacked, stored)

    def _input(self, array: npt.NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._precision)

    def _step(
        self,
        node: Node,
        values: Mapping[str, torch.Tensor],
        frames: torch.Tensor,
        slots: Mapping[str, npt.NDArray[Any]],
        states: dict[str, State],
        t: int,
    ) -> torch.Tensor:
        op = node.op
        if isinstance(op, ops.Input):
            return frames[t] if op.kind == "spikes" else frames
        if isinstance(op, ops.Slot):
            return self._input(slots[op.slot])
        inputs = [values[i] for i in node.inputs]
        if isinstance(op, ops.Correlate):
            return correlate(op, inputs[0], inputs[1], t)
        if isinstance(op, Offset):
            return offset(op, inputs[0], t, self._tensor)
        if type(op) in _STATEFUL:
            state = states.setdefault(node.name, State())
            return _STATEFUL[type(op)](op, inputs[0], state)
        return _PURE[type(op)](op, inputs, self._tensor)

    def _tensor(self, array: Array) -> torch.Tensor:
        key = id(array)
        if key not in self._constants:
            self._constants[key] = self._input(array.data)
        return self._constants[key]


Lookup = Callable[[Array], torch.Tensor]
Inputs = list[torch.Tensor]


def _conv(op: ops.Conv2d, x: Inputs, get: Lookup) -> torch.Tensor:
    return F.conv2d(
        x[0], get(op.weight), get(op.bias), op.stride, op.padding, op.dilation, op.groups
    )


def _linear(op: ops.Linear, x: Inputs, get: Lookup) -> torch.Tensor:
    return F.linear(x[0], get(op.weight), get(op.bias))


def _batch_norm(op: ops.BatchNorm2d, x: Inputs, get: Lookup) -> torch.Tensor:
    return F.batch_norm(
        x[0], get(op.mean), get(op.variance), get(op.weight), get(op.bias), eps=op.eps
    )


def _avg_pool(op: ops.AvgPool2d, x: Inputs, _: Lookup) -> torch.Tensor:
    return F.avg_pool2d(x[0], op.kernel, op.stride, op.padding)


def _sum_pool(op: ops.SumPool2d, x: Inputs, _: Lookup) -> torch.Tensor:
    mean = F.avg_pool2d(x[0], op.kernel, op.stride, op.padding)
    return mean * (op.kernel[0] * op.kernel[1])


def _max_pool(op: ops.MaxPool2d, x: Inputs, _: Lookup) -> torch.Tensor:
    return F.max_pool2d(x[0], op.kernel, op.stride, ceil_mode=op.ceil)


_PURE: dict[type, Callable[[Any, Inputs, Lookup], torch.Tensor]] = {
    ops.Conv2d: _conv,
    ops.Linear: _linear,
    ops.BatchNorm2d: _batch_norm,
    ops.AvgPool2d: _avg_pool,
    ops.SumPool2d: _sum_pool,
    ops.MaxPool2d: _max_pool,
    ops.Activation: lambda _, x, __: torch.relu(x[0]),
    ops.Add: lambda _, x, __: torch.stack(x).sum(dim=0),
    ops.Scale: lambda op, x, _: x[0] * op.factor + op.offset,
    ops.Flatten: lambda _, x, __: x[0].flatten(1),
    ops.Output: lambda _, x, __: x[0],
    **float_membranes.PURE,
}


def _decode(op: ops.Decode, spikes: torch.Tensor, state: State) -> torch.Tensor:
    state.v = decode(op, spikes, state.v)
    return state.v


def _accumulate(op: ops.Accumulate, current: torch.Tensor, state: State) -> torch.Tensor:
    state.v = current + (parameter(op.start, current) if state.v is None else state.v)
    return state.v


def _template_bank(op: ops.TemplateBank, spikes: torch.Tensor, state: State) -> torch.Tensor:
    state.v = spikes[None] if state.v is None else torch.cat([state.v, spikes[None]])
    return template_bank(op, state.v)


_STATEFUL: dict[type, Callable[[Any, torch.Tensor, State], torch.Tensor]] = {
    ops.Encode: encode,
    ops.Neuron: neuron,
    ops.Delay: delay,
    ops.SpikeMaxPool2d: spike_pool,
    ops.Decode: _decode,
    ops.Accumulate: _accumulate,
    ops.TemplateBank: _template_bank,
}


def preprocess(crops: npt.NDArray[np.uint8], how: Preprocess) -> Real:
    """uint8 RGB crops `(B, H, W, 3)` -> network input `(B, C, H, W)`, float64.

    Args:
        crops: pixels.
        how: channel order, range, mean and standard deviation.
    """
    pixels = channel_order(crops, how).astype(np.float64) * (how.range / 255.0)
    mean = np.asarray(how.mean)[:, None, None]
    std = np.asarray(how.std)[:, None, None]
    return np.asarray((pixels - mean) / std)


def channel_order(crops: npt.NDArray[np.uint8], how: Preprocess) -> npt.NDArray[np.uint8]:
    """uint8 RGB crops `(B, H, W, 3)` -> `(B, C, H, W)` uint8 in the network's channel order."""
    if how.channel_order == "gray":
        luma = crops.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
        return np.asarray(np.rint(luma)[:, None], np.uint8)
    order = crops if how.channel_order == "RGB" else crops[..., ::-1]
    return np.ascontiguousarray(order.transpose(0, 3, 1, 2))
