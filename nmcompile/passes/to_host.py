"""Split off what the chip cannot run: each piece becomes a host network of its own."""

from __future__ import annotations

import dataclasses

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext

MATCH_REASON = "the template is written at run time, {target} has no correlation of its own"
SCALE_REASON = "counts become real values by a multiplication, which {target} cores do not have"
INPUT_REASON = "{target} spikes are binary: an input line cannot carry a pixel value"


def readout_to_host(program: Program, context: PassContext) -> Program:
    """Cut every chip network behind its decoded counts when arithmetic follows.

    The host network `NAME_match` correlates the counts with the slot, `NAME_scale` only turns
    them into real values; the operations of both are counted.
    """
    rules = context.rules
    if rules is None:
        return program
    for network in program.chip_networks:
        decoded = next(network.of_type(ops.Decode), None)
        if decoded is None:
            continue
        matches = any(network.of_type(ops.Correlate)) and not rules.correlate
        if matches or any(isinstance(n.op, ops.Scale) for n in network.consumers[decoded.name]):
            reason = (MATCH_REASON if matches else SCALE_REASON).format(target=rules.target)
            suffix = "match" if matches else "scale"
            program = _cut_tail(program, network, decoded.name, reason, suffix)
    return program


def input_to_host(program: Program, context: PassContext) -> Program:
    """Where input spikes are binary, the first layer and its neurons transduce on the host."""
    rules = context.rules
    if rules is None or rules.graded_input:
        return program
    for network in program.chip_networks:
        if next(network.of_type(ops.Encode), None) is not None:
            program = _cut_head(program, network, INPUT_REASON.format(target=rules.target))
    return program


def _cut_tail(program: Program, network: Network, at: str, reason: str, suffix: str) -> Program:
    """Everything behind node `at` moves to the host network `NAME_SUFFIX`."""
    tail_names = _reached_from(network, at)
    head_nodes = [n for n in network.nodes if n.name not in tail_names]
    head_nodes = [n for n in head_nodes if not isinstance(n.op, ops.Slot)]
    edge = network.types[at]
    head = network.replace(nodes=(*head_nodes, Node("features", ops.Output(), (at,))))
    feed = Node(at, ops.Input(edge.kind, edge.shape, edge.bits, edge.signed))
    slots = tuple(network.of_type(ops.Slot))
    rest = tuple(n for n in network.nodes if n.name in tail_names)
    tail = Network(f"{network.name}_{suffix}", (feed, *slots, *rest))
    return _replace(program, network.name, first=head, second=tail, host=tail.name, reason=reason)


def _cut_head(program: Program, network: Network, reason: str) -> Program:
    """Everything up to the first population moves to the host network `NAME_input`."""
    population = next(network.of_type(ops.Neuron))
    edge = network.types[population.name]
    tail_names = _reached_from(network, population.name)
    head_nodes = [n for n in network.nodes if n.name not in tail_names]
    head = Network(
        f"{network.name}_input",
        (*head_nodes, Node("spikes", ops.Output(), (population.name,))),
        network.timesteps,
    )
    feed = Node(population.name, ops.Input("spikes", edge.shape, 1), (), population.origin)
    tail = network.replace(nodes=(feed, *(n for n in network.nodes if n.name in tail_names)))
    return _replace(program, network.name, first=head, second=tail, host=head.name, reason=reason)


def _reached_from(network: Network, start: str) -> set[str]:
    """Names of the nodes that depend on `start` (itself excluded)."""
    reached = {start}
    for node in network.nodes:
        if any(i in reached for i in node.inputs):
            reached.add(node.name)
    return reached - {start}


def _replace(
    program: Program, name: str, *, first: Network, second: Network, host: str, reason: str
) -> Program:
    """Put two networks, run one after the other, in the place of one."""
    networks: list[Network] = []
    for network in program.networks:
        networks += [first, second] if network.name == name else [network]
    schedule: list[Step] = []
    renamed: dict[str, str] = {}
    for step in program.schedule:
        step = dataclasses.replace(step, reads=renamed.get(step.reads, step.reads))
        if step.network != name:
            schedule.append(step)
            continue
        host_first = host == first.name
        before = f"{step.name}_input" if host_first else step.name
        after = step.name if host_first else host.replace(name, step.name)
        renamed[step.name] = after
        common = {"place": "host", "reason": reason}
        head = dataclasses.replace(step, name=before, network=first.name, writes="")
        tail = dataclasses.replace(step, name=after, network=second.name, reads=before)
        schedule.append(dataclasses.replace(head, **common) if host_first else head)  # type: ignore[arg-type]
        schedule.append(tail if host_first else dataclasses.replace(tail, **common))  # type: ignore[arg-type]
    return dataclasses.replace(program, networks=tuple(networks), schedule=tuple(schedule))
