"""A network with NI-LIF neurons as a sequence of pieces: chains on cores, and what the host does.

A chain is convolution, neurons, convolution ..., as far as single spike trains lead and cores can
go. It starts from spikes and ends with spikes or, before a stream, with sums that the host reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node


@dataclass(frozen=True)
class Piece:
    """Nodes that run one after the other at one place.

    Attributes:
        nodes: in network order.
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
        if not isinstance(node.op, ops.Conv2d) or node.name in refused or node.name in taken:
            continue
        if node.inputs[0] in sources:
            # Only one chain can read what a piece hands on.
            continue
        sources.add(node.inputs[0])
        chain = [node]
        while (behind := _next(network, chain[-1], refused)) is not None:
            chain.append(behind)
        taken |= {n.name for n in chain}
        found.append(tuple(chain))
    return found


def _next(network: Network, node: Node, refused: Mapping[str, str]) -> Node | None:
    """What follows in a chain: the neurons of a convolution, the convolution of neurons."""
    reader = network.only_consumer(node.name)
    kind = ops.Neuron if isinstance(node.op, ops.Conv2d) else ops.Conv2d
    if reader is None or not isinstance(reader.op, kind) or reader.name in refused:
        return None
    return reader
