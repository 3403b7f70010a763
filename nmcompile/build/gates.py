"""Two-status layers that cores hold with a gate, and those that the host has to run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from nmcompile.backends.base import Backend
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.schedules_to_host import silent_timesteps
from nmcompile.target import Target

NO_GATE = "NM0331"


def gates_that_fit(
    program: Program, context: PassContext, backend: Backend, target: Target
) -> PassContext:
    """The context with the two-status layers whose gate fits no core, and why.

    Args:
        program: integer level.
        context: with the target's rules.
        backend: of the target. target: whose cores are asked.
    """
    rules = context.rules
    if rules is None or not rules.gates:
        return context
    if not any(_two_status(network) for network in program.chip_networks):
        return context
    placed = PassManager(pipelines.PLACED).run(program, context)
    refused: dict[str, str] = {}
    for network in placed.chip_networks:
        problems = {
            problem.where: f"no gate fits: {problem.found}"
            for problem in backend.refusals(network, target)
            if problem.code == NO_GATE
        }
        for node in _two_status(network):
            # cores name a layer by its synapses, the recipe by its neurons
            found = [problems[name] for name in _layers(network, node) if name in problems]
            refused |= {node.label: found[0]} if found else {}
    without = tuple(sorted(refused.items()))
    return dataclasses.replace(context, rules=dataclasses.replace(rules, no_gate=without))


def gate_notes(models: Sequence[IntegerNeuron]) -> list[str]:
    """What holds two-status layers down on cores, in words."""
    if all(model.payloads == (1,) for model in models):
        return []
    return [
        "a two-status layer accumulates below its threshold: the membranes that the host writes "
        "before a frame lie lower, and axons that it drives when firing begins (packets of the "
        "host) give that back at once"
    ]


def _two_status(network: Network) -> list[Node]:
    return [node for node in network.of_type(ops.Neuron) if silent_timesteps(node)]


def _layers(network: Network, node: Node) -> list[str]:
    """Labels of the synapses of a population."""
    found, behind = [], list(node.inputs)
    while behind:
        other = network.by_name[behind.pop()]
        if isinstance(other.op, ops.LINEAR_OPS):
            found.append(other.label)
        else:
            behind += other.inputs
    return found
