"""Tianjic behind the backend contract: functional cores, folded in time, and their simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nmcompile.backends.base import LayerRow, Simulator, Traffic, of_kind
from nmcompile.backends.tianjic.rules import rules_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.membrane_ops import Query
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta
from nmcompile.ir.program import Program
from nmcompile.mapping.fcore_graph import FCoreGraph
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import Usage
from nmcompile.passes.context import TargetRules
from nmcompile.target import FCoreTarget, Target, of_family

if TYPE_CHECKING:
    from nmcompile.backends.tianjic.mapping.schedule import Schedule

ON_CORES = (
    *(ops.Input, ops.Output, ops.Conv2d, ops.Linear, ops.SumPool2d, ops.SpikeMaxPool2d),
    *(ops.Neuron, ops.Add, ops.Flatten, ops.Encode, ops.Decode),
    *(ops.Slot, ops.Correlate, ops.Accumulate, Query),
)
"""Operators that cores or the read-out realise."""


@dataclass(frozen=True)
class TianjicBackend:
    """Maps golden networks onto functional cores and simulates them.

    Attributes:
        schedules: how layers are folded in time: (network, schedule), "" for all networks that
            have no entry of their own. One without any takes the fewest phases that fit.
    """

    schedules: tuple[tuple[str, str], ...] = ()
    name = "tianjic"

    def supports(self, op: ops.Op, target: Target) -> str | None:
        """See `Backend.supports`."""
        if isinstance(op, ops.Shift):
            return "a core adds products; it cannot shift the sum of spiking neurons"
        if isinstance(op, ops.Delay):
            return f"an axon of {target.name} delays nothing"
        if not isinstance(op, ON_CORES):
            return f"no functional core computes {type(op).__name__}"
        if isinstance(op, ops.SpikeMaxPool2d) and op.rule != "or":
            return f"{target.name} has no neuron that keeps a running maximum"
        if isinstance(op, ops.Encode) and op.mode == "impulse":
            return f"no neuron of {target.name} keeps its input current"
        return _neuron_refusal(op, target) if isinstance(op, ops.Neuron) else None

    def rules(self, target: Target) -> TargetRules:
        """See `Backend.rules`."""
        return rules_of(target)

    def folded(self, schedule: str) -> TianjicBackend:
        """See `Folding.folded`."""
        from nmcompile.backends.tianjic.mapping.schedule import schedule_named

        entries = [entry.rpartition("=") for entry in schedule.split(",")]
        return TianjicBackend(tuple((name, str(schedule_named(s))) for name, _, s in entries))

    def curve(self, network: Network, target: Target) -> tuple[LayerRow, ...]:
        """See `Folding.curve`."""
        from nmcompile.backends.tianjic.mapping.plan import curve

        return curve(network, of_family(target, FCoreTarget))

    def map(
        self,
        network: Network,
        target: Target,
        traffic: Traffic | None = None,
        *,
        cores: int | None = None,
        beside: Sequence[MappedGraph] = (),
    ) -> FCoreGraph:
        """See `Backend.map`."""
        from nmcompile.backends.tianjic.mapping.mapper import map_network

        chip, schedule = of_family(target, FCoreTarget), self._schedule(network)
        return map_network(network, chip, traffic, schedule=schedule, cores=cores, beside=beside)

    def cut(self, network: Network, target: Target, traffic: Traffic | None = None) -> FCoreGraph:
        """See `Placing.cut`; beside other networks it may be folded more."""
        from nmcompile.backends.tianjic.mapping.mapper import cut_network

        chip = of_family(target, FCoreTarget)
        return cut_network(network, chip, traffic, self._schedule(network))

    def placed(
        self, graph: MappedGraph, target: Target, beside: Sequence[MappedGraph]
    ) -> FCoreGraph:
        """See `Placing.placed`."""
        from nmcompile.backends.tianjic.mapping.places import placed

        return placed(of_kind(graph, FCoreGraph), of_family(target, FCoreTarget), beside)

    def _schedule(self, network: Network) -> Schedule | None:
        from nmcompile.backends.tianjic.mapping.schedule import schedule_named

        chosen = dict(self.schedules)
        text = chosen.get(network.name, chosen.get(""))
        return None if text is None else schedule_named(text)

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """See `Backend.refusals`."""
        from nmcompile.backends.tianjic.problems import refusals

        return refusals(network, of_family(target, FCoreTarget))

    def usage(self, graph: MappedGraph, target: Target) -> tuple[Usage, ...]:
        """See `Backend.usage`."""
        from nmcompile.backends.tianjic.usage import usage

        return usage(of_kind(graph, FCoreGraph), of_family(target, FCoreTarget))

    def layer_rows(self, graph: MappedGraph, target: Target) -> tuple[LayerRow, ...]:
        """Cores, steps and phases of every layer."""
        from nmcompile.backends.tianjic.usage import layer_rows

        return layer_rows(of_kind(graph, FCoreGraph))

    def simulator(self, graph: MappedGraph) -> Simulator:
        """See `Backend.simulator`."""
        from nmcompile.backends.tianjic.simulator.engine import FCoreEngine

        return FCoreEngine(of_kind(graph, FCoreGraph))

    def emit(self, program: Program, graphs: Mapping[str, MappedGraph], folder: Path) -> None:
        """Nothing: the chip's own format is not published."""


def _neuron_refusal(op: ops.Neuron, target: Target) -> str | None:
    model = op.model
    if isinstance(model, SigmaDelta):
        return f"a neuron of {target.name} sends values of 8 bits without sign"
    if not isinstance(model, IntegerNeuron):
        return None
    if model.u_keep:
        return f"a neuron of {target.name} has no synaptic current"
    if model.payloads != (1,):
        return f"the thresholds of {target.name} do not change from timestep to timestep"
    if model.state_shift:
        return f"a neuron of {target.name} adds the sum as it is"
    return None
