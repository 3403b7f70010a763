"""Where search features meet the template: on cores when the target allows it, else on the host.

On cores the exemplar becomes synapses. A correlation is a convolution with one output channel
whose weights the host writes, and its neurons never fire: the host reads their membranes after
the frame. PSM needs one set of weights for each template; a bank (TSM, HSM) is rewritten before
every timestep. An element that is too large for one weight takes several synapses, exactly. Where
a synapse is one bit and membranes cannot be read, see `nmcompile.passes.template_taps`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from math import prod

import numpy as np
import numpy.typing as npt

from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Query, Store
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNeuron
from nmcompile.ir.program import Program, Step
from nmcompile.matching.bank import TimeWeights
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.match_over_time import accumulated
from nmcompile.passes.template_taps import onto_taps, taps_refusal
from nmcompile.passes.to_host import cut_tail

Ints = npt.NDArray[np.int64]
LOAD_REASON = "the template is a set of synapses, which the host writes once per template"
REWRITE_REASON = "the template's weights change: the host writes them before every timestep"
WRITES = "synapse_writes"
"""Name of the host operation, as it stands in host.json."""


def place_matching(program: Program, context: PassContext) -> Program:
    """Move every correlation of a chip network to cores, or to the host with the reason why."""
    rules = context.rules
    if rules is None:
        return program
    for network in program.chip_networks:
        match = next(network.of_type(ops.Correlate), None)
        if match is None:
            continue
        reason = refusal(program, network, match, rules)
        if reason:
            program = cut_tail(program, network, match.inputs[0], reason, "match")
        elif is_depthwise(network, match):
            program = _kernels_onto_cores(program, network, match)
        elif rules.correlate == "taps":
            program = _onto_taps(program, network, match)
        else:
            program = _onto_cores(program, network, match, rules)
    return program


def refusal(program: Program, network: Network, match: Node, rules: TargetRules) -> str:
    """Why cores cannot hold this correlation (limit and value found); "" when they can."""
    if rules.correlate == "none":
        return rules.no_correlation
    template = network.by_name[match.inputs[1]].op
    if not isinstance(template, ops.Slot):
        return f"{rules.target} correlates with a stored template only"
    if is_depthwise(network, match):
        return ""
    if rules.correlate == "taps":
        largest = int(_elements(program, network, template).max())
        return taps_refusal(network, match, largest, rules)
    if network.types[_spikes_of(network, match)].bits > 1 and not rules.graded_spikes:
        return f"{rules.target} spikes carry no payload between cores"
    if len(template.shape) == 4 and rules.correlate != "bank":
        return f"the host writes {rules.target} synapses between frames, not between timesteps"
    elements = _elements(program, network, template)
    if not _groups(network, match, template, elements, rules):
        total = _largest_response(network, match, template, elements)
        allowed = f"{rules.accumulator_bits} bits hold {2 ** (rules.accumulator_bits - 1) - 1}"
        return (
            f"the response of one channel can reach {total // template.shape[-3]}, "
            f"{rules.target} membranes of {allowed}"
        )
    return ""


def is_depthwise(network: Network, match: Node) -> bool:
    """Whether every channel of the template meets its own channel, and neurons take the sums."""
    channels = network.types[match.inputs[1]].shape[-3]
    read = any(isinstance(r.op, ops.Accumulate) for r in network.consumers[match.name])
    return isinstance(match.op, ops.Correlate) and match.op.groups == channels > 1 and not read


def _groups(
    network: Network, match: Node, template: ops.Slot, elements: Ints, rules: TargetRules
) -> int:
    total = _largest_response(network, match, template, elements)
    return partial_sums(template.shape[-3], total, rules)


def _largest_response(network: Network, match: Node, template: ops.Slot, elements: Ints) -> int:
    loudest = _payloads(network, _spikes_of(network, match))
    return prod(template.shape[-3:]) * int((loudest * elements).sum())


def partial_sums(channels: int, total: int, rules: TargetRules) -> int:
    """The fewest groups of channels whose responses fit a membrane each; 0 where none does.

    Args:
        channels: of the template. total: largest response of all channels. rules: of the target.
    """
    largest = 2 ** (rules.accumulator_bits - 1) - 1
    return next(
        (n for n in range(1, channels + 1) if channels % n == 0 and total // n <= largest), 0
    )


def with_written_words(program: Program, words: Mapping[str, int]) -> Program:
    """The program with the words that the mapping needs, copies on several cores included.

    Args:
        program: golden level.
        words: network -> synapse words of one template.
    """
    counts: dict[str, int] = {}
    for network in program.chip_networks:
        if words.get(network.name):
            count = words[network.name] * _templates(network)
            names = (network.name, *(s.name for s in program.steps_of(network.name)))
            counts |= {_load_name(name): count for name in names}
    schedule = tuple(
        dataclasses.replace(s, host_ops=((WRITES, counts[s.name]),)) if s.name in counts else s
        for s in program.schedule
    )
    return dataclasses.replace(program, schedule=schedule)


def load_step(program: Program, network: Network) -> Step:
    """The host's step that writes the template of a network on cores."""
    names = {
        _load_name(n) for n in (network.name, *(s.name for s in program.steps_of(network.name)))
    }
    return next(s for s in program.schedule if s.name in names)


def with_load_steps(program: Program) -> Program:
    """The program with a step for every chip network that asks memories, which the host writes.

    A step comes behind the last one that fills the slot, in the same trigger.
    """
    schedule = list(program.schedule)
    for network in reversed(program.chip_networks):
        for query in network.of_type(Query):
            slot = network.by_name[query.inputs[1]].op
            if not isinstance(slot, ops.Slot):
                raise TypeError(f"`{query.label}` asks no memory")
            last = max(i for i, s in enumerate(schedule) if slot.slot in _filled(program, s))
            load = Step(_load_name(network.name), schedule[last].trigger, "host")
            writes = ((WRITES, prod(slot.shape)),)
            load = dataclasses.replace(load, reason=LOAD_REASON, host_ops=writes)
            schedule.insert(last + 1, load)
    return dataclasses.replace(program, schedule=tuple(schedule))


def _filled(program: Program, step: Step) -> set[str]:
    """Slots that a step writes."""
    if step.network is None:
        return set()
    stores = program.network(step.network).of_type(Store)
    return {step.writes, *(n.op.slot for n in stores if isinstance(n.op, Store))}


def _load_name(name: str) -> str:
    return f"{name}_weights"


def _correlate(network: Network) -> ops.Correlate:
    return next(n.op for n in network.nodes if isinstance(n.op, ops.Correlate))


def _in_words(network: Network, words: int, largest: int, groups: int) -> Network:
    """The correlation with several synapses for an element, and several sums, where it needs them.

    Args:
        network: that correlates. words: synapses of one element. largest: that one synapse holds.
        groups: partial sums over channels that the host adds.
    """
    op = dataclasses.replace(_correlate(network), groups=groups)
    if words > 1:
        op = dataclasses.replace(op, words=words, largest=largest)
    return network.map_nodes(
        lambda n: dataclasses.replace(n, op=op) if isinstance(n.op, ops.Correlate) else n
    )


def _templates(network: Network) -> int:
    """Templates that one frame needs: T of a bank, else one."""
    match = next(network.of_type(ops.Correlate, ops.TemplateTaps), None)
    if match is None:
        return 1
    shape = network.types[match.inputs[1]].shape
    return shape[0] if len(shape) == 4 else 1


def _spikes_of(network: Network, match: Node) -> str:
    """The node whose spikes are matched: input 0, or what is counted in front of it."""
    source = network.by_name[match.inputs[0]]
    return source.inputs[0] if isinstance(source.op, ops.Decode) else source.name


def _elements(program: Program, search: Network, template: ops.Slot) -> Ints:
    """`(T,)` the largest element that the exemplar's spikes can write for every timestep."""
    written = {s.network for s in program.schedule if s.writes == template.slot}
    (writer,) = (n for n in program.networks if n.name in written)
    written_by = writer.by_name[writer.output.inputs[0]]
    loudest = _payloads(writer, written_by.inputs[0])
    op = written_by.op
    if isinstance(op, ops.TemplateBank):
        weights = TimeWeights(op.potential, op.temporal, op.period)
        return weights.matrix(op.timesteps) @ loudest
    return np.full(search.timesteps, loudest.sum())


def _payloads(network: Network, name: str) -> Ints:
    """`(T,)` the largest payload that a spike of node `name` can carry at every timestep."""
    op = network.by_name[name].op
    steps = np.arange(network.timesteps)
    if not isinstance(op, ops.Neuron) or not isinstance(op.model, IntegerNeuron):
        return np.full(len(steps), 2 ** network.types[name].bits - 1)
    payloads = np.array(op.model.payloads)
    if op.model.advance == "clock":
        return np.asarray(payloads[steps % len(payloads)])
    return np.full(len(steps), payloads.max())


def _onto_cores(program: Program, network: Network, match: Node, rules: TargetRules) -> Program:
    """Spikes instead of counts reach the correlation, and a counted host step writes weights."""
    slot = network.by_name[match.inputs[1]].op
    if not isinstance(slot, ops.Slot):
        raise TypeError(f"`{match.label}` reads no slot")
    one_word = 2 ** (rules.weight_bits - 1) - 1
    elements = _elements(program, network, slot)
    words = -(-int(elements.max()) // one_word)
    groups = _groups(network, match, slot, elements, rules)
    stored = _in_words(accumulated(network, match), words, one_word, groups)
    program = program.map_networks(lambda n: stored if n.name == stored.name else n)
    pairs = 2 if _correlate(stored).signed_pairs else 1
    # The mapping will say how many cores need a copy.
    return _written(program, stored, slot, prod(slot.shape) * pairs * words)


def _kernels_onto_cores(program: Program, network: Network, match: Node) -> Program:
    """Depthwise kernels are the weights of neurons that send: nothing is rewritten but weights."""
    slot, op = network.by_name[match.inputs[1]].op, match.op
    if not isinstance(slot, ops.Slot) or not isinstance(op, ops.Correlate):
        raise TypeError(f"`{match.label}` reads no slot")
    return _written(program, network, slot, prod(slot.shape) * (2 if op.signed_pairs else 1))


def _onto_taps(program: Program, network: Network, match: Node) -> Program:
    """Bits of the template behind neurons that fire, and a counted host step that writes them."""
    slot = network.by_name[match.inputs[1]].op
    if not isinstance(slot, ops.Slot):
        raise TypeError(f"`{match.label}` reads no slot")
    largest = int(_elements(program, network, slot).max())
    program = onto_taps(program, network, match, largest)
    return _written(program, program.network(network.name), slot, prod(slot.shape))


def _written(program: Program, network: Network, slot: ops.Slot, count: int) -> Program:
    """The program with the step in which the host writes `count` words of a template."""
    every_step = _templates(network) > 1
    writes = ((WRITES, count),)
    schedule: list[Step] = []
    for step in program.schedule:
        if step.network == network.name and every_step:
            load = Step(_load_name(step.name), step.trigger, "host", host_ops=writes)
            schedule.append(dataclasses.replace(load, repeat=step.repeat, reason=REWRITE_REASON))
        schedule.append(step)
        if step.writes == slot.slot and not every_step:
            load = Step(_load_name(network.name), step.trigger, "host", host_ops=writes)
            schedule.append(dataclasses.replace(load, reason=LOAD_REASON))
    return dataclasses.replace(program, schedule=tuple(schedule))
