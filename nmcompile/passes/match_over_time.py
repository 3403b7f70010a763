"""TSM and HSM: the search features meet the template at every timestep, not as counts.

Behind `to_spiking` a program matches decoded counts (PSM). Here the template network's counts
become a bank of T filtered templates, and the search network correlates its spikes with the
bank's template of the same timestep.
"""

from __future__ import annotations

import dataclasses

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program
from nmcompile.matching.bank import TimeWeights
from nmcompile.passes.context import PassContext
from nmcompile.passes.recipe import Matching


def match_over_time(program: Program, context: PassContext) -> Program:
    """Replace PSM by the rule of the recipe.

    The response is divided by `TimeWeights.gain`, so that spikes without temporal structure get
    the response that PSM would give them.

    Raises:
        NmError: NM0213 when both weights of the rule are zero, or when what is matched is no
            decoded spike train.
    """
    rule = context.recipe.matching
    if rule.rule == "psm" or not any(any(n.of_type(ops.Correlate)) for n in program.networks):
        return program
    weights = time_weights(rule)
    for network in program.networks:
        for match in network.of_type(ops.Correlate):
            program = _matched_over_time(program, network, match, weights)
    return program


def time_weights(rule: Matching) -> TimeWeights:
    """The integer weights of TSM or HSM.

    Raises:
        NmError: NM0213 when both weights are zero.
    """
    if rule.rule == "tsm":
        return TimeWeights(0, 1, rule.response_period)
    if rule.potential_weight == rule.temporal_weight == 0:
        raise _refused("both weights of hybrid matching are zero", "matching")
    return TimeWeights(rule.potential_weight, rule.temporal_weight, rule.response_period)


def _matched_over_time(
    program: Program, search: Network, match: Node, weights: TimeWeights
) -> Program:
    slot = search.by_name[match.inputs[1]].op
    if not isinstance(slot, ops.Slot):
        raise _refused("the template comes from no slot", match.label)
    written = {s.network for s in program.schedule if s.writes == slot.slot and s.network}
    changed = {name: _banked(program.network(name), weights) for name in written}
    changed[search.name] = _over_time(search, match, weights)
    return program.map_networks(lambda n: changed.get(n.name, n))


def _banked(template: Network, weights: TimeWeights) -> Network:
    """The template network with a bank in the place of its counts."""
    counts = template.by_name[template.output.inputs[0]]
    if not isinstance(counts.op, ops.Decode):
        raise _refused("the template is no decoded spike train", counts.label)
    bank = ops.TemplateBank(
        template.timesteps,
        weights.potential,
        weights.temporal,
        weights.period,
        counts.op.signed_pairs,
    )
    return template.map_nodes(
        lambda node: dataclasses.replace(node, op=bank) if node.name == counts.name else node
    )


def _over_time(search: Network, match: Node, weights: TimeWeights) -> Network:
    """The search network with its correlation in front of the sum over time."""
    if not isinstance(search.by_name[match.inputs[0]].op, ops.Decode):
        raise _refused("the search features are no decoded spike train", match.label)
    gain, steps = weights.gain(search.timesteps), search.timesteps

    def change(node: Node) -> Node:
        op = node.op
        if node.name == match.inputs[1] and isinstance(op, ops.Slot):
            shape = (steps, *op.shape[-3:])
            return dataclasses.replace(node, op=dataclasses.replace(op, shape=shape, bits=32))
        if isinstance(op, ops.Scale) and match.name in node.inputs:
            return dataclasses.replace(node, op=ops.Scale(op.factor / gain, op.offset))
        return node

    return accumulated(search, match).map_nodes(change)


def accumulated(search: Network, match: Node) -> Network:
    """sum_t (z * x_t) in the place of z * (sum_t x_t): the same for one template, by linearity."""
    counts = search.by_name[match.inputs[0]]
    if not isinstance(counts.op, ops.Decode):
        return search
    correlate = ops.Correlate(counts.op.signed_pairs)
    step = Node(f"{match.name}_step", correlate, (counts.inputs[0], match.inputs[1]), match.origin)
    nodes: list[Node] = []
    for node in search.nodes:
        if node.name == match.name:
            nodes.append(step)
            node = dataclasses.replace(node, op=ops.Accumulate(), inputs=(step.name,))
        if node.name != counts.name:
            nodes.append(node)
    return search.replace(nodes=tuple(nodes))


def _refused(message: str, where: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0213",
            message=f"temporal matching is impossible: {message}",
            where=where,
            help=("give at least one weight of the rule a value above zero", "or use `psm`"),
        )
    )
