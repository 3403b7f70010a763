"""Correlation on cores of binary cross-points: depthwise taps, read out as spikes.

A cross-point holds one bit. An element of a stored template of P bits is therefore P cross-points,
each at a neuron of its own that adds up the spikes under the set bits of one channel: a neuron for
every channel, bit and position of the response, and two for a signed channel (`ops.TemplateTaps`).
A core shows nothing of a membrane, so that these neurons send a spike for every `unit` that they
have added up, and subtract it. The host weights the counts by bit and unit and adds the channels:

    sum_{c, p} 2^p unit[p] count[c, p]  instead of  sum_{c, p} 2^p sum_t taps[c, p, t]

An approximation, which the golden network contains. A neuron sends at most one spike per
timestep, what it still holds after the last one is lost, and membranes begin at half a unit, so
that what is lost is as often too much as too little.
"""

from __future__ import annotations

import dataclasses
from math import prod

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import KEEP_ONE, IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.matching.coincidence import gates
from nmcompile.passes.context import TargetRules
from nmcompile.passes.schedules_to_host import silent_timesteps
from nmcompile.passes.to_host import cut_tail

Ints = npt.NDArray[np.int64]
REASON = (
    "a core shows nothing but spikes: the counts of every channel and bit of the template are "
    "weighted and added"
)


def taps_refusal(network: Network, match: Node, largest: int, rules: TargetRules) -> str:
    """Why no cores of taps and read-out neurons hold this correlation; "" when some do.

    Args:
        network: at the integer level. match: its correlation with a stored template.
        largest: element of the template. rules: of the target.
    """
    counted = network.by_name[match.inputs[0]]
    template = network.types[match.inputs[1]].shape
    if len(template) == 4:
        return f"the host writes {rules.target} synapses between frames, not between timesteps"
    if not isinstance(counted.op, ops.Decode) or len(network.consumers[counted.name]) > 1:
        return "what meets the template are no spikes that are counted for it alone"
    sender = network.by_name[counted.inputs[0]]
    model = sender.op.model if isinstance(sender.op, ops.Neuron) else None
    if not isinstance(model, IntegerNeuron) or network.types[sender.name].bits > 1:
        return f"{rules.target} spikes carry no payload between cores"
    if model.payloads != (1,) and not _gated(sender, rules):
        return "the neurons in front of it follow a schedule"
    lines = 2 if counted.op.signed_pairs else 1
    taps = lines * prod(template[1:])
    if taps > rules.core_axons:
        return (
            f"one sum takes {template[1]} x {template[2]} taps x {lines} lines = {taps} axons, "
            f"and a core of {rules.target} has {rules.core_axons}"
        )
    bits = largest.bit_length()
    if bits > rules.template_bits:
        return (
            f"elements of the template up to {largest} take {bits} bits, and its read-out on "
            f"{rules.target} has neurons for {rules.template_bits} "
            f"(T <= {2**rules.template_bits - 1})" + _exact(network, match, largest, rules)
        )
    return ""


def onto_taps(program: Program, network: Network, match: Node, largest: int) -> Program:
    """The correlation as taps and read-out neurons with units of one, the sum on the host.

    Args:
        program: integer level. network, match, largest: see `taps_refusal`.
    """
    counted = network.by_name[match.inputs[0]]
    if not isinstance(counted.op, ops.Decode):
        raise TypeError(f"`{counted.label}` counts no spikes")
    op = ops.TemplateTaps(largest.bit_length(), counted.op.signed_pairs)
    count = f"{match.name}_count"
    taps = Node(f"{match.name}_taps", op, (counted.inputs[0], match.inputs[1]), match.origin)
    maps = network.types[match.inputs[1]].shape[0] * op.planes * op.rails
    units = map_units(op, maps, (1,) * op.planes)
    sums = Node(f"{match.name}_sums", ops.Neuron(_read_out(units)), (taps.name,), match.origin)
    added = dataclasses.replace(match, op=_added(op, units), inputs=(count,))
    new = (taps, sums, Node(count, ops.Decode(), (sums.name,), match.origin), added)
    nodes = [m for n in network.nodes for m in (new if n.name == match.name else (n,))]
    cores = network.replace(nodes=tuple(n for n in nodes if n.name != counted.name))
    program = program.map_networks(lambda n: cores if n.name == cores.name else n)
    program = cut_tail(program, cores, count, REASON, "match")
    return program.map_networks(lambda n: _narrowed(n, cores.timesteps, count))


def taps_of(network: Network) -> Node | None:
    """The taps of a network on cores, if it has any."""
    return next(network.of_type(ops.TemplateTaps), None)


def with_units(program: Program, name: str, units: tuple[int, ...]) -> Program:
    """The program whose read-out neurons send a spike for every unit.

    Args:
        program: with taps. name: of their network.
        units: one for every bit of an element.
    """
    network = program.network(name)
    taps = taps_of(network)
    if taps is None or not isinstance(taps.op, ops.TemplateTaps):
        raise ValueError(f"{name} has no taps")
    values = map_units(taps.op, network.types[taps.name].shape[0], units)
    (sums,) = network.consumers[taps.name]
    (count,) = network.consumers[sums.name]
    added = _added(taps.op, values)

    def changed(node: Node) -> Node:
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if node.name == sums.name and isinstance(model, IntegerNeuron):
            return dataclasses.replace(node, op=ops.Neuron(_read_out(values, model)))
        adds = isinstance(node.op, ops.Conv2d) and node.inputs == (count.name,)
        return dataclasses.replace(node, op=added) if adds else node

    host = f"{name}_match"
    return program.map_networks(lambda n: n.map_nodes(changed) if n.name in (name, host) else n)


def plane_weights(op: ops.TemplateTaps, maps: int) -> Ints:
    """`(maps,)` what a tap of every map counts: 2^p, negative on the second rail."""
    signs = 1 - 2 * (np.arange(maps) % op.rails)
    return np.asarray(signs * 2 ** _planes(op, maps), np.int64)


def map_units(op: ops.TemplateTaps, maps: int, units: tuple[int, ...]) -> Ints:
    """`(maps,)` the unit of every map, from those of the bits."""
    return np.array(units, np.int64)[_planes(op, maps)]


def _planes(op: ops.TemplateTaps, maps: int) -> Ints:
    return np.arange(maps) // op.rails % op.planes


def _added(op: ops.TemplateTaps, units: Ints) -> ops.Conv2d:
    """The host's weighted sum of the counts."""
    weight = (plane_weights(op, len(units)) * units).astype(np.int32)
    return ops.Conv2d(Array(weight.reshape(1, -1, 1, 1)), Array(np.zeros(1, np.int32)))


def _read_out(units: Ints, model: IntegerNeuron | None = None) -> IntegerNeuron:
    """Neurons that send a spike for every unit; in the widths of `model` where it is given."""
    return IntegerNeuron(
        model="IF",
        u_keep=0,
        v_keep=KEEP_ONE,
        state_shift=0,
        state_bits=0 if model is None else model.state_bits,
        bias=Array(np.int32(0)),
        fire_above=Array((units - 1).astype(np.int32)),
        reset="subtract",
        reset_by=Array(units.astype(np.int32)),
        v_init=Array((units // 2).astype(np.int32)),
    )


def _narrowed(network: Network, timesteps: int, count: str) -> Network:
    """A network whose input `count` is known to be a number of spikes of one neuron."""
    if network.input.name != count or not isinstance(network.input.op, ops.Input):
        return network
    op = dataclasses.replace(network.input.op, bits=timesteps.bit_length())
    return network.map_nodes(lambda n: dataclasses.replace(n, op=op) if n.name == count else n)


def _gated(node: Node, rules: TargetRules) -> bool:
    """Whether cores hold a two-status layer behind a gate."""
    without = dict(rules.no_gate)
    return rules.gates and silent_timesteps(node) > 0 and node.label not in without


def _exact(network: Network, match: Node, largest: int, rules: TargetRules) -> str:
    """What neurons that multiply would take."""
    if not rules.core_neurons:
        return ""
    counted, template = (network.by_name[n].op for n in match.inputs)
    if not isinstance(template, ops.Slot):
        raise TypeError(match.inputs[1])
    signed = isinstance(counted, ops.Decode) and counted.signed_pairs
    response = network.types[match.name].shape
    found = gates(template.shape[-3:], response, largest, signed=signed)
    return (
        f"; a neuron for every product and bit of a count would take {found.neurons:,} neurons "
        f"({found.products:,} x {found.planes}), {found.cores(rules.core_neurons):,} cores "
        "without copies and sums"
    )
