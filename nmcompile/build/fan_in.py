"""Layers whose fan-in fits no core: split into partial sums, or refused with the limit."""

from __future__ import annotations

import dataclasses
from typing import Final

from nmcompile.backends.base import Backend
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.passes.context import TargetRules
from nmcompile.passes.split_fan_in import split_fan_in, synapses_of_neuron
from nmcompile.target import Target

CODES: Final = ("NM0302", "NM0303", "NM0304")
"""Refusals of the mapper that a smaller fan-in can cure."""
FITS_EVERYWHERE: Final = 4096
"""Synapses of one neuron that every core of this family holds: nothing to ask the mapper."""
WAYS_OUT: Final = (
    "pool or stride more before this layer, or use grouped convolutions",
    "choose a target with graded spikes, which carry partial sums (`nmcompile targets`)",
)


def fan_in_that_fits(
    golden: Program, rules: TargetRules | None, backend: Backend, target: Target
) -> Program:
    """The golden program with partial sums where one neuron's inputs fit no core.

    Raises:
        NmError: NM0329 for layers whose fan-in can neither fit nor be split.
    """
    if rules is None:
        return golden
    changed = {
        network.name: _fitting(network, rules, backend, target)
        for network in golden.chip_networks
        if any(synapses_of_neuron(n) > FITS_EVERYWHERE for n in network.nodes)
    }
    return golden.map_networks(lambda n: changed.get(n.name, n)) if changed else golden


def _fitting(network: Network, rules: TargetRules, backend: Backend, target: Target) -> Network:
    parts: dict[str, int] = {}
    current = network
    while True:
        refused = {d.where: d for d in backend.refusals(current, target) if d.code in CODES}
        large = [
            n
            for n in network.nodes
            if synapses_of_neuron(n) > FITS_EVERYWHERE and n.label in refused
        ]
        if not large:
            return current
        problems: list[Diagnostic] = []
        for node in large:
            parts[node.name] = 2 * parts.get(node.name, 1)
        current = network
        for name, count in parts.items():
            split = split_fan_in(current, name, count, rules.message_bits)
            if isinstance(split, str):
                node = network.by_name[name]
                problems.append(_impossible(node, refused[node.label], split, rules))
            else:
                current = split
        if problems:
            raise NmError(*problems)


def _impossible(node: Node, refused: Diagnostic, why: str, rules: TargetRules) -> Diagnostic:
    return dataclasses.replace(
        refused,
        code="NM0329",
        message=f"{refused.message}, and its fan-in cannot be split on {rules.target}: {why}",
        where=node.label,
        help=WAYS_OUT,
    )
