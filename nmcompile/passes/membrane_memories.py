"""How a memory of counted products fits the synapses that a target writes at run time.

A memory M = sum over places of n_k n_v, with counts n = 0 ... D, is asked by neurons that send D
levels at most. Spikes q that meet it give q M >= M for every q >= 1, and nothing is negative: an
element that alone reaches the last level may be as large as it likes. So it is stored as

    m = min(round(M c), most)   half to even,   most = 2^(bits - 1) - 1

where c <= 1 is the largest multiple of 2^-15 at which `most` reaches the last level of every
population that asks. Elements that saturate then change no spike; those below it are rounded, to
about 1 / 36 of a level at 8 bits. Neurons with a membrane over the steps of a memory know no such
bound: their memory has the scale of its largest possible element, and none saturates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Narrow, Query, Store
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import NILIF
from nmcompile.passes.recipe import Recipe

FRACTION_BITS: Final = 15
"""Of the factor c."""


@dataclass(frozen=True)
class Memory:
    """One memory at the integer level.

    Attributes:
        unit: the integer of a 1 in what is stored.
        largest: element that can be stored.
        narrow: how it comes from the exact one; None where that fits as it is.
    """

    unit: float
    largest: int
    narrow: Narrow | None


def memories(networks: Iterable[Network], recipe: Recipe) -> dict[str, Memory]:
    """Slot -> its memory, for all slots that the networks ask.

    Args:
        networks: float level, with NI-LIF neurons. recipe: for the width of their memories.
    """
    found = {}
    for network in networks:
        for slot in network.of_type(ops.Slot):
            asked = [n for n in network.consumers[slot.name] if isinstance(n.op, Query)]
            models = [_nilif(network.by_name[query.inputs[0]]) for query in asked]
            levels = [model.levels for model in models if model is not None]
            if isinstance(slot.op, ops.Slot) and asked and len(levels) == len(asked):
                found[slot.op.slot] = _memory(network, asked, max(levels), recipe.memory_bits)
    return found


def narrowed(network: Network, known: Mapping[str, Memory]) -> Network:
    """A float network whose memories pass through `Narrow` before they are kept.

    Args:
        network: that may write slots. known: `memories` of the networks that ask them.
    """
    nodes: list[Node] = []
    for node in network.nodes:
        memory = known.get(node.op.slot) if isinstance(node.op, Store) else None
        if memory is not None and memory.narrow is not None:
            narrow = Node(f"{node.name}_narrow", memory.narrow, node.inputs, node.origin)
            nodes.append(narrow)
            node = Node(node.name, node.op, (narrow.name,), node.origin)
        nodes.append(node)
    return network.replace(nodes=tuple(nodes))


def asks_memory(network: Network, node: Node) -> bool:
    """Whether a node multiplies spikes by a memory in a slot."""
    return isinstance(node.op, Query) and isinstance(network.by_name[node.inputs[1]].op, ops.Slot)


def _memory(network: Network, asked: list[Node], levels: int, bits: int) -> Memory:
    places = int(np.prod(network.types[asked[0].inputs[0]].shape[1:]))
    exact, possible = float(levels**2), levels**2 * places
    most = 2 ** (bits - 1) - 1
    if possible <= most:
        return Memory(exact, possible, None)
    reached = [_last_level(network, query, exact * levels) for query in asked]
    needed = max(possible if r is None else min(r, possible) for r in reached)
    # Half an integer stays for the rounding of the unit in which levels are compared.
    factor = min(1 << FRACTION_BITS, int((most - 0.5) / needed * (1 << FRACTION_BITS)))
    unit = exact * factor / (1 << FRACTION_BITS)
    return Memory(unit, most, Narrow(factor, FRACTION_BITS, most))


def _last_level(network: Network, query: Node, unit: float) -> float | None:
    """The sum that reaches the last level of the neurons behind a query; None: no such sum.

    Args:
        network: float level. query: its node. unit: of its sums.
    """
    reader, factor = network.only_consumer(query.name), 1.0
    if reader is not None and isinstance(reader.op, ops.Scale):
        factor = reader.op.factor
        reader = network.only_consumer(reader.name)
    model = None if reader is None else _nilif(reader)
    if model is None or max(network.timesteps, model.stacked) > 1:
        return None
    return (model.levels - 0.5) * unit / factor


def _nilif(node: Node) -> NILIF | None:
    model = node.op.model if isinstance(node.op, ops.Neuron) else None
    return model if isinstance(model, NILIF) else None
