"""Networks that correlate on crossbar cores, and templates for them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from support.crossbar_nets import weights_of
from support.nets import if_neuron

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node

Slots = dict[str, npt.NDArray[Any]]


def tapped(
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    planes: int,
    units: npt.NDArray[np.int64],
    *,
    pairs: bool = False,
    front: bool = True,
    timesteps: int = 6,
) -> Network:
    """Spikes, through a layer or not, on the taps of a template, read out as spikes.

    Args:
        shape: of the input; with `pairs` its channels are pairs.
        kernel: of the template. planes: bits of its elements. units: of every map.
        pairs: whether elements have signs. front: whether there is a layer before.
        timesteps: T.
    """
    channels = shape[0] // (2 if pairs else 1)
    nodes = [Node("input", ops.Input("spikes", shape, 1))]
    source = "input"
    if front:
        op = weights_of((-2, 0, 2), (shape[0], shape[0], 1, 1), 3)
        nodes.append(Node("conv", op, ("input",), "conv"))
        neurons = ops.Neuron(if_neuron(shape[0], 2, shift=0, bits=0))
        nodes.append(Node("spikes", neurons, ("conv",), "conv"))
        source = "spikes"
    model = dataclasses.replace(
        if_neuron(len(units), 1, shift=0, bits=0),
        fire_above=Array((units - 1).astype(np.int32)),
        reset_by=Array(units.astype(np.int32)),
        v_init=Array((units // 2).astype(np.int32)),
    )
    nodes += [
        Node("z", ops.Slot("z", (channels, *kernel), 16)),
        Node("taps", ops.TemplateTaps(planes, pairs), (source, "z"), "correlate"),
        Node("sums", ops.Neuron(model), ("taps",), "correlate"),
        Node("count", ops.Decode(), ("sums",)),
        Node("output", ops.Output(), ("count",)),
    ]
    return Network("matched", tuple(nodes), timesteps)


@st.composite
def tapped_networks(draw: st.DrawFn) -> Network:
    """Signed and unsigned, non-square, with and without a layer in front, T up to 15."""
    pairs = draw(st.booleans())
    channels = draw(st.integers(1, 3)) * (2 if pairs else 1)
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    size = [k + draw(st.integers(0, 4)) for k in kernel]
    planes = draw(st.integers(1, 4))
    maps = channels * planes
    units = np.array(draw(st.lists(st.integers(1, 5), min_size=maps, max_size=maps)))
    return tapped(
        *((channels, size[0], size[1]), kernel, planes, units),
        pairs=pairs,
        front=draw(st.booleans()),
        timesteps=draw(st.integers(2**planes // 2, 15)),
    )


def template_of(network: Network, rng: Any) -> Slots:
    """A random template that uses all bits."""
    op, slot = network.by_name["taps"].op, network.by_name["z"].op
    if not isinstance(op, ops.TemplateTaps) or not isinstance(slot, ops.Slot):
        raise TypeError(network.name)
    low = -(2**op.planes) + 1 if op.signed_pairs else 0
    return {"z": rng.integers(low, 2**op.planes, slot.shape).astype(np.int32)}
