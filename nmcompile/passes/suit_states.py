"""Neurons that were trained as neurons get the states of the target before anything is judged.

A leak rounds in the units of the membrane, and at few timesteps no later one makes up for a spike
that the width of a sum cost. So the integer network of leaky neurons has the chip's fixed point,
where cores run them: golden and integer networks then say the same, and what the widths cost
stands where the other rounding stands, between float and integer.

Populations that stand for activations count over many timesteps. Theirs stay plain integers, the
same for every target, and what a width costs them is measured between integer and golden network.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.fit_widths import in_fixed_point
from nmcompile.passes.manager import Pass


def suit_states(program: Program, context: PassContext, placed: Sequence[Pass]) -> Program:
    """Leaky integer populations that cores will run -> the target's fixed-point form.

    Args:
        program: integer level.
        context: without rules, or with those of a chip of plain integers, nothing changes.
        placed: the passes that find out which populations the host runs.

    Raises:
        NmError: NM0322 when a population does not fit.
    """
    rules = context.rules
    if rules is None or not rules.state_shift or not any(map(_leaky, program.networks)):
        return program
    cut = program
    for step in placed:
        cut = step.run(cut, context)
    on_cores = {n.name: {node.name for node in _leaky(n)} for n in cut.chip_networks}
    return program.map_networks(lambda n: _suited(n, on_cores.get(n.name, ()), rules))


def _leaky(network: Network) -> list[Node]:
    """Populations of plain integers that were leaky neurons in the model."""
    return [node for node in network.of_type(ops.Neuron) if _model(network, node) is not None]


def _model(network: Network, node: Node) -> IntegerNeuron | None:
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    if not isinstance(model, IntegerNeuron) or model.state_bits or model.model == "IF":
        return None
    # An image without synapses may become the bias of its neurons, which a shift would hide.
    return None if isinstance(network.by_name[node.inputs[0]].op, ops.Encode) else model


def _suited(network: Network, names: Collection[str], rules: TargetRules) -> Network:
    nodes: list[Node] = []
    for node in network.nodes:
        model = _model(network, node) if node.name in names else None
        nodes += [node] if model is None else in_fixed_point(network, node, model, rules)
    return network.replace(nodes=tuple(nodes))
