"""Networks whose neurons, pools and inputs use every coding."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron

from .nets import spiking_networks

SCHEDULES = (
    ((1,), "clock"),
    ((0, 0, 1, 1), "clock"),
    ((4, 2, 1), "clock"),
    ((4, 2, 1), "burst"),
    ((1, 2, 4), "burst"),
)
INPUTS = (
    ops.Encode("rate", (1,), 255, 127),
    ops.Encode("phase", (128, 64, 32, 16, 8, 4, 2, 1)),
    ops.Encode("burst", (16, 8, 4, 2, 1), 16, 8),
)


@st.composite
def coded_networks(draw: st.DrawFn) -> Network:
    """`spiking_networks` with codings drawn for every population, gates and coded inputs."""
    network = draw(spiking_networks())
    coded = draw(st.sampled_from((None, *INPUTS)))

    def change(node: Node) -> Node:
        op = node.op
        if isinstance(op, ops.Encode) and coded is not None:
            return dataclasses.replace(node, op=coded)
        if isinstance(op, ops.SpikeMaxPool2d):
            rule = draw(st.sampled_from(["running_max", "gate", "gate", "or"]))
            return dataclasses.replace(node, op=dataclasses.replace(op, rule=rule))
        if isinstance(op, ops.Neuron) and isinstance(op.model, IntegerNeuron):
            payloads, advance = draw(st.sampled_from(SCHEDULES))
            model = dataclasses.replace(op.model, payloads=payloads, advance=advance)
            return dataclasses.replace(node, op=ops.Neuron(model))
        return node

    return network.map_nodes(change)
