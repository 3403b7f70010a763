"""Loihi 1 and Loihi 2 behind the backend contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nmcompile.backends.base import LayerRow, Simulator, Traffic, of_kind
from nmcompile.backends.loihi.rules import rules_of
from nmcompile.diagnostics import Diagnostic
from nmcompile.ir import ops
from nmcompile.ir.network import Network
from nmcompile.ir.neurons import ReLU8, SigmaDelta
from nmcompile.ir.program import Program
from nmcompile.mapping.coregraph import CoreGraph
from nmcompile.mapping.graph import MappedGraph
from nmcompile.mapping.limits import Usage, limits_of
from nmcompile.mapping.mapper import cut_network, map_network, placed, refusals
from nmcompile.mapping.utilisation import synapse_formats, utilisation
from nmcompile.passes.context import TargetRules
from nmcompile.target import NeurocoreTarget, Target, of_family

ON_CORES = (
    *(ops.Input, ops.Output, ops.Conv2d, ops.Linear, ops.SumPool2d, ops.SpikeMaxPool2d),
    *(ops.Neuron, ops.Add, ops.Shift, ops.Flatten, ops.Delay, ops.Encode, ops.Decode),
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
            return _not_encoded(op, target)
        if isinstance(op, ops.Neuron) and isinstance(op.model, ReLU8):
            return f"no neuron program of {target.name} rounds a sum to 8 bits"
        if isinstance(op, ops.Accumulate) and op.apart:
            return f"the read-out of {target.name} adds the membranes of all channels"
        bits = _signed_bits(op)
        most = int(of_family(target, NeurocoreTarget).formats.graded_bits.value)
        if bits > most:
            return f"a message of {bits} bits: a spike of {target.name} carries {most}"
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
        beside: Sequence[MappedGraph] = (),
    ) -> CoreGraph:
        """See `Backend.map`."""
        return map_network(network, limits_of(target), traffic, cores=cores, beside=beside)

    def cut(self, network: Network, target: Target, traffic: Traffic | None = None) -> CoreGraph:
        """See `Placing.cut`."""
        return cut_network(network, limits_of(target), traffic)

    def placed(
        self, graph: MappedGraph, target: Target, beside: Sequence[MappedGraph]
    ) -> CoreGraph:
        """See `Placing.placed`."""
        return placed(of_kind(graph, CoreGraph), limits_of(target), beside)

    def refusals(self, network: Network, target: Target) -> tuple[Diagnostic, ...]:
        """See `Backend.refusals`."""
        return refusals(network, limits_of(target))

    def usage(self, graph: MappedGraph, target: Target) -> tuple[Usage, ...]:
        """See `Backend.usage`."""
        return utilisation(of_kind(graph, CoreGraph), limits_of(target))

    def layer_rows(self, graph: MappedGraph, target: Target) -> tuple[LayerRow, ...]:
        """Formats of the synapses, where the memory has any."""
        return tuple(
            {"layer": layer, "synapse_format": text, "synapse_words": words}
            for layer, text, words in synapse_formats(of_kind(graph, CoreGraph), limits_of(target))
        )

    def simulator(self, graph: MappedGraph) -> Simulator:
        """See `Backend.simulator`."""
        from nmcompile.backends.loihi.engine import LoihiEngine

        return LoihiEngine(of_kind(graph, CoreGraph))

    def emit(self, program: Program, graphs: Mapping[str, MappedGraph], folder: Path) -> None:
        """A Lava package per chip network in `folder`/lava; in `folder`/netx what is a chain."""
        from nmcompile.backends.loihi.lava.emit import emit_lava
        from nmcompile.backends.loihi.netx.writer import emit_nets

        emit_nets(program.chip_networks, folder / "netx")
        for network in program.chip_networks:
            emit_lava(network, folder / "lava")


def _not_encoded(op: ops.Encode, target: Target) -> str | None:
    """Why an image cannot enter where spikes are binary; None for the bias of pixel neurons."""
    if op.mode == "impulse":
        return f"a spike of {target.name} carries no pixel value"
    if max(op.payloads) > 1:
        return f"{op.mode} coding needs payloads, and a spike of {target.name} carries none"
    return None


def _signed_bits(op: ops.Op) -> int:
    """Width of the signed messages that an operator sends; 0 when it sends none."""
    if isinstance(op, ops.Neuron) and isinstance(op.model, SigmaDelta):
        return op.model.message_bits
    return op.bits if isinstance(op, ops.Input) and op.kind == "spikes" and op.signed else 0
