"""Do all networks together fit the largest system of the target?"""

from __future__ import annotations

from collections.abc import Mapping

from nmcompile.diagnostics import Diagnostic, NmError
from nmcompile.mapping.graph import MappedGraph
from nmcompile.target import Target


def require_system(graphs: Mapping[str, MappedGraph], target: Target, uncounted: int = 0) -> None:
    """Every network is resident at the same time, so that their cores add up.

    Args:
        graphs: networks on cores. target: the chip.
        uncounted: networks that come beside them and have no cores yet.

    Raises:
        NmError: NM0315 when the system has fewer cores.
    """
    chips, per_chip = target.chip.chips_max.value, target.chip.cores.value
    cores = sum(graph.cores for graph in graphs.values())
    if cores <= chips * per_chip:
        return
    parts = ", ".join(f"{name} {graph.cores:,}" for name, graph in graphs.items())
    raise NmError(
        Diagnostic(
            code="NM0315",
            message="the networks need more cores than the largest system has",
            where="all networks together",
            limit=f"{chips * per_chip:,} cores = {chips:,} chips of {per_chip:,} "
            f"({target.cite('chip.chips_max')})",
            found=f"{cores:,}" + (f", and {uncounted} more networks" if uncounted else ""),
            notes=(f"cores of every network: {parts}",),
            help=(
                "use smaller crops, fewer channels or larger strides",
                "choose a larger board or system (`nmcompile targets list`)",
            ),
        )
    )
