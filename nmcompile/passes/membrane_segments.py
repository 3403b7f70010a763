"""A network with NI-LIF neurons as a sequence of pieces: chains on cores, and what the host does.

A chain is synapses, neurons, synapses ..., as far as single spike trains lead and cores can go;
synapses are a convolution, or a product with a memory that the host writes. It starts from spikes
and ends with spikes or, before a stream, with sums that the host reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.passes.membrane_memories import asks_memory
from nmcompile.passes.membrane_reasons import product_before


@dataclass(frozen=True)
class Piece:
    """Nodes that run one after the other at one place.

    Attributes:
        nodes: in network order; of a chain its synapses and neurons.
        on_cores: whether it is a chain on cores.
        output: of its nodes, the one whose value the next piece reads.
    """

    nodes: tuple[Node, ...]
    on_cores: bool
    output: str


def pieces(network: Network, refused: Mapping[str, str]) -> tuple[Piece, ...]:
    """The network in an order in which every chain reads the piece before it, or the outside.

    The host does what it can as soon as it can, but for the spikes that a later chain reads: the
    piece before that chain hands them on.

    Args:
        network: integer level. refused: node -> why cores cannot run it, for those that cannot.
    """
    chains = _chains(network, refused)
    entry = {network.input.name, *(n.name for n in network.of_type(ops.Encode))}
    apart = {node.name for chain in chains for node in chain} | {network.output.name}
    apart |= _passed(network, chains)
    if chains and chains[0][0].inputs[0] in entry:
        apart |= entry
    waiting = [n for n in network.nodes if n.name not in apart]
    done = entry & apart
    found: list[Piece] = []
    for index, chain in enumerate(chains):
        if chain[0].inputs[0] not in entry or found:
            ready = _ready(waiting, done, {c[0].inputs[0] for c in chains[index + 1 :]})
            waiting = [n for n in waiting if n not in ready]
            done |= {n.name for n in ready}
            found.append(Piece(tuple(ready), on_cores=False, output=chain[0].inputs[0]))
        found.append(Piece(chain, on_cores=True, output=chain[-1].name))
        done |= {node.name for node in chain}
    rest = (*waiting, network.output)
    return (*found, Piece(rest, on_cores=False, output=network.output.inputs[0]))


def _passed(network: Network, chains: list[tuple[Node, ...]]) -> set[str]:
    """What cores have no need of: factors between synapses and neurons, memories as values."""
    within = {node.name for chain in chains for node in chain}
    factors = {n.inputs[0] for chain in chains for n in chain[1:]} - within
    slots = network.of_type(ops.Slot)
    return factors | {s.name for s in slots if within.issuperset(_names(network.consumers[s.name]))}


def _names(nodes: Iterable[Node]) -> set[str]:
    return {node.name for node in nodes}


def _ready(waiting: list[Node], done: set[str], held: set[str]) -> list[Node]:
    """Nodes, in order, for which everything is there; spikes of later chains are held back."""
    there = set(done)
    found = []
    for node in waiting:
        if node.name not in held and there.issuperset(node.inputs):
            there.add(node.name)
            found.append(node)
    return found


def _chains(network: Network, refused: Mapping[str, str]) -> list[tuple[Node, ...]]:
    """Chains in network order of their first nodes."""
    taken: set[str] = set()
    sources: set[str] = set()
    found = []
    for node in network.nodes:
        if not is_synapses(network, node) or node.name in refused or node.name in taken:
            continue
        if node.inputs[0] in sources:
            # Only one chain can read what a piece hands on.
            continue
        sources.add(node.inputs[0])
        chain = [node]
        while (behind := _next(network, chain[-1], refused)) is not None:
            if asks_memory(network, behind) and any(asks_memory(network, n) for n in chain):
                # The host writes one memory into the cores of a chain.
                break
            chain.append(behind)
        taken |= {n.name for n in chain}
        found.append(tuple(chain))
    return found


def is_synapses(network: Network, node: Node) -> bool:
    """Whether a node can be synapses of a chain, as far as its operator goes."""
    return isinstance(node.op, ops.Conv2d) or asks_memory(network, node)


def _next(network: Network, node: Node, refused: Mapping[str, str]) -> Node | None:
    """What follows in a chain: the neurons behind synapses, the synapses behind neurons."""
    reader = network.only_consumer(node.name)
    if reader is not None and asks_memory(network, node) and not isinstance(reader.op, ops.Neuron):
        behind = network.only_consumer(reader.name)
        product = None if behind is None else product_before(network, behind)
        reader = None if product is None or product[0].name != node.name else behind
    if reader is None or reader.name in refused:
        return None
    if isinstance(node.op, ops.Neuron):
        follows = is_synapses(network, reader)
    else:
        follows = isinstance(reader.op, ops.Neuron)
    return reader if follows else None
