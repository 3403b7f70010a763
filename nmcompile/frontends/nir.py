"""NIR graphs -> float programs with one spiking network `main`.

NIR describes dynamics in continuous time; `nir_neurons` says what a timestep does. Several edges
into a node add up. The input is spikes. Node names stay the user's: `nodes.conv1`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import networkx as nx
import numpy as np

from nmcompile.diagnostics import Diagnostic, DiagnosticBag, NmError
from nmcompile.frontends import nir_neurons
from nmcompile.frontends.nir_file import read_nir
from nmcompile.ir import ops
from nmcompile.ir.arrays import Array
from nmcompile.ir.network import Network, Node
from nmcompile.ir.neurons import Reset
from nmcompile.ir.program import Program, Step

if TYPE_CHECKING:
    import nir

NETWORK: Final = "main"


@dataclass(frozen=True, slots=True)
class NirOptions:
    """What a NIR file does not say.

    Attributes:
        dt_s: length of a timestep in seconds; 1e-4 as in the NIR paper's experiments.
        timesteps: T of one inference.
        reset: what a spike does to the membrane. NIR's equations reset to v_reset ("zero");
            frameworks such as sinabs train with reset by subtraction and do not say so.
    """

    dt_s: float = 1e-4
    timesteps: int = 32
    reset: Reset = "zero"


def load_nir(path: Path, name: str, options: NirOptions | None = None) -> Program:
    """A `.nir` file as a program whose network `main` runs on every frame.

    Raises:
        NmError: NM0105, NM0106, NM0130 (the file), NM0131 (node types), NM0132 (the graph's
            shape), NM0133 (neuron parameters).
    """
    options = options or NirOptions()
    network = graph_to_network(read_nir(path), options)
    return Program(
        name=name,
        level="float",
        networks=(network,),
        schedule=(Step(NETWORK, "every_frame", "chip", network=NETWORK),),
    ).assume(
        f"a timestep of the NIR graph is {options.dt_s:g} s, forward Euler",
        f"one inference of the NIR graph is {options.timesteps} timesteps",
        f"a spike resets the membrane {_RESET_WORDS[options.reset]}",
    )


_RESET_WORDS: Final[dict[Reset, str]] = {
    "zero": "to v_reset, as NIR's equations say",
    "subtract": "by the threshold, as asked for; NIR's equations say to v_reset",
}


def graph_to_network(graph: nir.NIRGraph, options: NirOptions) -> Network:
    """The IR form of a graph that nir accepted.

    Raises:
        NmError: NM0131, NM0132, NM0133, all that apply at once; NM0201 when shapes do not fit.
    """
    order = _topological(graph)
    converter = _Converter(graph, options)
    for name in order:
        converter.convert(name)
    converter.problems.raise_errors()
    network = Network(NETWORK, tuple(converter.nodes), options.timesteps)
    _ = network.types
    return network


def _topological(graph: nir.NIRGraph) -> list[str]:
    """Node names from input to output; nir itself gives them in alphabetical order."""
    edges = nx.DiGraph()
    edges.add_nodes_from(sorted(graph.nodes))
    edges.add_edges_from(sorted(set(graph.edges)))
    kinds = [type(graph.nodes[n]).__name__ for n in sorted(graph.nodes)]
    for kind in ("Input", "Output"):
        if kinds.count(kind) != 1:
            raise _shape(f"one {kind} node", f"{kinds.count(kind)} {kind} nodes", "nodes")
    if not nx.is_directed_acyclic_graph(edges):
        cycle = [edge[0] for edge in nx.find_cycle(edges)]
        found = " -> ".join((*cycle, cycle[0]))
        raise _shape("no recurrent connections", found, f"nodes.{cycle[0]}")
    end = next(n for n in graph.nodes if type(graph.nodes[n]).__name__ == "Output")
    used = nx.ancestors(edges, end) | {end}
    if not any(type(graph.nodes[n]).__name__ == "Input" for n in used):
        raise _shape("a path from Input to Output", "no edges that join them", f"nodes.{end}")
    return [n for n in nx.lexicographical_topological_sort(edges) if n in used]


def _shape(limit: str, found: str, where: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0132",
            message="the NIR graph has a shape that cannot be compiled",
            where=where,
            limit=limit,
            found=found,
        )
    )


class _UnsupportedError(Exception):
    """This node has no IR form."""


class _Converter:
    """Converts nodes in topological order; collects problems."""

    def __init__(self, graph: nir.NIRGraph, options: NirOptions) -> None:
        self._graph = graph
        self._options = options
        self._sources: dict[str, list[str]] = {n: [] for n in graph.nodes}
        for source, target in sorted(set(graph.edges)):
            self._sources[target].append(source)
        self._ir_name: dict[str, str] = {}
        self.nodes: list[Node] = []
        self.problems = DiagnosticBag()

    def convert(self, name: str) -> None:
        node = self._graph.nodes[name]
        kind = type(node).__name__
        origin = f"nodes.{name}"
        self._ir_name[name] = ir_name = self._unique(name)
        op: ops.Op = ops.Output()  # a stand-in after a problem, so that the rest is checked too
        try:
            op = self._op(kind, node)
        except _UnsupportedError as error:
            self.problems.add(_unsupported(kind, origin, str(error)))
        except nir_neurons.UndiscretisableError as error:
            self.problems.add(
                Diagnostic(
                    code="NM0133",
                    message=f"the parameters of this {kind} have no form in timesteps",
                    where=origin,
                    limit=error.limit,
                    found=error.found,
                    help=error.help,
                )
            )
        self.nodes.append(Node(ir_name, op, self._inputs(name, ir_name, origin), origin))

    def _op(self, kind: str, node: Any) -> ops.Op:
        neuron = _NEURONS.get(kind)
        if neuron is not None:
            return ops.Neuron(neuron(node, self._options))
        handler = _OPS.get(kind)
        if handler is None:
            raise _UnsupportedError("no such node in the compiler")
        return handler(node)

    def _inputs(self, name: str, ir_name: str, origin: str) -> tuple[str, ...]:
        sources = [self._ir_name[s] for s in self._sources[name] if s in self._ir_name]
        if len(sources) < 2:
            return tuple(sources)
        total = Node(self._unique(f"{ir_name}_sum"), ops.Add(), tuple(sources), origin)
        self.nodes.append(total)
        return (total.name,)

    def _unique(self, name: str) -> str:
        base = "".join(c if c.isalnum() else "_" for c in name)
        base = base if base[:1].isalpha() else f"node_{base}"
        taken = {n.name for n in self.nodes}
        while base in taken:
            base += "_"
        return base


def _unsupported(kind: str, origin: str, found: str) -> Diagnostic:
    known = ", ".join(sorted((*_OPS, *_NEURONS)))
    return Diagnostic(
        code="NM0131",
        message=f"a NIR node of type {kind} cannot be compiled in this form",
        where=origin,
        limit=known,
        found=found,
    )


def _input(node: Any) -> ops.Op:
    return ops.Input("spikes", _extents(node.input_type["input"]), bits=1)


def _output(_: Any) -> ops.Op:
    return ops.Output()


def _conv2d(node: Any) -> ops.Op:
    weight = np.asarray(node.weight)
    stride, dilation = _pair(node.stride), _pair(node.dilation)
    if isinstance(node.padding, str | bytes):
        raise _UnsupportedError(f"padding {node.padding!r}, not numbers")
    bias = np.zeros(weight.shape[0]) if node.bias is None else np.asarray(node.bias)
    return ops.Conv2d(
        weight=Array(weight.astype(np.float32)),
        bias=Array(np.broadcast_to(bias, weight.shape[:1]).astype(np.float32)),
        stride=stride,
        padding=_pair(node.padding),
        dilation=dilation,
        groups=int(np.asarray(node.groups).reshape(-1)[0]),
    )


def _affine(node: Any) -> ops.Op:
    weight = np.asarray(node.weight, np.float32)
    if weight.ndim != 2:
        raise _UnsupportedError(f"a weight of shape {weight.shape}")
    bias = np.asarray(getattr(node, "bias", np.zeros(weight.shape[0])), np.float32)
    return ops.Linear(Array(weight), Array(np.broadcast_to(bias, weight.shape[:1])))


def _avg_pool(node: Any) -> ops.Op:
    return ops.AvgPool2d(_pair(node.kernel_size), _pair(node.stride), _pair(node.padding))


def _sum_pool(node: Any) -> ops.Op:
    return ops.SumPool2d(_pair(node.kernel_size), _pair(node.stride), _pair(node.padding))


def _flatten(node: Any) -> ops.Op:
    """NIR's shapes have no batch, but torch-based writers store torch's start_dim = 1."""
    shape = node.input_type["input"]
    rank = 0 if shape is None else len(_extents(shape))
    start, end = int(node.start_dim), int(node.end_dim)
    if start not in (0, 1) or end not in (-1, rank - 1, rank):
        raise _UnsupportedError(f"flattening of axes {start} to {end} only")
    return ops.Flatten()


def _scale(node: Any) -> ops.Op:
    factors = np.unique(np.asarray(node.scale, np.float64))
    if factors.size != 1:
        raise _UnsupportedError("a factor of its own for every element")
    return ops.Scale(float(factors[0]))


def _extents(shape: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in np.asarray(shape).reshape(-1))


def _pair(value: Any) -> ops.Pair:
    items = _extents(value)
    return (items[0], items[-1])


_OPS: Final[dict[str, Callable[[Any], ops.Op]]] = {
    "Input": _input,
    "Output": _output,
    "Conv2d": _conv2d,
    "Linear": _affine,
    "Affine": _affine,
    "AvgPool2d": _avg_pool,
    "SumPool2d": _sum_pool,
    "Flatten": _flatten,
    "Scale": _scale,
}
_NEURONS: Final[dict[str, Callable[[Any, NirOptions], Any]]] = {
    "IF": lambda node, o: nir_neurons.integrate_and_fire(node, o.dt_s, o.reset),
    "LIF": lambda node, o: nir_neurons.leaky(node, o.dt_s, o.reset),
    "CubaLIF": lambda node, o: nir_neurons.current_based(node, o.dt_s, o.reset),
    "Threshold": lambda node, o: nir_neurons.threshold_only(node, o.reset),
}
