"""A network on its way to another level: the nodes so far, and what their outputs stand for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from nmcompile.coding.schedule import Schedule
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network, Node
from nmcompile.passes.spike_units import Real

ONE: Real = np.ones(())


@dataclass
class Rebuilt:
    """What is known about the nodes of a network that is being converted.

    Attributes:
        network: the original.
        nodes: of the new one.
        unit: the real value of one unit of a node's output, `()` or one for each channel.
        alias: original node -> the new one that stands for its output.
        coding: schedule of spikes, of the nodes that spike. zero: what stands for 0, where not 0.
        paired: nodes of which two channels each are the positive and the negative part of one.
        output_unit, output_zero: of what leaves the network.
    """

    network: Network
    nodes: list[Node] = field(default_factory=list, kw_only=True)
    unit: dict[str, Real] = field(default_factory=dict, kw_only=True)
    alias: dict[str, str] = field(default_factory=dict, kw_only=True)
    coding: dict[str, Schedule] = field(default_factory=dict, kw_only=True)
    zero: dict[str, int] = field(default_factory=dict, kw_only=True)
    paired: set[str] = field(default_factory=set, kw_only=True)
    output_unit: Real = field(default_factory=lambda: ONE, kw_only=True)
    output_zero: int = field(default=0, kw_only=True)

    def _inputs(self, node: Node) -> tuple[str, ...]:
        return tuple(self.alias.get(i, i) for i in node.inputs)

    def _emit(self, node: Node, unit: Real, coding: Schedule | None = None) -> str:
        """Append a node; `coding` says that its output are spikes, and which."""
        self.nodes.append(node)
        self.unit[node.name] = unit
        if coding is not None:
            self.coding[node.name] = coding
        return node.name

    def _insert(
        self,
        name: str,
        op: ops.Op,
        source: str,
        origin: str,
        unit: Real,
        coding: Schedule | None = None,
    ) -> str:
        return self._emit(Node(name, op, (source,), origin), unit, coding)

    def _refused(self, node: Node, found: str) -> NmError:
        return NmError(
            Diagnostic(
                code="NM0208",
                message="this part of the network has no spiking form",
                where=node.label,
                found=found,
            )
        )
