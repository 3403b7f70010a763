"""Two-status coding where thresholds are fixed: the layer that ends the chip's part, on the host.

Accumulating for p timesteps and then firing at a threshold that never changes takes a gate:
membranes that begin lower by as much as p timesteps can add, and axons of a type of their own that
give it back at once when the firing phase begins. The gate has to be worth about p times the
largest sum of a timestep, a weight is worth `2^(bits - 1) - 1`, and all of its axons are taken from
the inputs of every core of the layer. Layers that fill their cores have neither the type nor the
axons; what their cores said is then the reason why the host runs them.
"""

from __future__ import annotations

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.state_bounds import input_interval
from nmcompile.passes.to_host import cut_tail

REASON = (
    "its neurons accumulate for {period} timesteps before they may fire, and thresholds of "
    "{target} do not change; "
)
GATE = (
    "a gate that holds the membranes down would be worth {worth:,}, "
    "{axons} axons of a type of its own"
)


def schedules_to_host(program: Program, context: PassContext) -> Program:
    """Cut off the last population of a chip network, with its synapses, where it is two-status.

    It stays where cores have room for its gate. Populations that other populations read stay too,
    for the widths' pass or the mapper to refuse.
    """
    rules = context.rules
    if rules is None or rules.threshold_schedule or not rules.core_neurons:
        return program
    without = dict(rules.no_gate)
    for network in program.chip_networks:
        last = [n for n in network.of_type(ops.Neuron) if not _read_by_neurons(network, n)]
        if len(last) != 1 or not (period := silent_timesteps(last[0])):
            continue
        if rules.gates and last[0].label not in without:
            continue
        source = _source(network, last[0])
        if source is not None:
            reason = _reason(network, last[0], period, rules)
            program = cut_tail(program, network, source, reason, "coding")
    return program


def gate(largest: int, period: int, weight_bits: int) -> tuple[int, int]:
    """What a gate must be worth, and its axons.

    Args:
        largest: sum that one timestep can add to a membrane.
        period: timesteps that the membranes must be held down.
        weight_bits: signed width of a weight.
    """
    worth = period * largest
    return worth, -(-worth // (2 ** (weight_bits - 1) - 1))


def _reason(network: Network, node: Node, period: int, rules: TargetRules) -> str:
    text = REASON.format(period=period, target=rules.target)
    refused = dict(rules.no_gate).get(node.label)
    if refused is not None:
        return text + refused
    high = input_interval(network, node.inputs[0])[1]
    worth, axons = gate(max(0, int(high.max())), period, rules.weight_bits)
    return text + GATE.format(worth=worth, axons=axons)


def silent_timesteps(node: Node) -> int:
    """Timesteps in a row without spikes of a two-status population, 0 for other codings."""
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    if not isinstance(model, IntegerNeuron) or set(model.payloads) != {0, 1}:
        return 0
    return int(np.sum(np.array(model.payloads) == 0))


def _source(network: Network, node: Node) -> str | None:
    """The one population whose spikes reach `node`; None where there are several or none."""
    found, behind = set(), list(node.inputs)
    while behind:
        other = network.by_name[behind.pop()]
        if isinstance(other.op, ops.Neuron | ops.SpikeMaxPool2d):
            found.add(other.name)
        else:
            behind += other.inputs
    return found.pop() if len(found) == 1 else None


def _read_by_neurons(network: Network, node: Node) -> bool:
    behind = list(network.consumers[node.name])
    while behind:
        reader = behind.pop()
        if isinstance(reader.op, ops.Neuron | ops.SpikeMaxPool2d):
            return True
        behind += network.consumers[reader.name]
    return False
