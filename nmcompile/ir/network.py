"""A network: one layer graph, frozen, in topological order, with inferred edge types."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir.infer import infer
from nmcompile.ir.ops import Input, Op, Output
from nmcompile.ir.types import EdgeType


@dataclass(frozen=True, slots=True)
class Node:
    """One operator in a network.

    Attributes:
        name: unique in the network.
        op: the operator.
        inputs: names of the producing nodes, in argument order.
        origin: the user's layer name (module path, NIR node), for every message.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    origin: str = ""

    @property
    def label(self) -> str:
        """The name to show to the user."""
        return self.origin or self.name


@dataclass(frozen=True)
class Network:
    """A directed acyclic graph of operators that runs `timesteps` steps per inference.

    Attributes:
        name: unique in the program.
        nodes: in topological order (checked).
        timesteps: T; 1 for a network without spiking neurons.
    """

    name: str
    nodes: tuple[Node, ...]
    timesteps: int = 1

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for node in self.nodes:
            if node.name in seen:
                raise _broken(self.name, node.label, f"node name `{node.name}` is used twice")
            for source in node.inputs:
                if source not in seen:
                    raise _broken(self.name, node.label, f"input `{source}` is not defined before")
            seen.add(node.name)

    @cached_property
    def by_name(self) -> dict[str, Node]:
        """Node lookup."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def types(self) -> dict[str, EdgeType]:
        """The type of every node's output.

        Raises:
            NmError: NM0201 when an operator does not accept its inputs.
        """
        types: dict[str, EdgeType] = {}
        for node in self.nodes:
            types[node.name] = infer(node.op, tuple(types[i] for i in node.inputs), node.label)
        return types

    @property
    def input(self) -> Node:
        """The single input node."""
        return next(node for node in self.nodes if isinstance(node.op, Input))

    @property
    def output(self) -> Node:
        """The single output node."""
        return next(node for node in self.nodes if isinstance(node.op, Output))

    @cached_property
    def consumers(self) -> dict[str, tuple[Node, ...]]:
        """For every node, the nodes that read it, in network order."""
        return {n.name: tuple(m for m in self.nodes if n.name in m.inputs) for n in self.nodes}

    def only_consumer(self, name: str) -> Node | None:
        """The one reader of `name`, or None when there are none or several."""
        readers = self.consumers[name]
        return readers[0] if len(readers) == 1 else None

    def of_type(self, *kinds: type) -> Iterator[Node]:
        """Nodes whose operator is one of `kinds`."""
        return (node for node in self.nodes if isinstance(node.op, kinds))

    def replace(self, **changes: object) -> Network:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def map_nodes(self, change: Callable[[Node], Node | None]) -> Network:
        """A copy in which `change` replaced nodes; None removes a node and joins its edges."""
        alias: dict[str, str] = {}
        nodes = []
        for node in self.nodes:
            inputs = tuple(alias.get(i, i) for i in node.inputs)
            new = change(dataclasses.replace(node, inputs=inputs))
            if new is None:
                alias[node.name] = inputs[0]
            else:
                nodes.append(new)
        return dataclasses.replace(self, nodes=tuple(nodes))

    def to_networkx(self) -> nx.DiGraph:
        """The graph for networkx's algorithms: node attribute `op`, edge attribute `type`."""
        graph = nx.DiGraph(name=self.name)
        for node in self.nodes:
            graph.add_node(node.name, op=node.op, origin=node.origin)
            for source in node.inputs:
                graph.add_edge(source, node.name, type=self.types[source])
        return graph


def _broken(network: str, where: str, message: str) -> NmError:
    return NmError(Diagnostic(code="NM0201", message=message, where=f"{network}: {where}"))
