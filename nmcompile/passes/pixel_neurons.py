"""An image as pixel neurons on cores: integrate-and-fire neurons whose bias the host writes.

Where spikes are binary, an input line cannot carry a pixel value. A neuron can: with its pixel as
bias it spikes in proportion to it, and the first layer runs on cores like any other.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext

REASON = "the image is the bias of the pixel neurons, which the host writes before every frame"
WRITES = "bias_writes"
"""Name of the host operation, as it stands in host.json."""


def pixel_neurons(program: Program, context: PassContext) -> Program:
    """Encode("rate") -> neurons that the image drives, and a counted host step that writes it."""
    rules = context.rules
    if rules is None:
        return program
    chip = {n.name for n in program.chip_networks}
    if rules.pixel_neurons:
        program = program.map_networks(lambda n: _on_cores(n) if n.name in chip else n)
    schedule: list[Step] = []
    for step in program.schedule:
        if step.place == "chip" and step.network:
            count = _biases(program.network(step.network))
            if count:
                write = Step(f"{step.name}_pixels", step.trigger, "host", repeat=step.repeat)
                ops_ = ((WRITES, count),)
                schedule.append(dataclasses.replace(write, host_ops=ops_, reason=REASON))
        schedule.append(step)
    return dataclasses.replace(program, schedule=tuple(schedule))


def drives_neurons(network: Network, node: Node) -> bool:
    """Whether the image that `node` applies is nothing but a bias of the neurons behind it."""
    readers = network.consumers[node.name]
    return node.op == ops.Encode("constant") and bool(readers) and all(map(_takes_bias, readers))


def _takes_bias(node: Node) -> bool:
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    return isinstance(model, IntegerNeuron) and model.u_keep == 0 and not model.bias.data.any()


def _biases(network: Network) -> int:
    encoders = network.of_type(ops.Encode)
    return sum(network.types[e.name].size for e in encoders if drives_neurons(network, e))


def _on_cores(network: Network) -> Network:
    nodes: list[Node] = []
    for node in network.nodes:
        op = node.op
        if isinstance(op, ops.Encode) and op.mode == "rate" and op.payloads == (1,):
            image = Node(f"{node.name}_bias", ops.Encode("constant"), node.inputs, node.origin)
            nodes.append(image)
            neurons = ops.Neuron(_integrate_and_fire(op.threshold, op.start))
            node = dataclasses.replace(node, op=neurons, inputs=(image.name,))
        nodes.append(node)
    return network.replace(nodes=tuple(nodes))


def _integrate_and_fire(threshold: int, start: int) -> IntegerNeuron:
    """The neuron that `Encode("rate")` describes; its input is the pixel at every timestep."""
    return IntegerNeuron(
        model="IF",
        u_keep=0,
        v_keep=KEEP_ONE,
        state_shift=0,
        state_bits=0,
        bias=_scalar(0),
        fire_above=_scalar(threshold - 1),
        reset="subtract",
        reset_by=_scalar(threshold),
        v_init=_scalar(start),
    )


def _scalar(value: int) -> Array:
    return Array(np.int32(value))
