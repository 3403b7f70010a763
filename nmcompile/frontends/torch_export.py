"""torch.export programs -> float networks, with the module paths as layer names."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.frontends.archive import Archive, open_archive
from nmcompile.frontends.aten import AtenGraph, AtenNode, Ref, read_archive
from nmcompile.frontends.aten_ops import HANDLERS, UnsupportedError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.ir.program import Preprocess, Program, Step

if TYPE_CHECKING:
    import torch

NETWORK: Final = "main"
EVAL_HELP: Final = "call `model.eval()` before `torch.export.export`"


def load_export(archive: Archive, name: str, preprocess: Preprocess | None = None) -> Program:
    """A `.pt2` file as a program with one network `main` that runs on every frame.

    Args:
        archive: the accepted archive.
        name: of the program.
        preprocess: how a frame becomes the network's input; by default pixels 0..255 as they are.

    Raises:
        NmError: NM0105, NM0118 (the archive), NM0120 (operators), NM0121 (inputs, outputs).
    """
    network = graph_to_network(read_archive(archive), NETWORK)
    program = Program(
        name=name,
        level="float",
        networks=(network,),
        schedule=(Step(NETWORK, "every_frame", "chip", network=NETWORK),),
        preprocess=preprocess or _raw_pixels(network),
    )
    if preprocess is None:
        return program.assume("the exported network takes pixels 0..255 without normalisation")
    return program


def _raw_pixels(network: Network) -> Preprocess:
    if network.types[network.input.name].shape[0] == 1:
        return Preprocess("gray", mean=(0.0,), std=(1.0,))
    return Preprocess()


def exported_to_network(exported: torch.export.ExportedProgram, name: str) -> Network:
    """An exported program in memory as a network.

    Raises:
        NmError: NM0120 (operators), NM0121 (inputs, outputs).
    """
    import torch

    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    # The same reader as for files, so that there is one meaning of every operator.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exported.pt2"
        path.write_bytes(buffer.getvalue())
        return graph_to_network(read_archive(open_archive(path)), name)


def graph_to_network(graph: AtenGraph, name: str) -> Network:
    """The IR form of an exported graph.

    Raises:
        NmError: NM0120 with one diagnostic per operator without IR form; NM0121 for inputs and
            outputs that a network cannot have; NM0201 when shapes do not fit.
    """
    shape = _check_interface(graph)
    return _Converter(graph, name, shape).convert()


def _check_interface(graph: AtenGraph) -> tuple[int, ...]:
    """The shape of the single input without batch, or NM0121."""
    if graph.effects:
        raise _interface(f"it changes its own state ({graph.effects[0]})", EVAL_HELP)
    if len(graph.inputs) != 1 or graph.inputs[0] not in graph.shapes:
        found = f"{len(graph.inputs)} inputs"
        raise _interface(found, "export a module that takes exactly one tensor")
    if len(graph.outputs) != 1 or graph.outputs[0] not in graph.shapes:
        found = f"{len(graph.outputs)} outputs"
        raise _interface(found, "export a module that returns exactly one tensor")
    shape = graph.shapes[graph.inputs[0]]
    if shape is None or any(s is None for s in graph.shapes.values()):
        raise _interface("symbolic extents", "export without `dynamic_shapes`")
    if len(shape) not in (2, 4):
        raise _interface(f"an input of shape {shape}", "export with (N, C, H, W) or (N, features)")
    return shape[1:]


def _interface(found: str, *help_: str) -> NmError:
    return NmError(
        Diagnostic(
            code="NM0121",
            message="the exported program is not one function of one image",
            limit="one input, one output, fixed shapes, evaluation mode",
            found=found,
            help=help_,
        )
    )


class _Converter:
    """Walks the graph once; problems are collected, what depends on them is skipped."""

    def __init__(self, graph: AtenGraph, name: str, shape: tuple[int, ...]) -> None:
        self._graph = graph
        self._name = name
        first = Node("input", ops.Input("values", shape, signed=True))
        self._nodes = [first]
        self._names = {first.name, "output"}
        self._sources = {graph.inputs[0]: first.name}
        self._lost: set[str] = set()
        self._problems: list[Diagnostic] = []

    def convert(self) -> Network:
        fixed = set(self._graph.constants)
        for node in self._graph.nodes:
            used = _references(node)
            if used and used <= fixed:
                # Arithmetic on weights alone (counters, weight norm): an error if it is needed.
                fixed.update(node.outputs)
            elif self._lost.isdisjoint(used):
                self._convert(node)
            else:
                self._lost.update(node.outputs)
        if self._problems:
            raise NmError(*self._problems)
        end = Node("output", ops.Output(), (self._sources[self._graph.outputs[0]],))
        network = Network(self._name, _reachable((*self._nodes, end)))
        _ = network.types  # shape errors belong to the file, so they are found here
        return network

    def _convert(self, node: AtenNode) -> None:
        handler = HANDLERS.get(node.op)
        try:
            if handler is None:
                raise UnsupportedError("no such operator in the compiler")
            self._sources[node.outputs[0]] = handler(self, node)
            self._lost.update(node.outputs[1:])
        except UnsupportedError as error:
            self._refuse(node, error.found, error.help)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._refuse(node, f"arguments that do not fit the operator ({error!r})", ())

    def _refuse(self, node: AtenNode, found: str, help_: tuple[str, ...]) -> None:
        self._lost.update(node.outputs)
        self._problems.append(
            Diagnostic(
                code="NM0120",
                message=f"`{node.op}` cannot be compiled in this form",
                where=_origin(node),
                found=found,
                help=help_,
            )
        )

    def source(self, value: Any) -> str:
        if not isinstance(value, Ref) or value.name not in self._sources:
            raise UnsupportedError("arithmetic with a constant tensor")
        return self._sources[value.name]

    def constant(self, value: Any) -> npt.NDArray[np.float32] | None:
        if value is None:
            return None
        if not isinstance(value, Ref) or value.name not in self._graph.constants:
            raise UnsupportedError("a weight that is computed, not stored")
        return self._graph.constants[value.name].astype(np.float32)

    def shape(self, tensor: str) -> tuple[int, ...]:
        shape = self._graph.shapes.get(tensor)
        if shape is None:
            raise UnsupportedError(f"tensor `{tensor}` without a fixed shape")
        return shape

    def emit(self, node: AtenNode, op: ops.Op, *inputs: str) -> str:
        base = _origin(node).replace(".", "_").replace(":", "_")
        name, count = base, 2
        while name in self._names:
            name, count = f"{base}_{count}", count + 1
        self._names.add(name)
        self._nodes.append(Node(name, op, inputs, _origin(node)))
        return name


def _references(node: AtenNode) -> set[str]:
    values = [v for a in node.arguments.values() for v in (a if isinstance(a, list) else [a])]
    return {v.name for v in values if isinstance(v, Ref)}


def _origin(node: AtenNode) -> str:
    """The layer's module path; for code in a forward method the path and the operator."""
    if node.leaf:
        return node.module
    return f"{node.module}:{node.name}" if node.module else node.name


def _reachable(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The input and the nodes that lead to the output, in order."""
    wanted = {nodes[0].name, nodes[-1].name}
    for node in reversed(nodes):
        if node.name in wanted:
            wanted.update(node.inputs)
    return tuple(n for n in nodes if n.name in wanted)
