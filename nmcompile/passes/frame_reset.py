"""Membranes start every frame anew: free in microcode, else the host rewrites them."""

from __future__ import annotations

import dataclasses

from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext

REASON = "{target} has no frame reset: the host rewrites every membrane before the next frame"


def frame_reset(program: Program, context: PassContext) -> Program:
    """Add a counted host step before every chip step where the chip cannot reset by itself."""
    rules = context.rules
    if rules is None or rules.frame_reset:
        return program
    schedule: list[Step] = []
    for step in program.schedule:
        if step.place == "chip" and step.network:
            writes = (("membrane_writes", _membranes(program.network(step.network))),)
            schedule.append(
                Step(
                    reset_name(step),
                    step.trigger,
                    "host",
                    repeat=step.repeat,
                    host_ops=writes,
                    reason=REASON.format(target=rules.target),
                )
            )
        schedule.append(step)
    return dataclasses.replace(program, schedule=tuple(schedule))


def reset_name(step: Step) -> str:
    """Name of the host step that resets what `step` runs."""
    return f"{step.name}_reset"


def _membranes(network: Network) -> int:
    # An accumulation has one neuron for every element of what it adds.
    names = [n.name for n in network.of_type(ops.Neuron)]
    names += [n.inputs[0] for n in network.of_type(ops.Accumulate)]
    return sum(network.types[name].size for name in names)
