"""The smallest backend: an imaginary chip on which everything fits. A model for plug-ins.

It keeps the target's number formats, but its cores are as large as they need to be, so that
every population is one tile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from nmcompile.backends.base import LayerRow, Simulator, Traffic
from nmcompile.backends.loihi.backend import LoihiBackend
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.network import Network
from nmcompile.ir.ops import Op
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import Usage, limits_of
from nmcompile.mapping.mapper import map_network
from nmcompile.passes.context import TargetRules
from nmcompile.target import Target

UNLIMITED = 2**31 - 1


class ExampleBackend:
    """Borrows the mapper and the simulator; brings its own limits."""

    name = "example"

    def supports(self, op: Op, target: Target) -> str | None:
        """See `Backend.supports`."""
        return LoihiBackend().supports(op, target)

    def rules(self, target: Target) -> TargetRules:
        """See `Backend.rules`."""
        return LoihiBackend().rules(target)

    def map(
        self,
        network: Network,
        target: Target,
        traffic: Traffic | None = None,
        *,
        cores: int | None = None,
        beside: Sequence[MappedGraph] = (),
    ) -> CoreGraph:
        """See `Backend.map`."""
        limits = dataclasses.replace(
            limits_of(target),
            neurons=UNLIMITED,
            in_axons=UNLIMITED,
            out_axons=UNLIMITED,
            synapse_memory_bytes=UNLIMITED,
            total_memory_bytes=UNLIMITED,
        )
        return map_network(network, limits, traffic, cores=cores, beside=beside)

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """Everything fits."""
        return ()

    def usage(self, graph: MappedGraph, target: Target) -> tuple[Usage, ...]:
        """Against the target's own limits, which nothing here obeys."""
        return LoihiBackend().usage(graph, target)

    def layer_rows(self, graph: MappedGraph, target: Target) -> tuple[LayerRow, ...]:
        """See `Backend.layer_rows`."""
        return LoihiBackend().layer_rows(graph, target)

    def simulator(self, graph: MappedGraph) -> Simulator:
        """See `Backend.simulator`."""
        return LoihiBackend().simulator(graph)

    def emit(self, program: Program, graphs: Mapping[str, MappedGraph], folder: Path) -> None:
        """There is nothing to emit for an imaginary chip."""
