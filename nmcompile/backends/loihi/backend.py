"""Loihi 1 and Loihi 2 behind the backend contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nmcompile.backends.base import Simulator, Traffic
from nmcompile.backends.loihi.lava_limits import leave_note, without_lava_form
from nmcompile.backends.loihi.rules import rules_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.limits import limits_of
from nmcompile.mapping.mapper import map_network, refusals
from nmcompile.passes.context import TargetRules
from nmcompile.target import Target

ON_CORES = (
    *(ops.Input, ops.Output, ops.Conv2d, ops.Linear, ops.SumPool2d, ops.SpikeMaxPool2d),
    *(ops.Neuron, ops.Add, ops.Shift, ops.Flatten, ops.Encode, ops.Decode),
    *(ops.Slot, ops.Correlate, ops.Accumulate),
)
"""Operators that cores, the spike router or the read-out realise."""


class LoihiBackend:
    """Maps golden networks onto Loihi neurocores and simulates them."""

    name = "loihi"

    def supports(self, op: ops.Op, target: Target) -> str | None:
        """See `Backend.supports`."""
        if not isinstance(op, ON_CORES):
            return f"no neurocore computes {type(op).__name__}"
        pools = isinstance(op, ops.SpikeMaxPool2d) and op.rule != "or"
        if pools and target.neuron.max_pool != "microcode":
            return f"{target.name} has no neuron that keeps a running maximum"
        if isinstance(op, ops.Correlate) and rules_of(target).correlate == "none":
            return f"the host of {target.name} cannot write a template into synapses"
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

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """See `Backend.refusals`."""
        return refusals(network, limits_of(target))

    def simulator(self, graph: CoreGraph) -> Simulator:
        """See `Backend.simulator`."""
        from nmcompile.backends.loihi.engine import LoihiEngine

        return LoihiEngine(graph)

    def emit(self, program: Program, graphs: Mapping[str, CoreGraph], folder: Path) -> None:
        """One importable Lava package per chip network, in `folder`/lava, or why there is none."""
        from nmcompile.backends.loihi.emit import emit_lava

        for network in program.chip_networks:
            reasons = without_lava_form(network)
            if reasons:
                leave_note(network, reasons, folder / "lava")
            else:
                emit_lava(network, folder / "lava")
