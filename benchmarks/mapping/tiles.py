"""The cut of the grouped pyramid that the compiler makes, as a partition of its neurons."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from instances import grouped_layers

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.mapping.limits import Limits
from nmcompile.mapping.stages import stages
from nmcompile.mapping.tile import tile

NONE = 2**31 - 1


def tiles(size: int, neurons: int, axons: int) -> npt.NDArray[np.int32]:
    """`(neurons,)` cores: one tile on each."""
    limits = Limits(
        target="crossbar",
        neurons=neurons,
        in_axons=axons,
        out_axons=NONE,
        synapse_memory_bytes=NONE,
        total_memory_bytes=None,
        neuron_state_bytes=0,
        axon_entry_bytes=0,
        axon_atoms=1,
        weight_bits=8,
        delay_ticks_max=0,
        cores=4096,
        cores_per_router=1,
        router_columns=64,
        router_rows=64,
        chips_max=NONE,
    )
    cut = tile(stages(_network(size)), limits)
    parts, first = [], 0
    for (_, grid), layer in zip(cut.grids, grouped_layers(size), strict=True):
        part = np.zeros(layer.shape, np.int32)
        for i, (y0, y1) in enumerate(grid.ys):
            for j, (x0, x1) in enumerate(grid.xs):
                for k, (c0, c1) in enumerate(grid.cs):
                    number = (i * len(grid.xs) + j) * len(grid.cs) + k
                    part[c0:c1, y0:y1, x0:x1] = first + number
        parts.append(part.ravel())
        first += grid.tiles
    return np.concatenate(parts)


def _network(size: int) -> Network:
    """The pyramid as the compiler reads it; the input is a layer of neurons as well."""
    shapes = grouped_layers(size)
    nodes = [Node("input", ops.Input("spikes", shapes[0].shape, 1))]
    inputs = 1
    for index, layer in enumerate(shapes):
        out = layer.shape[0]
        groups, width = (out, 1) if index == 0 else (layer.groups, 3)
        kernel = Array(np.ones((out, inputs // layer.groups, width, width), np.int8))
        stride, padding = (layer.stride, layer.stride), (width // 2, width // 2)
        conv = ops.Conv2d(kernel, Array(np.zeros(out, np.int32)), stride, padding, groups=groups)
        nodes.append(Node(f"c{index}", conv, (nodes[-1].name,), f"layer {index}"))
        nodes.append(Node(f"n{index}", ops.Neuron(_neuron()), (f"c{index}",)))
        inputs = out
    nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
    return Network("pyramid", tuple(nodes), 1)


def _neuron() -> IntegerNeuron:
    zero = Array(np.int32(0))
    return IntegerNeuron(
        model="IF",
        u_keep=0,
        v_keep=4096,
        state_shift=0,
        state_bits=24,
        bias=zero,
        fire_above=Array(np.int32(100)),
        reset="zero",
        reset_by=zero,
        v_init=zero,
    )
