"""Whether cores hold the template, and what the host writes for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nmcompile.backends.base import Backend, of_kind
from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Query
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program, Step
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.fcore_template import written_weights
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import limits_of
from nmcompile.mapping.template import template_words
from nmcompile.mapping.template_crossbars import TemplateCrossbarGraph
from nmcompile.passes import pipelines
from nmcompile.passes.context import PassContext
from nmcompile.passes.manager import PassManager
from nmcompile.passes.membrane_memories import asks_memory
from nmcompile.passes.place_matching import WRITES, is_depthwise, load_step, with_written_words
from nmcompile.target import Target

TOO_BIG = "the synapses of the template fit no core of {target}: {message} (limit: {limit})"


def correlation_that_fits(
    program: Program, context: PassContext, backend: Backend, target: Target
) -> PassContext:
    """The context, without correlation on cores where a template's synapses fit no core.

    Args:
        program: integer level.
        context: with the target's rules.
        backend: of the target. target: whose cores are asked.
    """
    rules = context.rules
    correlates = any(any(n.of_type(ops.Correlate)) for n in program.networks)
    if rules is None or rules.correlate in ("none", "taps") or not correlates:
        return context
    golden = PassManager(pipelines.GOLDEN).run(program, context)
    for network in golden.chip_networks:
        match = next(network.of_type(ops.Correlate), None)
        if match is None:
            continue
        for problem in backend.refusals(network, target):
            if problem.where == match.label:
                reason = TOO_BIG.format(
                    target=target.name, message=problem.message, limit=problem.limit
                )
                off = dataclasses.replace(rules, correlate="none", no_correlation=reason)
                return dataclasses.replace(context, rules=off)
    return context


def matching_rows(golden: Program, rule: str) -> tuple[tuple[str, str], ...]:
    """(layer, where its features meet the template and why) of correlations and memories.

    Args:
        golden: with the words of the mapped cores.
        rule: psm, tsm or hsm.
    """
    rows = []
    for network in golden.networks:
        step = next(iter(golden.steps_of(network.name)), None)
        for match in network.of_type(ops.Correlate, ops.TemplateTaps, Query):
            if step is None or (isinstance(match.op, Query) and not asks_memory(network, match)):
                continue
            kind = "depthwise" if is_depthwise(network, match) else rule
            kind = "memory" if isinstance(match.op, Query) else kind
            rows.append((match.label, f"{kind}, {_where(golden, network, step)}"))
    return tuple(rows)


def _where(golden: Program, network: Network, step: Step) -> str:
    if step.place == "host":
        return f"on the host: {step.reason}"
    load = load_step(golden, network)
    often = "a template" if load.trigger == "on_init" else "a crop"
    return f"on cores: {dict(load.host_ops)[WRITES]:,} synapse words written for {often}"


def with_template_writes(
    golden: Program, graphs: Mapping[str, MappedGraph], target: Target
) -> Program:
    """The program whose load steps count the words that the mapped cores really store."""
    written = {name: _words(g, target) for name, g in graphs.items() if g.slot}
    return with_written_words(golden, written) if written else golden


def _words(graph: MappedGraph, target: Target) -> int:
    """Words of one template."""
    if isinstance(graph, TemplateCrossbarGraph):
        return graph.template_words
    if isinstance(graph, FCoreGraph):
        return written_weights(graph)
    return template_words(of_kind(graph, CoreGraph), limits_of(target))
