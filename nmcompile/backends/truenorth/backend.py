"""TrueNorth behind the backend contract: what fits, crossbars, and the simulated cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nmcompile.backends.base import LayerRow, Simulator, Traffic, of_kind
from nmcompile.backends.survey import Survey
from nmcompile.backends.truenorth.neuron import neuron_refusal
from nmcompile.backends.truenorth.rules import rules_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron, ReLU8, SigmaDelta
from nmcompile.ir.program import Program
from nmcompile.mapping.crossbar_graph import CrossbarGraph
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import Usage
from nmcompile.passes.context import TargetRules
from nmcompile.passes.rate_split import FanInCut
from nmcompile.target import CrossbarTarget, Target, of_family

ON_CORES = (
    *(ops.Input, ops.Output, ops.Conv2d, ops.Linear, ops.SumPool2d, ops.SpikeMaxPool2d),
    *(ops.Neuron, ops.Add, ops.Flatten, ops.Delay, ops.Decode, ops.Slot, ops.TemplateTaps),
)
"""Operators that crossbars, neurons, the routers or the read-out realise."""


class TrueNorthBackend:
    """Maps golden networks onto crossbar cores and simulates them."""

    name = "truenorth"

    def supports(self, op: ops.Op, target: Target) -> str | None:
        """See `Backend.supports`."""
        if isinstance(op, ops.Shift):
            return "a crossbar adds weights; it cannot shift the sum"
        if isinstance(op, ops.Encode):
            return f"a spike of {target.name} carries no pixel value"
        if not isinstance(op, ON_CORES):
            return f"no crossbar core computes {type(op).__name__}"
        if isinstance(op, ops.SpikeMaxPool2d) and op.rule != "or":
            return f"{target.name} has no neuron that keeps a running maximum"
        model = op.model if isinstance(op, ops.Neuron) else None
        if isinstance(model, SigmaDelta | ReLU8):
            return f"a spike of {target.name} carries no value"
        return neuron_refusal(model) or None if isinstance(model, IntegerNeuron) else None

    def rules(self, target: Target) -> TargetRules:
        """See `Backend.rules`."""
        return rules_of(target)

    def wide_layers(self, network: Network, target: Target) -> tuple[FanInCut, ...]:
        """See `RateSplitter.wide_layers`."""
        from nmcompile.backends.truenorth.partial_sums import wide_layers

        return wide_layers(network, of_family(target, CrossbarTarget))

    def survey(self, program: Program, target: Target) -> Survey:
        """See `Surveyor.survey`."""
        from nmcompile.backends.truenorth.survey import survey

        return survey(program, target)

    def map(
        self,
        network: Network,
        target: Target,
        traffic: Traffic | None = None,
        *,
        cores: int | None = None,
        beside: Sequence[MappedGraph] = (),
    ) -> CrossbarGraph:
        """See `Backend.map`."""
        from nmcompile.backends.truenorth.mapping.mapper import map_network

        chip = of_family(target, CrossbarTarget)
        return map_network(network, chip, traffic, cores=cores, beside=beside)

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """See `Backend.refusals`."""
        from nmcompile.backends.truenorth.survey import refusals

        return refusals(network, target)

    def usage(self, graph: MappedGraph, target: Target) -> tuple[Usage, ...]:
        """See `Backend.usage`."""
        from nmcompile.backends.truenorth.usage import usage

        return usage(of_kind(graph, CrossbarGraph), of_family(target, CrossbarTarget))

    def layer_rows(self, graph: MappedGraph, target: Target) -> tuple[LayerRow, ...]:
        """Boxes, cores, copies and relays."""
        from nmcompile.backends.truenorth.usage import layer_rows

        return layer_rows(of_kind(graph, CrossbarGraph))

    def simulator(self, graph: MappedGraph) -> Simulator:
        """See `Backend.simulator`."""
        from nmcompile.backends.truenorth.simulator.engine import TrueNorthEngine

        return TrueNorthEngine(of_kind(graph, CrossbarGraph))

    def emit(self, program: Program, graphs: Mapping[str, MappedGraph], folder: Path) -> None:
        """Nothing: `nmcompile ranc export` writes RANC's files, 300 kB per core, when asked."""
