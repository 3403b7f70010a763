"""What a SpikeTrack has to do per crop, layer by layer, from its graph."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import ChannelGate, KeyValue, Query
from nmcompile.ir.network import Network
from nmcompile.reference.membranes import membrane_operations

KINDS = (
    ("first", r"^backbone\.0\.conv$"),
    ("gate", r"\.gate$"),
    ("keys x values", r"key_times_value$"),
    ("queries x memory", r"(query_times_memory|profile|answer)$"),
    ("SepConv 1", r"\.mix\.0\.conv$"),
    ("SepConv 2", r"\.mix\.1\.conv$"),
    ("SepConv 3", r"\.mix\.2\.conv$"),
    ("expand", r"\.wide\.0\.conv$"),
    ("contract", r"\.wide\.1\.conv$"),
    ("MLP 1", r"\.mlp\.0\.conv$"),
    ("MLP 2", r"\.mlp\.1\.conv$"),
    ("attention out", r"(attention\.project\.0\.conv|\.project|\.local)$"),
    ("attention in", r"(query_key_value|key_value|\.query|\.refine)$"),
    ("reduce", r"\.reduce$"),
    ("head", r"^head\."),
    ("down", r"^backbone\.\d+\.0\.conv$"),
)
"""Kinds of layers by what they read, and how their names end."""


@dataclass(frozen=True)
class Layer:
    """One layer with multiply-adds.

    Attributes:
        label: the user's name. kind: of `KINDS`. macs: dense, per crop.
        sources: nodes whose spikes it reads.
        memory: whether it belongs to a memory retrieval module.
    """

    label: str
    kind: str
    macs: int
    sources: tuple[str, ...]
    memory: bool


def layers(network: Network, depths: frozenset[str] = frozenset()) -> list[Layer]:
    """All layers of a network.

    Args:
        network: float or integer. depths: labels of the memory retrieval modules.
    """
    found = []
    for node in network.nodes:
        if isinstance(node.op, ops.Conv2d):
            macs = network.types[node.name].size * int(np.prod(node.op.weight.shape[1:]))
        elif isinstance(node.op, KeyValue | Query | ChannelGate):
            macs = membrane_operations(node, network.types)
        else:
            continue
        stage = ".".join(node.label.split(".")[:2])
        found.append(Layer(node.label, kind_of(node.label), macs, node.inputs, stage in depths))
    return found


def memory_depths(network: Network) -> frozenset[str]:
    """Labels of the stages of a search network that ask a memory."""
    return frozenset(
        ".".join(n.label.split(".")[:2])
        for n in network.of_type(Query)
        if n.label.endswith(".profile")
    )


def kind_of(label: str) -> str:
    """The kind of a layer."""
    return next(kind for kind, pattern in KINDS if re.search(pattern, label))


def share(kind: str, every: Sequence[Layer]) -> dict[str, float]:
    """How deep every layer of a kind lies among those of its kind, 0 ... 1, by label."""
    same = [layer.label for layer in every if layer.kind == kind]
    return {label: i / max(1, len(same) - 1) for i, label in enumerate(same)}
