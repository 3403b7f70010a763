"""Loihi 1 and Loihi 2 behind the backend contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nmcompile.backends.base import Simulator, Traffic
from nmcompile.backends.loihi.rules import rules_of
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import limits_of
from nmcompile.mapping.mapper import map_network
from nmcompile.passes.context import TargetRules
from nmcompile.target import Target

ON_CORES = (
    *(ops.Input, ops.Output, ops.Conv2d, ops.Linear, ops.SumPool2d, ops.SpikeMaxPool2d),
    *(ops.Neuron, ops.Add, ops.Shift, ops.Flatten, ops.Encode, ops.Decode),
)
"""Operators that cores, the spike router or the read-out realise."""


class LoihiBackend:
    """Maps golden networks onto Loihi neurocores and simulates them."""

    name = "loihi"

    def supports(self, op: ops.Op, target: Target) -> str | None:
        """See `Backend.supports`."""
        if not isinstance(op, ON_CORES):
            return f"no neurocore computes {type(op).__name__}"
        pools = isinstance(op, ops.SpikeMaxPool2d) and op.rule == "running_max"
        if pools and target.neuron.max_pool != "microcode":
            return f"{target.name} has no neuron that keeps a running maximum"
        if isinstance(op, ops.Encode) and not target.neuron.graded_input:
            return f"a spike of {target.name} carries no pixel value"
        return None

    def rules(self, target: Target) -> TargetRules:
        """See `Backend.rules`."""
        return rules_of(target)

    def map(
        self,
        network: Network,
        target: Target,
        traffic: Traffic | None = None,
        *,
        cores: int | None = None,
        beside: Sequence[CoreGraph] = (),
    ) -> CoreGraph:
        """See `Backend.map`."""
        return map_network(network, limits_of(target), traffic, cores=cores, beside=beside)

    def simulator(self, graph: CoreGraph) -> Simulator:
        """See `Backend.simulator`."""
        from nmcompile.backends.loihi.engine import LoihiEngine

        return LoihiEngine(graph)

    def emit(self, program: Program, graphs: Mapping[str, CoreGraph], folder: Path) -> None:
        """One importable Lava package per chip network, in `folder`/lava."""
        from nmcompile.backends.loihi.emit import emit_lava

        for network in program.chip_networks:
            emit_lava(network, folder / "lava")
