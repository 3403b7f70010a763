"""TrueNorth behind the backend contract: limits and fit. It maps and simulates nothing yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from nmcompile.backends.base import Simulator, Traffic
from nmcompile.backends.survey import Survey
from nmcompile.backends.truenorth.neuron import neuron_refusal
from nmcompile.backends.truenorth.rules import rules_of
from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import IntegerNeuron, SigmaDelta
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.passes.context import TargetRules
from nmcompile.target import Target

ON_CORES = (
    *(ops.Input, ops.Output, ops.Conv2d, ops.Linear, ops.SumPool2d, ops.SpikeMaxPool2d),
    *(ops.Neuron, ops.Add, ops.Flatten, ops.Decode),
)
"""Operators that crossbars, neurons, the routers or the read-out realise."""


class TrueNorthBackend:
    """Says layer by layer whether a network fits crossbar cores."""

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
        if isinstance(model, SigmaDelta):
            return f"a spike of {target.name} carries no value"
        return neuron_refusal(model) or None if isinstance(model, IntegerNeuron) else None

    def rules(self, target: Target) -> TargetRules:
        """See `Backend.rules`."""
        return rules_of(target)

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
        beside: Sequence[CoreGraph] = (),
    ) -> CoreGraph:
        """Refuses: see `not_mapped`."""
        not_mapped(target.name)

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """See `Backend.refusals`."""
        from nmcompile.backends.truenorth.survey import refusals

        return refusals(network, target)

    def simulator(self, graph: CoreGraph) -> Simulator:
        """Refuses: see `not_mapped`."""
        not_mapped(self.name)

    def emit(self, program: Program, graphs: Mapping[str, CoreGraph], folder: Path) -> None:
        """There is nothing to emit."""


def not_mapped(target: str) -> NoReturn:
    """This version maps nothing to crossbar cores.

    Raises:
        NmError: NM0314, always.
    """
    raise NmError(
        Diagnostic(
            code="NM0314",
            message="this version does not map networks to the cores of this chip",
            where=target,
            help=(
                f"`nmcompile check MODEL --target {target}` says whether and how it fits",
                "build for another target, for example --target loihi2",
            ),
        )
    )
