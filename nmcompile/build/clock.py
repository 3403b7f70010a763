"""Chips with a clock: does the work of a tick fit into it, as far as anybody has measured?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmcompile.diagnostics import Diagnostic
from nmcompile.ir.counters import CoreCounters
from nmcompile.mapping.graph import MappedGraph
from nmcompile.target import CrossbarTarget, Target
from nmcompile.target.numbers import Measure


def clock_concerns(
    graph: MappedGraph, counted: tuple[CoreCounters, ...], target: Target
) -> list[Diagnostic]:
    """Warnings where a tick holds more than the chip was ever measured to do in that time.

    Args:
        graph: the mapped network. counted: what its cores did, one entry per inference.
        target: a chip whose clock waits for nobody; others have no such limit.
    """
    if not isinstance(target, CrossbarTarget):
        return []
    found: dict[str, tuple[float, str]] = {}
    for cores in counted:
        for what, used, each in _loads(graph, cores, target):
            allowed = _seconds(target.time.tick) / _seconds(each)
            if used > allowed and used > found.get(what, (0.0, ""))[0]:
                found[what] = (
                    used,
                    f"{allowed:,.0f} a tick of {target.time.tick.value:g} "
                    f"{target.time.tick.unit} [{each.source}, {each.where}]",
                )
    return [
        Diagnostic(
            code="NM0327",
            severity="warning",
            message=f"a tick asks one chip for more {what} than it was measured to do",
            where=graph.network,
            limit=limit,
            found=f"{used:,.0f}",
            help=(
                "read the times and the frame rate as those of a slower clock",
                "spread the network over more chips, or lower its spike rates",
            ),
        )
        for what, (used, limit) in found.items()
    ]


def _loads(
    graph: MappedGraph, cores: CoreCounters, target: CrossbarTarget
) -> Iterator[tuple[str, float, Measure]]:
    """(what, how many of them in the busiest tick of the busiest chip, time of one)."""
    chip = graph["core.chip"]
    sops = [cores.sops[:, chip == c].sum(axis=1).max(initial=0) for c in range(graph.chips)]
    yield "synaptic operations", float(np.max(sops, initial=0)), target.time.synaptic_op_chip
    # Packets over edges are not counted tick by tick: their mean is a lower bound of the busiest.
    edge = (cores.host_packets + cores.chip_crossings) / max(1, len(cores.sops) * graph.chips)
    yield "packets over its edges", edge, target.time.edge_packet


def _seconds(measure: Measure) -> float:
    return measure.quantity().value or 0.0
