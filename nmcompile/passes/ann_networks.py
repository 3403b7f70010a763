"""Which networks stay ANNs of 8-bit activations, and where they run."""

from __future__ import annotations

import dataclasses

from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.recipe import Recipe

NO_ANN = "its activations have 8 bits, and neurons of {target} cores only spike"
KERNELS = (
    "once per template, it makes kernels that the host writes into synapses: it rounds them to "
    "signed weights, and activations of {target} cores have no sign"
)


def stays_ann(program: Program, network: Network, recipe: Recipe) -> bool:
    """Whether a network keeps its activations, rounded to 8 bits, rather than spike.

    The recipe says so, or it reads what another network says: numbers, not spikes. A network with
    spiking neurons of its own is none.
    """
    if any(network.of_type(ops.Neuron)):
        return False
    return network.name in program.fed or recipe.stays_ann(network.name)


def ann_to_host(program: Program, context: PassContext) -> Program:
    """Networks behind other networks run on the host where cores have no 8-bit activations.

    So do those that write a slot: what they say are weights, which the host writes anyway.
    """
    rules = context.rules
    if rules is None:
        return program
    schedule = tuple(_placed(step, program, rules) for step in program.schedule)
    return dataclasses.replace(program, schedule=schedule)


def _placed(step: Step, program: Program, rules: TargetRules) -> Step:
    if step.network not in program.fed or step.place == "host":
        return step
    if rules.activations and not step.writes:
        return step
    reason = KERNELS if rules.activations else NO_ANN
    return dataclasses.replace(step, place="host", reason=reason.format(target=rules.target))
