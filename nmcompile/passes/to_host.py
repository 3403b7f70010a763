"""Split off what the chip cannot run: each piece becomes a host network of its own."""

from __future__ import annotations

import dataclasses

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Program, Step
from nmcompile.passes.context import PassContext
from nmcompile.passes.pixel_neurons import drives_neurons

SCALE_REASON = "counts become real values by a multiplication, which {target} cores do not have"
BANK_REASON = (
    "the exemplar's spikes are filtered over time, once per template: {target} cores do not"
)
INPUT_REASON = "{target} spikes are binary: an input line cannot carry a pixel value"
CHOSEN_REASON = "input_coding = {coding!r}: " + INPUT_REASON


def readout_to_host(program: Program, context: PassContext) -> Program:
    """Cut every chip network behind what the host reads when arithmetic follows.

    The host network `NAME_scale` turns counts or membranes into real values, `NAME_bank` filters
    an exemplar's spikes over time; the operations of both are counted.
    """
    rules = context.rules
    if rules is None:
        return program
    for network in program.chip_networks:
        bank = next(network.of_type(ops.TemplateBank), None)
        if bank is not None:
            reason = BANK_REASON.format(target=rules.target)
            program = cut_tail(program, network, bank.inputs[0], reason, "bank")
        read = next(network.of_type(ops.Decode, ops.Accumulate), None)
        if read and any(isinstance(n.op, ops.Scale) for n in network.consumers[read.name]):
            reason = SCALE_REASON.format(target=rules.target)
            program = cut_tail(program, network, read.name, reason, "scale")
            if isinstance(read.op, ops.Accumulate):
                program = _reading_membranes(program, network, read)
    return program


def _reading_membranes(program: Program, network: Network, read: Node) -> Program:
    """Count what the host reads from neurons that never fire."""
    count, responses = (network.types[n].size for n in (read.inputs[0], read.name))
    adds = (("membrane_adds", count - responses),) if count > responses else ()
    reads = (("membrane_reads", count), *adds)
    schedule = tuple(
        dataclasses.replace(s, host_ops=reads) if s.network == f"{network.name}_scale" else s
        for s in program.schedule
    )
    return dataclasses.replace(program, schedule=schedule)


def input_to_host(program: Program, context: PassContext) -> Program:
    """Where input spikes are binary, the first layer and its neurons transduce on the host.

    Pixel neurons on cores need no transduction: who wants one says so in the recipe.
    """
    rules = context.rules
    if rules is None or rules.graded_input:
        return program
    text = CHOSEN_REASON if rules.pixel_neurons else INPUT_REASON
    reason = text.format(target=rules.target, coding=context.recipe.input_coding)
    for network in program.chip_networks:
        if not all(drives_neurons(network, e) for e in network.of_type(ops.Encode)):
            program = _cut_head(program, network, reason)
    return program


def cut_tail(program: Program, network: Network, at: str, reason: str, suffix: str) -> Program:
    """Everything behind node `at` moves to the host network `NAME_SUFFIX`.

    A spike train crosses timestep by timestep, anything else once, after the last one.
    """
    tail_names = _reached_from(network, at)
    head_nodes = [n for n in network.nodes if n.name not in tail_names]
    rest = tuple(n for n in network.nodes if n.name in tail_names)
    head = network.replace(
        nodes=(*_without_unread_slots(head_nodes), Node("features", ops.Output(), (at,)))
    )
    edge = network.types[at]
    feed = Node(at, ops.Input(edge.kind, edge.shape, edge.bits, edge.signed))
    read = {i for node in rest for i in node.inputs}
    slots = tuple(n for n in network.of_type(ops.Slot) if n.name in read)
    steps = network.timesteps if edge.kind == "spikes" else 1
    tail = Network(f"{network.name}_{suffix}", (feed, *slots, *rest), steps)
    return _replace(program, network.name, first=head, second=tail, host=tail.name, reason=reason)


def _without_unread_slots(nodes: list[Node]) -> list[Node]:
    read = {i for node in nodes for i in node.inputs}
    return [n for n in nodes if not isinstance(n.op, ops.Slot) or n.name in read]


def _cut_head(program: Program, network: Network, reason: str) -> Program:
    """Everything up to the first population moves to the host network `NAME_input`."""
    population = next(network.of_type(ops.Neuron))
    edge = network.types[population.name]
    tail_names = _reached_from(network, population.name)
    # The template is read behind the features.
    tail_names |= {n.name for n in network.of_type(ops.Slot)}
    head_nodes = [n for n in network.nodes if n.name not in tail_names]
    head = Network(
        f"{network.name}_input",
        (*head_nodes, Node("spikes", ops.Output(), (population.name,))),
        network.timesteps,
    )
    feed = Node(population.name, ops.Input("spikes", edge.shape, edge.bits), (), population.origin)
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
