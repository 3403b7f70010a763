"""Networks with NI-LIF neurons are cut between cores and host: chains here, streams there.

What a chain reads comes from the piece before it; everything else that crosses a cut waits in a
slot that the host writes. Chains that two networks have in common (the backbone of template and
search) are one network on the chip, and both networks' steps run it. Where a chain multiplies by a
memory, the memory is its weights: the host writes them whenever the slot changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from nmcompile.diagnostics import NmError
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.infer import ACCUMULATOR_BITS
from nmcompile.ir.membrane_ops import Bilinear, Offset, Store
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import IntegerNILIF
from nmcompile.ir.program import Place, Program, Step
from nmcompile.passes.context import PassContext, TargetRules
from nmcompile.passes.membrane_reasons import activation, product_before, refusal, refusals
from nmcompile.passes.membrane_segments import Piece, is_synapses, pieces
from nmcompile.passes.place_matching import with_load_steps

SUMS: Final = "sums"
"""Name of the read-out of a chain that ends before a stream."""
STEPS: Final = (
    "its neurons keep a decaying membrane over {steps} timesteps, which no neuron of {target} does"
)
LEVELS: Final = "activations of {target} cores can end below 255: counts of NI-LIF neurons end at 4"
JOINS: Final = "it turns the sums of cores into what leaves the network"


def has_integer_membranes(network: Network) -> bool:
    """Whether an integer network has NI-LIF neurons."""
    return any(
        isinstance(n.op, ops.Neuron) and isinstance(n.op.model, IntegerNILIF) for n in network.nodes
    )


def membranes_to_host(program: Program, context: PassContext) -> Program:
    """Cut every chip network with NI-LIF neurons.

    Raises:
        NmError: NM0337, every layer with the reason, where a target has no such neurons.
    """
    rules = context.rules
    if rules is None:
        return program
    cut = [n for n in program.chip_networks if has_integer_membranes(n)]
    if not rules.activations:
        found = [problem for network in cut for problem in refusals(network, rules)]
        if found:
            raise NmError(*found)
    shared: dict[str, Network] = {}
    for network in cut:
        program = _Cutter(program, network, rules, shared).run()
    if not shared:
        return program
    return with_load_steps(program.assume(LEVELS.format(target=rules.target)))


@dataclass
class _Cutter:
    """Cuts one network.

    Attributes:
        chains: networks on the chip so far, of all networks that are cut.
    """

    program: Program
    network: Network
    rules: TargetRules
    chains: dict[str, Network]
    networks: list[Network] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    starts: dict[str, Array] = field(default_factory=dict)
    """Convolution that ends a chain -> the bias that its cores add."""
    without: dict[str, Offset] = field(default_factory=dict)
    """The offsets behind them, without that bias."""

    def run(self) -> Program:
        (step,) = self.program.steps_of(self.network.name)
        refused = self._refused()
        parts = pieces(self.network, refused)
        for piece in parts:
            if piece.on_cores and isinstance(piece.nodes[-1].op, ops.Conv2d):
                self._take_bias(piece.nodes[-1])
        for index, piece in enumerate(parts):
            before = parts[index - 1] if index else None
            if piece.on_cores:
                made, reason = self._chain(piece), ""
            else:
                later = {i for p in parts[index + 1 :] if not p.on_cores for i in _inputs(p)}
                made = self._host(piece, before, later, f"{self.network.name}_host_{index:02d}")
                reason = _reason(piece, refused)
            self._schedule(step, made, reason)
        return self._replaced(step)

    def _refused(self) -> dict[str, str]:
        network, rules = self.network, self.rules
        refused = {n.name: why for n in network.nodes if (why := refusal(network, n, rules))}
        if network.timesteps > 1:
            why = STEPS.format(steps=network.timesteps, target=rules.target)
            refused |= {n.name: why for n in network.of_type(ops.Conv2d)}
        return refused

    def _take_bias(self, conv: Node) -> None:
        """Let neurons that never fire begin with the bias of the offset behind a convolution."""
        reader = self.network.only_consumer(conv.name)
        scaled = 0
        if reader is not None and isinstance(reader.op, Bilinear):
            scaled = reader.op.denominator.bit_length() - 1
            reader = self.network.only_consumer(reader.name)
        if reader is None or not isinstance(reader.op, Offset) or reader.op.value.data.ndim > 1:
            return
        value, shift = reader.op.value.data.astype(np.int64), reader.op.shift.data + scaled
        start = value >> shift
        if np.array_equal(start << shift, value):
            self.starts[conv.name] = Array(start.astype(np.int32))
            zero = Array(np.zeros_like(reader.op.value.data))
            self.without[reader.name] = dataclasses.replace(reader.op, value=zero)

    def _schedule(self, step: Step, made: Network, reason: str) -> None:
        reads = self.steps[-1].name if self.steps else step.reads
        name = made.name if reason else f"{step.name}_{made.name}"
        place: Place = "host" if reason else step.place
        self.steps.append(
            dataclasses.replace(
                step, name=name, place=place, network=made.name, reads=reads, reason=reason
            )
        )

    def _replaced(self, step: Step) -> Program:
        known = {n.name for n in self.program.networks}
        networks: list[Network] = []
        for network in self.program.networks:
            same = network.name == self.network.name
            networks += [n for n in self.networks if n.name not in known] if same else [network]
        last = self.steps[-1].name
        schedule: list[Step] = []
        for other in self.program.schedule:
            reads = last if other.reads == step.name else other.reads
            mine = other.name == step.name
            schedule += self.steps if mine else [dataclasses.replace(other, reads=reads)]
        return dataclasses.replace(self.program, networks=tuple(networks), schedule=tuple(schedule))

    def _chain(self, piece: Piece) -> Network:
        """The chain as a network of 8-bit activations; the same one if another network has it."""
        first = piece.nodes[0]
        source = self.network.by_name[first.inputs[0]]
        edge = self.network.types[source.name]
        nodes = [Node("input", ops.Input("spikes", edge.shape, edge.bits, edge.signed))]
        if isinstance(source.op, ops.Encode):
            nodes = [Node("input", self.network.input.op), Node("pixels", source.op, ("input",))]
        for node in piece.nodes:
            before = nodes[-1].name
            others = [self.network.by_name[name] for name in node.inputs[1:]]
            nodes += others
            inputs = (before, *(other.name for other in others))
            nodes.append(dataclasses.replace(node, op=self._on_cores(node), inputs=inputs))
        end = piece.nodes[-1]
        if is_synapses(self.network, end):
            read = ops.Accumulate(apart=True, start=self.starts.get(end.name, ops.ZERO))
            nodes.append(Node(SUMS, read, (end.name,), end.origin))
        nodes.append(Node("output", ops.Output(), (nodes[-1].name,)))
        return self._shared(first.name, tuple(nodes))

    def _on_cores(self, node: Node) -> ops.Op:
        """A node of a chain as cores have it."""
        model = node.op.model if isinstance(node.op, ops.Neuron) else None
        if not isinstance(model, IntegerNILIF):
            return node.op
        product = product_before(self.network, node)
        counts = activation(model, 0 if product is None else product[1])
        if counts is None:
            raise ValueError("no activation counts these levels")
        return ops.Neuron(counts)

    def _shared(self, name: str, nodes: tuple[Node, ...]) -> Network:
        same = (n for n in self.chains.values() if n.nodes == nodes)
        made = next(same, None)
        if made is None:
            name = f"{self.network.name}_{name}" if name in self.chains else name
            made = self.chains[name] = Network(name, nodes)
        self.networks.append(made)
        return made

    def _host(self, piece: Piece, before: Piece | None, later: set[str], name: str) -> Network:
        """A host network: it reads the piece before it and slots, and keeps what is read later."""
        mine = [
            dataclasses.replace(n, op=self.without.get(n.name, n.op))
            for n in piece.nodes
            if not isinstance(n.op, ops.Output)
        ]
        nodes = [] if before is None else [self._handed(before)]
        there = {n.name for n in (*nodes, *mine)}
        read = dict.fromkeys((*_inputs(piece), piece.output))
        nodes += [self._kept(source) for source in read if source not in there]
        made = [n.name for n in (*nodes[:1], *mine) if n.name in later]
        nodes += [*mine, *(Node(f"{n}_kept", Store(self._slot(n)), (n,)) for n in made)]
        nodes.append(Node("output", ops.Output(), (piece.output,)))
        network = Network(name, tuple(nodes), self.network.timesteps)
        self.networks.append(network)
        return network

    def _handed(self, before: Piece) -> Node:
        """What a chain says; sums as wide as membranes of cores are."""
        edge = self.network.types[before.output]
        origin = self.network.by_name[before.output].origin
        if edge.kind == "spikes":
            entry = ops.Input("spikes", edge.shape, edge.bits, edge.signed)
        else:
            entry = ops.Input("values", edge.shape, ACCUMULATOR_BITS, signed=True)
        return Node(before.output, entry, (), origin)

    def _kept(self, name: str) -> Node:
        edge = self.network.types[name]
        slot = ops.Slot(self._slot(name), edge.shape, edge.bits, edge.signed)
        return Node(name, slot, (), self.network.by_name[name].origin)

    def _slot(self, name: str) -> str:
        return f"{self.network.name}.{name}"


def _inputs(piece: Piece) -> list[str]:
    return [i for node in piece.nodes for i in node.inputs]


def _reason(piece: Piece, refused: Mapping[str, str]) -> str:
    """Every different reason of a piece once, in network order."""
    found = dict.fromkeys(refused[n.name] for n in piece.nodes if n.name in refused)
    return "; ".join(found) or JOINS
